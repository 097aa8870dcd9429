"""Guess the sequence of a series from everything in its files, with reasons or remaining doubts.

The timing ranges are those of clinical protocols at 0.5 to 3 T (Bernstein, King and Zhou, Handbook of
MRI Pulse Sequences, 2004): FLAIR inverts 1.5 to 2.8 s before a long echo, T1 FLAIR 0.4 to 1.3 s before a
short one, STIR about 0.2 s.
"""

import math
import re
from dataclasses import dataclass, field, replace

from brainseg.io.description_words import FLAIR_WEIGHTING, PD, T1, T2, T2_STAR, Words, read_words
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST

STIR = "STIR"
REFORMATTED = "reformatted"
LABEL_MAP, DEFORMATION = "a label map", "a deformation"

_KIND_OF_IMAGE_TYPE = {
    "diffusion": "ADC EADC ADC_MAP TRACEW TRACE FA FA_MAP DIFFUSION TENSOR TENSOR_B0 COLFA EXPONENTIAL",
    "perfusion": "PERFUSION RCBV RELCBV CBV CBF RELCBF MTT RELMTT TTP TMAX PBP GBP ASL",
    "derived by subtraction": "SUBTRACT SUBTRACTION SUB",
    REFORMATTED: "MPR REFORMATTED PROJECTION MIP MIN_IP MINIP MNIP MAXIP CSAMPR CURVED_MPR "
    "PROJECTIONIMAGE",
    "a localizer": "LOCALIZER SCOUT SURVEY",
    "a map": "T1MAP T2MAP T2_STARMAP R2 R2_STAR T1_MAP T2_MAP QMAP PHASEMAP B0 B1 FIELDMAP",
    "a phase image": "P PHASE VELOCITY",
    "susceptibility": "SWI MIP_SWI",
    "functional": "FMRI BOLD",
    "a fat image": "FAT OPP_PHASE",
    "a screenshot": "SCREENSAVE SCREENSHOT",
}
_NAMED_AS_HERE = re.compile(r"(pre|post)-contrast(\.nii)?(\.gz)?$", re.IGNORECASE)
"""Names of the exports of this application, whose pre-contrast and post-contrast are T1-weighted."""

_IMAGE_KINDS = {
    value: kind for kind, values in _KIND_OF_IMAGE_TYPE.items() for value in values.split()
}


@dataclass(frozen=True)
class Evidence:
    """The values in the files of a series that bear on its sequence; None or empty if unknown.

    Attributes:
        description: of the series. Free text, never shown.
        protocol: name of the protocol, on some scanners that of the whole examination.
        sequence_name: the pulse sequence, such as "*tir2d1_16".
        file_name: without its folder.
        image_type: the values of Image Type, in upper case.
        scanning: the codes of Scanning Sequence, such as "SE" and "IR".
        repetition_ms: TR.
        echo_ms: TE.
        inversion_ms: TI.
        agents: True and False, as far as the contrast tags state each.
        b_value: in s/mm2, the largest.
        is_angiography: whether the angio flag is set.
    """

    description: str = field(default="", repr=False)
    protocol: str = field(default="", repr=False)
    sequence_name: str = field(default="", repr=False)
    file_name: str = field(default="", repr=False)
    image_type: tuple[str, ...] = ()
    scanning: tuple[str, ...] = ()
    repetition_ms: float | None = None
    echo_ms: float | None = None
    inversion_ms: float | None = None
    agents: frozenset[bool] = frozenset()
    b_value: float | None = None
    is_angiography: bool = False


@dataclass(frozen=True)
class SequenceGuess:
    """The guess of a series' sequence.

    Attributes:
        sequence: one of :data:`brainseg.volume.SEQUENCES` if nothing contradicts it, else None.
        candidates: the possible sequences, the likeliest first, if the evidence is contradictory.
        kind: if it is none of the three, its kind such as "T2"; None if unknown.
        reasons: for the guess, in order of weight; words come from a fixed vocabulary.
        is_derived: whether the files call it a derived image.
        is_explicit: whether contrast agent, or its absence, is stated; always True but for a T1.
    """

    sequence: str | None = None
    candidates: tuple[str, ...] = ()
    kind: str | None = None
    reasons: tuple[str, ...] = ()
    is_derived: bool = False
    is_explicit: bool = True

    @property
    def is_unknown(self) -> bool:
        """Return whether nothing is known of it, so that it may be any sequence."""
        return not (self.sequence or self.candidates or self.kind)

    def in_words(self) -> str:
        """Return the guess and its reasons, such as “FLAIR (description: T2, FLAIR; TI 2500 ms)”."""
        if self.sequence:
            what = self.sequence
        elif self.candidates:
            what = f"unclear, {' or '.join(self.candidates)}"
            what += f" or {self.kind}" if self.kind else ""
        elif self.kind:
            what = f"{self.kind}, none of the three sequences"
        else:
            what = "not recognised"
        return f"{what} ({'; '.join(self.reasons)})" if self.reasons else what


UNKNOWN = SequenceGuess()


def guess_sequence(evidence: Evidence) -> SequenceGuess:
    """Return the guess from all evidence of a series; a contradiction leaves the sequence open."""
    words, reasons = _words(evidence)
    timing = _by_timing(evidence)
    if timing or evidence.inversion_ms:
        reasons.append(_timing_in_words(evidence, timing))
    kind, reason = _kind(evidence)
    reasons += [reason] if reason else []
    derived = "DERIVED" in evidence.image_type[:1]
    weightings = _agreed(words.weightings, timing)
    if words.kind == LABEL_MAP:
        return SequenceGuess(None, (), LABEL_MAP, tuple(reasons), derived)
    contrast = words.contrast | evidence.agents
    if T1 in weightings and evidence.agents:
        given = "contrast agent: given" if True in evidence.agents else "contrast agent: none"
        both = "contrast agent given and not given"
        reasons.append(both if len(evidence.agents) > 1 else given)
    candidates = _candidates(weightings, contrast)
    other = words.kind or kind or _other_weighting(weightings)
    if words.kind or (kind and (kind != REFORMATTED or not candidates)):
        # Diffusion, a localizer and so on, whatever weighting the words also name.
        return SequenceGuess(None, (), words.kind or kind, tuple(reasons), derived)
    if other and candidates:
        return SequenceGuess(None, candidates, other, tuple(reasons), derived)
    explicit = bool(contrast) or T1 not in weightings
    if len(candidates) == 1:
        return SequenceGuess(candidates[0], (), None, tuple(reasons), derived, explicit)
    return SequenceGuess(None, candidates, other, tuple(reasons), derived, explicit)


def _candidates(weightings: frozenset[str], contrast: frozenset[bool]) -> tuple[str, ...]:
    found = [FLAIR] if FLAIR_WEIGHTING in weightings else []
    if T1 in weightings:
        found += [PRE_CONTRAST] if not contrast or False in contrast else []
        found += [POST_CONTRAST] if True in contrast else []
    return tuple(found)


def _other_weighting(weightings: frozenset[str]) -> str | None:
    return next((name for name in (T2_STAR, T2, PD, STIR) if name in weightings), None)


def _words(evidence: Evidence) -> tuple[Words, list[str]]:
    """Return the meaning of the description, and of the other texts where they add something."""
    texts = (
        ("description", read_words(evidence.description)),
        ("protocol", _of_one_series(read_words(evidence.protocol))),
        ("file name", _file_name(evidence)),
    )
    weightings: frozenset[str] = frozenset()
    contrast: frozenset[bool] = frozenset()
    kind, reasons = None, []
    for source, words in texts:
        if not (words or words.contrast) or (words.kind and weightings):
            continue
        kind = kind or words.kind
        weightings |= words.weightings
        # The text closer to the series wins; a protocol may be that of several series.
        contrast = contrast or words.contrast
        reasons.append(f"{source}: {', '.join(words.recognised)}")
    return Words(weightings, contrast, kind), reasons


def _file_name(evidence: Evidence) -> Words:
    """Return the words of a file name; with a description, those of a whole examination are ignored."""
    words = read_words(evidence.file_name, is_name=True)
    if not words and words.contrast and _NAMED_AS_HERE.search(evidence.file_name):
        words = replace(words, weightings=frozenset({T1}))
    return _of_one_series(words) if evidence.description or evidence.protocol else words


def _of_one_series(words: Words) -> Words:
    """Return the words of a protocol if they name one weighting; others describe the examination."""
    return words if len(words.weightings) == 1 or words.kind else Words()


def _by_timing(evidence: Evidence) -> str | None:
    """Return the weighting that TR, TE and TI determine, or None."""
    tr, te, ti = evidence.repetition_ms, evidence.echo_ms, evidence.inversion_ms
    if ti and ti > 50:
        if ti <= 260 and (tr is None or tr > 1500):
            return STIR
        if (te is None and ti >= 1500) or (te is not None and te >= 60 and ti >= 1200):
            return FLAIR_WEIGHTING
        return T1 if 260 < ti < 1400 and (te is None or te < 50) else None
    if tr is None or te is None or "EP" in evidence.scanning:
        return None
    if "GR" in evidence.scanning and "SE" not in evidence.scanning:
        return T2_STAR if te >= 15 else None
    if 250 <= tr <= 1300 and te <= 35:
        return T1
    if tr >= 1800 and te >= 60:
        return T2
    return PD if tr >= 1800 and te < 40 else None


def _agreed(words: frozenset[str], timing: str | None) -> frozenset[str]:
    """Return the weightings possible by words and timing, several if they contradict each other."""
    if timing is None or timing in words:
        return frozenset({timing}) if timing and T2 not in words and len(words) > 1 else words
    if not words:
        return frozenset({timing})
    if timing in (T2, PD):
        # Without a TI, FLAIR has the timing of a T2, and T1 FLAIR that of a proton density.
        return words | {timing} if timing == T2 and words == {T1} else words
    if timing == T1 and not words & {FLAIR_WEIGHTING, T1}:
        return words
    return words | {timing}


def _timing_in_words(evidence: Evidence, timing: str | None) -> str:
    values = (evidence.repetition_ms, evidence.echo_ms, evidence.inversion_ms)
    named = zip(("TR", "TE", "TI"), values, strict=True)
    known = ", ".join(f"{name} {value:.4g}" for name, value in named if value)
    return f"{known} ms" + (f", as of {timing}" if timing else "")


def _kind(evidence: Evidence) -> tuple[str | None, str | None]:
    """Return the kind and the reason if the tags show that it is not an anatomical sequence."""
    for value in evidence.image_type:
        plain = value.replace(" ", "")
        if kind := _IMAGE_KINDS.get(plain) or _IMAGE_KINDS.get(plain.split("_")[0]):
            return kind, f"image type: {plain}"
    if evidence.b_value and math.isfinite(evidence.b_value):
        return "diffusion", f"b-value {evidence.b_value:.4g} s/mm2"
    if evidence.is_angiography:
        return "angiography", "angio flag"
    if "EP" in evidence.scanning or re.match(r"\*?ep(2d|_|fi|se)", evidence.sequence_name.lower()):
        return "echo-planar", "echo-planar imaging"
    return None, None
