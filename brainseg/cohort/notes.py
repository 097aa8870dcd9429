"""What a user should know about how the files of a cohort were read, one sentence each."""

from collections import Counter

import pandas as pd

from brainseg.cohort.studies import GUESSED


def notes_on(slices: pd.DataFrame) -> list[str]:
    """Return one sentence for each fact about how the files of an index were read."""
    is_volume = slices["case"].isin(slices["case"][slices["source"].notna()])
    notes = _conversions(slices.loc[~is_volume, ["image_notes", "mask_notes"]])
    guessed = int(slices["image_notes"].str.contains(GUESSED).fillna(False)[is_volume].sum())
    if guessed:
        notes.append(
            f"{guessed} case(s) have a sequence that no file names for sure: their pages say which "
            "series was taken for it, and the overview asks for it once."
        )
    if slices["mask_path"].isna().all():
        return [
            *notes,
            "No mask was found, so tumours cannot be counted or predictions scored: the "
            "documentation of input files lists where masks are looked for.",
        ]
    unusable = int(slices["area_px"].isna().sum())
    if unusable:
        notes.append(
            f"{unusable} of {len(slices)} slices have no usable image and mask and are left out of "
            "the statistics: `brainseg check` names each."
        )
    return notes


def _conversions(slices: pd.DataFrame) -> list[str]:
    """Return a sentence for each kind of conversion of images or masks, with the number of files."""
    counts: Counter[tuple[str, str]] = Counter()
    for what in ("image", "mask"):
        for notes, number in slices[f"{what}_notes"].value_counts(sort=False).items():
            counts.update({(what, note): number for note in str(notes).splitlines()})
    return [
        f"{number} {what}(s) were converted on reading: {note}."
        for (what, note), number in counts.most_common()
    ]
