"""Which sequence a series is, by all that its files say: words, timing, contrast tags, image type."""

import pytest

from brainseg.io.sequence_guess import Evidence, SequenceGuess, guess_sequence
from brainseg.io.sequences import guess_from_words
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST

AFTER = """
T1 SE AXIAL avec injection de gadolinium|T1 avec gado|T1 après injection|T1 ap gado|T1 injecté
T1 avec PDC|T1 post Gd|AX T1 +C|T1+C|T1 C+|T1 + Gd|AX T1 W CONTRAST|AX T1 W/CONTRAST|T1 w/ gad
T1Post|t1_mprage_post
t1_se_tra_KM|T1 nach KM|T1 mit Kontrastmittel|T1 n. KM|T1 TSE +K|T1 SAG GADO|T1 GD|AX T1 POST GAD FS
T1 c/ contraste|T1 com contraste|T1 pós contraste|T1 con contraste|T1 con gadolinio|T1 con CIV
T1 dopo mdc|T1 con m.d.c.|T1 con mezzo di contrasto|T1 po kontraście|T1 z kontrastem|T1 na contrast
T1 INJ|T1 nach Gabe von Dotarem|T1 con C|T1 KM+
T1 met contrast|T1 med kontrast|T1 efter kontrast|T1 с контрастом|T1 增强|AX T1 FLAIR +C|T1_FLAIR_GD
3D T1 MPRAGE CE|ceT1w|T1CE|sub-01_ce-gadolinium_T1w|IXI-t1gd|T1 post-op +C|t1-weighted post-contrast
"""
BEFORE = """
T1|AX T1 SE|AX T1 PRE|T1 pre gad|T1 sans injection|T1 SE sans gado|T1 avant injection de gadolinium
T1 non injecté|T1 ohne KM|T1 nativ|T1 vor KM|T1 o. KM|T1 sin contraste|T1 s/ contraste|T1 sin gadolinio
T1 simple|T1 senza mdc|T1 senza mezzo di contrasto|T1 pre mdc|T1 basale|T1 sem contraste
T1 zonder contrast|T1 blanco|T1 bez kontrastu|T1 przed kontrastem|T1 W/O CONTRAST|T1 WO CONTRAST
T1 non contrast|T1 noncontrast|T1 no contrast|T1 unenhanced|T1 C-|T1 -C|t1n|T1 utan kontrast
T1 без контраста|T1 平扫|AX T1 FLAIR|T1_FLAIR|FLAIR T1W|sT1W_3D_TFE|t1_mpr_ns_sag_p2_iso|Sag T1 post op
T1 pre-op|T1 W/O FS|Ax FSPGR 3D|patient_no_5_T1
T1 avant injection du produit de contraste|T1 vor der KM-Gabe|T1 previo a contraste|T1 NON-CON|T1 KM-
T1 kontrastsiz|T1 до контраста
"""
FLUID = """
FLAIR|AX T2 FLAIR|t2_tirm_tra_dark-fluid|T2FLAIR|t2f|3D CUBE FLAIR|T2 FLAIR post contrast|FLAIR avec gado
WIP 3D_Brain_VIEW_FLAIR|t2_space_dark-fluid_sag|FLAIR_in_T1_space|flair_reg_to_T1|eT2W_FLAIR|FLAIR_longTR
sub-01_ses-02_space-T1w_FLAIR|Axial FLAIR Propeller
"""
OTHERS = """
AX T2|AX T2 POST|T2 GD|T2W_TSE|t2w|AX T2* GRE|T2star|SWI|DWI|ep2d_diff_b1000|ADC (10^-6 mm2/s)|PD
AX PD/T2|dp t2|TOF 3D|MRA CE|localizer|Survey|3 plane loc|T1 MAP|T1map|T2 map post|T1 SUB
T1 POST subtraction|AX T1 MPR|AX T1 POST MPR|T1 MIP|DSC perf Gd|T1 dynamic|T1 DCE|rCBV|STIR
flair_seg|BraTS_001_seg|dwi flair
"""
ASKED = "T1 W/WO|T1 pre/post|T1 POST-PRE|T1 T2 FLAIR|T1 c/s contraste"
ASKED += "|T1 without and with contrast|T1 ohne und mit KM"


def listed(text: str) -> list[str]:
    return [one for line in text.strip().splitlines() for one in line.split("|")]


@pytest.mark.parametrize(
    ("words", "sequence"),
    [
        *((words, POST_CONTRAST) for words in listed(AFTER)),
        *((words, PRE_CONTRAST) for words in listed(BEFORE)),
        *((words, FLAIR) for words in listed(FLUID)),
        *((words, None) for words in listed(OTHERS + ASKED)),
    ],
)
def test_a_description_in_any_common_language_gives_its_sequence(words, sequence):
    assert guess_sequence(Evidence(description=words)).sequence == sequence
    assert guess_from_words(words) in (sequence, None)


@pytest.mark.parametrize("words", listed(OTHERS))
def test_what_is_none_of_the_three_says_what_it_is(words):
    found = guess_sequence(Evidence(description=words))
    assert found.kind
    assert not found.candidates
    assert "none of the three sequences" in found.in_words()


@pytest.mark.parametrize("words", listed(ASKED))
def test_ambiguous_words_leave_several_candidates(words):
    found = guess_sequence(Evidence(description=words))
    assert len(found.candidates) == 2
    assert found.in_words().startswith("unclear, ")


def timed(
    tr: float, te: float, ti: float | None = None, *scanning: str, words: str = ""
) -> SequenceGuess:
    return guess_sequence(
        Evidence(
            description=words, repetition_ms=tr, echo_ms=te, inversion_ms=ti, scanning=scanning
        )
    )


def test_timing_alone_tells_the_sequence():
    assert timed(9000, 120, 2500).sequence == FLAIR
    assert timed(5000, 390, 1800).sequence == FLAIR
    assert timed(2100, 9, 780).sequence == PRE_CONTRAST
    assert timed(500, 12, None, "SE").sequence == PRE_CONTRAST
    assert timed(4000, 100).kind == "T2"
    assert timed(3000, 15).kind == "PD"
    assert timed(600, 25, None, "GR").kind == "T2*"
    assert timed(4000, 60, 160).kind == "STIR"
    assert timed(25, 4, None, "GR").is_unknown
    assert timed(4000, 90, 0, "EP").kind == "echo-planar"
    assert timed(9000, 120, 2500).reasons == ("TR 9000, TE 120, TI 2500 ms, as of FLAIR",)


def test_words_and_timing_that_agree_are_certain():
    for words, timing, sequence in (
        ("AX FLAIR", (9000, 120, 2500), FLAIR),
        ("AX FLAIR", (9000, 120), FLAIR),
        ("AX T1 FLAIR", (2100, 9, 780), PRE_CONTRAST),
        ("AX T1 FLAIR", (2100, 9), PRE_CONTRAST),
        ("AX T1 FLAIR +C", (2100, 9, 780), POST_CONTRAST),
        ("T1 MPRAGE", (1900, 3, 900, "GR", "IR"), PRE_CONTRAST),
        ("T1 T2 FLAIR", (9000, 120, 2500), FLAIR),
    ):
        assert timed(*timing, words=words).sequence == sequence, words


def test_words_and_timing_that_contradict_each_other_are_asked():
    for words, timing, candidates in (
        ("AX T1", (9000, 120, 2500), (FLAIR, PRE_CONTRAST)),
        ("AX T1 +C", (9000, 120, 2500), (FLAIR, POST_CONTRAST)),
        ("AX FLAIR", (2100, 9, 780), (FLAIR, PRE_CONTRAST)),
        ("AX FLAIR", (500, 12, None, "SE"), (FLAIR, PRE_CONTRAST)),
        ("AX T2", (9000, 120, 2500), (FLAIR,)),
        ("AX T1", (4000, 100), (PRE_CONTRAST,)),
        ("t2_tirm", (4000, 60, 160), (FLAIR,)),
    ):
        found = timed(*timing, words=words)
        assert (found.sequence, found.candidates) == (None, candidates), words


def test_contrast_tags_and_words_decide_together():
    yes, no, both = frozenset({True}), frozenset({False}), frozenset({True, False})
    for words, agents, sequence in (
        ("AX T1", yes, POST_CONTRAST),
        ("AX T1", no, PRE_CONTRAST),
        ("AX T1", frozenset(), PRE_CONTRAST),
        ("AX T1 +C", yes, POST_CONTRAST),
        ("AX T1 +C", no, None),
        ("AX T1 PRE", yes, None),
        ("AX T1", both, None),
        ("AX T2", yes, None),
        ("AX FLAIR", yes, FLAIR),
    ):
        assert guess_sequence(Evidence(description=words, agents=agents)).sequence == sequence, (
            words
        )
    doubt = guess_sequence(Evidence(description="AX T1 PRE", agents=yes))
    assert doubt.candidates == (PRE_CONTRAST, POST_CONTRAST)
    assert "contrast agent: given" in doubt.in_words()


def test_image_type_diffusion_and_angiography_are_never_a_sequence():
    derived = ("DERIVED", "SECONDARY")
    for evidence, kind in (
        (Evidence("t1", image_type=("ORIGINAL", "PRIMARY", "LOCALIZER")), "a localizer"),
        (Evidence("t1", image_type=(*derived, "SUBTRACT")), "derived by subtraction"),
        (Evidence("FLAIR", b_value=1000), "diffusion"),
        (Evidence("t1", is_angiography=True), "angiography"),
        (Evidence(image_type=(*derived, "MPR")), "reformatted"),
        (Evidence(sequence_name="*ep_b1000#1", image_type=(*derived, "ADC")), "diffusion"),
    ):
        found = guess_sequence(evidence)
        assert (found.sequence, found.candidates, found.kind) == (None, (), kind)


def test_a_reformatted_flair_is_asked():
    found = guess_sequence(
        Evidence(description="FLAIR tra", image_type=("DERIVED", "SECONDARY", "MPR"))
    )
    assert (found.sequence, found.candidates, found.kind) == (None, (FLAIR,), "reformatted")


@pytest.mark.parametrize("ending", ["", ".nii", ".nii.gz"])
def test_the_names_of_our_own_exports_are_recognised(ending):
    for sequence in (FLAIR, PRE_CONTRAST, POST_CONTRAST):
        name = f"TCGA_CS_4941_19960909_{sequence.lower()}{ending}"
        assert guess_sequence(Evidence(file_name=name)).sequence == sequence
    assert guess_sequence(Evidence(file_name="t2_post-contrast")).sequence is None
    assert guess_sequence(Evidence(file_name="head_with_contrast")).sequence is None


def test_the_protocol_and_the_file_name_count_where_the_description_is_silent():
    assert guess_sequence(Evidence(protocol="t2 flair tra")).sequence == FLAIR
    assert guess_sequence(Evidence(file_name="IM_flair_001")).sequence == FLAIR
    assert guess_sequence(Evidence(description="AX T1", protocol="T1 KM")).sequence == POST_CONTRAST
    # The name of a whole examination says nothing of one series.
    named = Evidence(description="AX T1", file_name="DOE.MR.HEAD_CONTRAST.0002.IMA")
    assert guess_sequence(named).sequence == PRE_CONTRAST
    for protocol in ("BRAIN W/WO CONTRAST", "T1 T2 FLAIR DWI", "HEAD + GD"):
        found = guess_sequence(Evidence(description="AX T1", protocol=protocol))
        assert found.sequence == PRE_CONTRAST, protocol
    contradiction = guess_sequence(Evidence(description="AX T1", protocol="AX T2 FLAIR"))
    assert contradiction.candidates == (FLAIR, PRE_CONTRAST)


def test_only_words_of_the_vocabulary_are_shown():
    found = guess_sequence(
        Evidence(description="T1 Doe^Jane post gadoDOE", protocol="Jane", file_name="Doe_T1.dcm")
    )
    assert found.sequence == POST_CONTRAST
    assert "doe" not in f"{found} {found.in_words()}".lower()
    assert "jane" not in repr(Evidence(description="Jane", protocol="Jane")).lower()
    assert guess_sequence(Evidence()).is_unknown
    assert guess_sequence(Evidence()).in_words() == "not recognised"
