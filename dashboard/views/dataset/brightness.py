"""How bright the tumours are on each sequence, compared with the rest of the head."""

import pandas as pd
import streamlit as st

from brainseg.plotting import cohort_figures
from brainseg.statistics import INSIDE, OUTSIDE
from brainseg.volume import FLAIR, SEQUENCES
from dashboard.shared import chart_selection, keys, widgets
from dashboard.shared.dataset_context import ShownCases, chart, wait_for_atlas


def draw(chosen: ShownCases) -> None:
    """Draw the section."""
    curves(chosen)
    by_case(chosen)


def curves(chosen: ShownCases) -> None:
    """Draw the distribution of intensities inside and outside the tumour."""
    question = "Is the tumour brighter than the rest of the head?"
    if wait_for_atlas(chosen, question):
        chart(
            chosen,
            question,
            cohort_figures.intensities,
            "Yes where the orange curve lies to the right of the blue one.",
            "The higher a curve, the more voxels have that intensity (0–255, as stored). Cases whose "
            "sequence only repeats FLAIR are not counted for that sequence.",
        )


def by_case(chosen: ShownCases) -> None:
    """Draw the mean intensity inside the tumour against the mean outside, for each case."""
    heading = st.container(gap="xxsmall")
    sequence = widgets.choice("Sequence", keys.SEQUENCE, SEQUENCES, FLAIR)

    def finding(table: pd.DataFrame) -> str:
        inside, outside = INSIDE[sequence], OUTSIDE[sequence]
        known = table[chosen.among(table)].dropna(subset=[inside, outside])
        brighter = int((known[inside] > known[outside]).sum())
        unknown = len(chosen.names) - len(known)
        text = f"On {sequence} the tumour is brighter than the rest in {brighter} of "
        return (
            text
            + widgets.counted(len(known), "case")
            + (f"; unknown in {unknown}." if unknown else ".")
        )

    chart(
        chosen,
        "In which cases is the tumour visibly brighter?",
        cohort_figures.inside_and_outside,
        finding,
        "Each point is a case: the mean intensity of its tumour against the rest of its head. Above "
        "the dotted line the tumour is brighter. MRI intensities have no unit: compare within a case. "
        "Cases without tumour, without that sequence or without a detectable head are unknown. Drag a "
        "box to choose cases.",
        chart_selection.in_cases,
        above=heading,
        sequence=sequence,
    )
