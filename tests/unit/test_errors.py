"""Names that a mistyped word probably means."""

from brainseg.errors import MOST_COMPARED, nearest


def test_a_similar_name_is_named_and_the_beginning_of_one_first():
    names = ["lgg-unet", "efficientnet-lite0"]
    assert nearest("lgg-net", names) == " (did you mean lgg-unet?)"
    assert nearest("EFFI", names) == " (did you mean efficientnet-lite0?)"
    assert nearest("tumour", names) == ""


def test_among_very_many_names_only_beginnings_are_searched():
    names = [f"CASE_{number:06}" for number in range(MOST_COMPARED + 1)]
    assert nearest("CASE_00123", names) == " (did you mean CASE_001230?)"
    assert nearest("CSAE_001230", names) == ""
    assert nearest("CSAE_001230", names[:2000]) != ""
