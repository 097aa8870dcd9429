"""Read weighting, contrast agent and kind from the words of a series description or a file name.

Descriptions are free text in the language of the hospital. Only words of the vocabularies below are
recognised and only these are ever shown, because a description may contain a patient's name.
"""

import re
import unicodedata
from dataclasses import dataclass


def words_in(words: str) -> frozenset[str]:
    """Return the words of a text that spaces separate."""
    return frozenset(words.split())


T1, T2, T2_STAR, PD, FLAIR_WEIGHTING = "T1", "T2", "T2*", "PD", "FLAIR"

_KINDS: dict[str, str] = {
    "a label map": "seg segm segmentation mask masks msk label labels labelmap prediction probability "
    "gt groundtruth annotation annotations gtv ctv roi rois glistr",
    "diffusion": "dwi dw adc eadc dadc dti dki diff diffusion tensor trace tracew isodwi noddi "
    "exp hardi diffusione difusion difusao diffusie dyfuzja difuzia diffusions colfa resolve ep2ddiff",
    "perfusion": "perf perfusion perfusie perfuzja perfusione perfusao dsc dce pwi asl pcasl pasl "
    "rcbv cbv rcbf cbf mtt ttp tmax dyn dynamic dynamik dynamisch dynamique dinamico ktrans tricks",
    "susceptibility": "swi swan swip minip susceptibility venobold hemo qsm medic merge mip_swi",
    "angiography": "tof mra mrv angio angiography angiographie angiografia arm veno venography inhance "
    "qflow pca",
    "strongly T2-weighted": "fiesta ciss haste trufi",
    "a localizer": "localizer localiser localizador localisateur loc scout survey surview topo topogram "
    "reperage smartbrain aahead aahscout aascout autoalign calibration calib asset refscan plane_loc",
    "a map": "map maps mapping mapa t1map t2map relaxometry relaxo molli fieldmap b0map b1map t1rho",
    "derived": "mpr sub subtraction subtracted subtr soustraction subtraktion sottrazione "
    "sustraccion resta subtracao reformat reformatted refor mip vrt projection recon3d screenshot "
    "collage",
    "spectroscopy": "svs csi mrs spectro spectroscopy spektroskopie press",
    "functional": "bold fmri func restingstate",
    "a deformation": "warp deformation displacement jacobian logjacobian",
    "STIR": "stir",
    "double inversion": "dir",
}
_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words.split()}
_ONLY_IN_DESCRIPTIONS = words_in("dir exp diff loc func map press resta arm trace")
"""Words with too many other meanings in file names."""

_T1 = words_in("t1 mprage spgr fspgr bravo mp2rage thrive lava vibe tfl3d fspgr3d")
_FLAIR = words_in("flair tirm darkfluid")
_PD = words_in("pd pdw dp proton rho")

_AGENTS = words_in(
    "km ks gd gad ce mdc pdc civ ivkm agent enhanced enh dtpa dota kontr"
    " iv inj gadavist magnevist dotarem dotagraf prohance multihance omniscan clariscan"
    " primovist eovist vueway elucirem artirem cyclolux optimark"
)
_AGENT_BEGINS = ("contra", "kontra", "gado", "inject", "injek", "iniez", "inyec", "tehost")
_NO_AGENT = {"contralateral", "injector", "contraindication", "kontrastsiz"}
_POST = words_in("post pos apres dopo after nachher enhanced")
_PRE = words_in(
    "pre prae pra before native nativ nativo natif nativa plain basal basale blanco"
    " unenhanced noncon simple kontrastsiz precontrast nongad nogad nogd vorher"
)
_WITHOUT = words_in(
    "without wo no non not none sans ss avant ohne vor kein keine sin senza sem zonder voor"
    " bez przed utan uten uden ilman antes prima avanti minus before pre prae pra prior"
    " previo previa fore for"
)
_WITH = words_in(
    "with w avec mit con com met z med after post pos apres nach dopo po na efter etter"
)
_ADJACENT_ONLY = {"no", "non", "not", "none", "ss", "o", "pra", "fore", "for", "minus"}
"""Further from the agent these belong to something else, as in “no 5 T1 gd”."""
_REACH = 4
"""Words between “without” and the agent, at most."""
_LAST_WITHOUT = words_in("without wo ohne sans sin senza sem bez zonder avant")
_LAST_WITH = words_in("with avec mit con com met apres dopo nach")
_NOT_OF_AGENT = re.compile(
    r"^(op|operat\w*|operation|surg\w*|rt|radio\w*|fossa|proc\w*|chemo\w*|biops\w*|sat|scan|treat\w*|"
    r"therap\w*|tx|resect\w*|trans\w*|mortem|natal)$"
)
_TOWARDS = {"to", "on", "onto", "in", "into", "reg", "registered", "coreg", "space", "2"}
_FOREIGN = (
    (
        re.compile(r"(?:без|до)\s*(?:контраст\w*|ку\b)|平扫|造影前|単純|增强前"),
        " without contrast ",
    ),
    (re.compile(r"контраст\w*|(?:^|\s)ку(?:\s|$)|造影後?|增强|增強|조영"), " contrast "),
)
_WEIGHTED = re.compile(
    r"^(ce|ax|sag|cor|tra|axial|[23]d|ir|[espr2])?(t[12])(\*|wi?(?!th)|weighted|p(?!ost|re))?(?!\d)(.*)$"
)
_B_VALUE, _B_VALUE_IN_NAME = re.compile(r"b(0|[1-9]\d{2,3})"), re.compile(r"b\d{1,2}00")
_SHORT = {"f": "flair", "n": "native", "c": "c", "g": "gd", "gdce": "gd"}


@dataclass(frozen=True)
class Words:
    """The meaning of a text.

    Attributes:
        weightings: of :data:`T1`, :data:`T2`, :data:`T2_STAR`, :data:`PD` and
            :data:`FLAIR_WEIGHTING`; several where the text is ambiguous. “T1 FLAIR” is T1.
        contrast: True (after contrast agent) and False (without), as far as the text states each.
        kind: if it is not an anatomical sequence, its kind such as "diffusion"; or None.
        recognised: the words this rests on, as they are shown.
    """

    weightings: frozenset[str] = frozenset()
    contrast: frozenset[bool] = frozenset()
    kind: str | None = None
    recognised: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.weightings or self.kind)


def read_words(text: str, is_name: bool = False) -> Words:
    """Return the meaning of a description, or of a file name if ``is_name``."""
    tokens = _without_target(tokens_of(text))
    shown: list[str] = []
    kind = _kind(tokens, is_name, shown)
    weightings = _weightings(tokens, shown)
    contrast = _contrast(tokens, shown)
    return Words(weightings, contrast, kind, tuple(dict.fromkeys(shown)))


def is_known(token: str) -> bool:
    """Return whether a word of :func:`tokens_of` bears on the sequence."""
    return bool(
        token in _KIND_OF
        or token in _T1 | _FLAIR | _PD | _AGENTS | _POST | _PRE | {"t2", "t2*", "c", "+"}
        or token.startswith(_AGENT_BEGINS)
    )


_NOT_DECOMPOSED = {"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "ß": "ss", "ä": "a"}
"""Letters whose accents Unicode normalization does not separate, and a letter that it need not."""


def tokens_of(text: str) -> list[str]:
    """Return the words of a text in lower case without accents, “t1ce” as “t1”, “ce”."""
    for pattern, replacement in _FOREIGN:
        text = pattern.sub(replacement, text.lower()) if pattern.search(text.lower()) else text
    for letter, plain in _NOT_DECOMPOSED.items():
        text = text.replace(letter, plain)
    text = unicodedata.normalize("NFKD", text)
    text = "".join(one for one in text if not unicodedata.combining(one))
    text = re.sub(
        r"(?i)(?:^|(?<=_))(sub|ses|task|run|dir|space|res|den|desc|rec|echo|hemi)-[a-z0-9]+",
        " ",
        text,
    )
    text = re.sub(r"t1_mpr(?=_|$)", "t1_mprage", text)  # Siemens' own name, always in lower case.
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=\d)(?=[A-Z][a-z])", " ", text).lower()
    for pattern, replacement in _SPELLINGS:
        text = pattern.sub(replacement, text)
    tokens: list[str] = []
    for token in re.findall(r"[a-z]+\d*\*|[a-z0-9]+|\+", text):
        tokens += _split(token)
    return tokens


_SPELLINGS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\bphase[ _-]*contrast\b", " pca "),
        (
            r"(?<![a-z])w\s?/\s?wo(?![a-z])|(?<![a-z])wwo(?![a-z])",
            " with contrast without contrast ",
        ),
        (
            r"(?<![a-z])(?:without|ohne|sans|sin|sem|senza|zonder|bez)\s*(?:and|&|/|\+|und|et|y|e|en|i)\s*"
            r"(?:with|mit|avec|con|com|met|z)(?![a-z])",
            " with contrast without contrast ",
        ),
        (r"(?<![a-z])non[ -]con(?![a-z])", " noncon "),
        (r"(?<![a-z])w\s?[/\\]\s?o(?![a-z])", " without "),
        (r"(?<![a-z])w\s?/", " with "),
        (r"(?<![a-z0-9])c\s?/\s?s(?![a-z])", " with contrast without contrast "),
        (r"(?<![a-z0-9])c\s?/", " with "),
        (r"(?<![a-z0-9])s\s?/", " without "),
        (r"(?<![a-z])m\.\s?d\.\s?c\.?", " mdc "),
        (r"(?<![a-z])k\.\s?m\.?", " km "),
        (r"(?<![a-z])o\.?\s?km(?![a-z])", " ohne km "),
        (r"(?<![a-z])n\.?\s?km(?![a-z])", " nach km "),
        (r"(?<![a-z0-9])(?:c|k|km|gd)-(?![a-z0-9])|(?<=\s)-\s?(?=(?:c|gd|km)\b)", " without c "),
        (r"(?<![a-z0-9])ct1(?![0-9])", "t1c"),
        (r"(?<![a-z])da-fl(?![a-z])", " darkfluid "),
        (r"dark[ _-]*fluid|fluid[ _-]*attenuat\w*", " darkfluid "),
        (r"t2[ _-]?(?:\*|star)", " t2* "),
        (r"(flair|mprage)", r" \1 "),
        (
            r"(?<![a-z])(post|pre|non|no|without|wo|ohne|nach|mit|sin|sem)(?=gd|gad|contr|kontr|km|inj|mdc|enh)",
            r"\1 ",
        ),
        (r"(?<![a-z])gd(?=\d)", "gd "),
        (r"\+", " + "),
    )
)


def _split(token: str) -> list[str]:
    """Return a token apart at its weighting: “cet1w” as “ce”, “t1”."""
    found = _WEIGHTED.match(token)
    if not found:
        return [token]
    before, weighting, star, rest = found.groups()
    if star == "*":
        weighting, star = f"{weighting}*", ""
    if rest in ("map", "maps", "rho"):
        return ["t1map"]
    return [
        *([before] if before in ("ce", "2") else []),
        weighting,
        *([_SHORT.get(rest, "")] if rest in _SHORT else _split(rest) if rest else []),
    ]


def _without_target(tokens: list[str]) -> list[str]:
    """Return the words before “to T1”, which names what an image was registered to."""
    weighted = {"t1", "t2", "flair", "mprage"}
    for index, token in enumerate(tokens[1:-1], start=1):
        if token == "space" and tokens[index - 1] == "t2":
            continue  # the sequence SPACE, as in “t2 space flair”
        if token in _TOWARDS and tokens[index + 1] in weighted and weighted & {*tokens[:index]}:
            return tokens[:index]
    return tokens


def _kind(tokens: list[str], is_name: bool, shown: list[str]) -> str | None:
    b_value = _B_VALUE_IN_NAME if is_name else _B_VALUE
    for index, token in enumerate(tokens):
        of_weighting = index > 0 and tokens[index - 1] in ("t1", "t2", "t2*")
        if token == "sub" and is_name and index < len(tokens) - 1:
            continue  # A subject's number follows.
        if is_name and token in _ONLY_IN_DESCRIPTIONS and not of_weighting:
            continue
        if token in _KIND_OF or b_value.fullmatch(token):
            shown.append(token)
            return _KIND_OF.get(token, "diffusion")
    return None


def _weightings(tokens: list[str], shown: list[str]) -> frozenset[str]:
    said = {*tokens}
    t1, flair, t2 = said & _T1, said & _FLAIR, said & {"t2"}
    star, density = said & {"t2*"}, said & _PD
    for name, words in ((T1, t1), (T2, t2), (T2_STAR, star), (FLAIR_WEIGHTING, flair)):
        shown += [name if word in (name.lower(), "flair") else word for word in sorted(words)]
    if flair and not star:
        if t1:
            return frozenset({T1, FLAIR_WEIGHTING} if t2 else {T1})
        return frozenset({FLAIR_WEIGHTING})
    found = {name for name, words in ((T1, t1), (T2, t2), (T2_STAR, star)) if words}
    if density and T1 not in found:
        shown.append("PD")
        found.add(PD)
    return frozenset(found)


def _contrast(tokens: list[str], shown: list[str]) -> frozenset[bool]:
    said = set()
    for index, token in enumerate(tokens):
        answer = _contrast_at(tokens, index)
        if answer is None:
            continue
        said.add(answer)
        linked = [word for word in tokens[max(0, index - 3) : index] if word in _WITHOUT | _WITH]
        shown.append(" ".join((*linked[-1:], _shown_agent(token))))
    return frozenset(said)


def _contrast_at(tokens: list[str], index: int) -> bool | None:
    """Return whether a word says that agent was given (True) or not (False); None where neither."""
    token = tokens[index]
    before = tokens[index - 1] if index else ""
    after = tokens[index + 1] if index + 1 < len(tokens) else ""
    is_agent = _is_agent(token)
    if token in ("c", "k"):
        is_agent = before in {"+", *_WITH, *_WITHOUT} or (token == "c" and before == "t1")
        is_agent = is_agent or after == "+"
    if is_agent:
        return _is_given(tokens, index)
    if token == "+":
        return True if before == "t1" and not after else None
    if _NOT_OF_AGENT.match(after):
        return None
    if token in _PRE or (token in _LAST_WITHOUT and not after):
        return False
    if (token in _POST and token != "pos") or (token in _LAST_WITH and not after):
        return True
    return None


def _is_given(tokens: list[str], index: int) -> bool:
    if tokens[index + 1 : index + 2] and tokens[index + 1] in ("no", "none", "nein", "minus"):
        return False
    for away in range(1, min(index, _REACH) + 1):
        word = tokens[index - away]
        if word in _WITHOUT and (away == 1 or word not in _ADJACENT_ONLY):
            return False
        if word in _WITH or word == "+":
            return True
        if _is_agent(word):
            # “Avant injection du produit de contraste” says one thing.
            return _is_given(tokens, index - away)
    return True


def _is_agent(token: str) -> bool:
    return token in _AGENTS or (token.startswith(_AGENT_BEGINS) and token not in _NO_AGENT)


def _shown_agent(token: str) -> str:
    if token in ("c", "k", "+"):
        return "contrast"
    return next((begin for begin in _AGENT_BEGINS if token.startswith(begin)), token)
