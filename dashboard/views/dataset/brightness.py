"""How bright the tumours are on each sequence, beside the rest of the head."""

import streamlit as st

from brainseg.plotting import measures
from brainseg.statistics import INSIDE, OUTSIDE
from brainseg.statistics.atlas import intensity_table
from brainseg.volume import FLAIR, SEQUENCES
from dashboard.shared import cache, chart_selection, dataset_context, keys, snippets, widgets
from dashboard.shared.dataset_context import Explored


def draw(now: Explored) -> None:
    """Draw the section."""
    curves(now)
    by_case(now)


def curves(now: Explored) -> None:
    """Draw how many voxels have which intensity, inside and outside of the tumour."""
    question = "Is the tumour brighter than the rest of the head?"
    made = dataset_context.wait_for(
        cache.atlas(now.cohort),
        "Reading every slice once, for the intensities",
        lambda: cache.atlas.clear(now.cohort),
        question,
    )
    if made is None:
        return
    table = intensity_table(made, now.names)
    told = "Where the orange curve lies right of the blue one, it is."
    dataset_context.title(question, told)
    dataset_context.chart(
        now,
        measures.intensities(table),
        "intensities",
        "Intensities inside and outside of the tumour, a panel a sequence.",
        snippets.intensities(now.code),
        "The higher a curve, the more of the voxels have that intensity (0 to 255, as stored). A case "
        "whose sequence only repeats FLAIR is not counted for it.",
        table,
    )


def by_case(now: Explored) -> None:
    """Draw the mean intensity of each case inside the tumour against outside of it."""
    question = st.container(gap="xxsmall")
    sequence = widgets.choice("Sequence", keys.SEQUENCE, SEQUENCES, FLAIR)
    cases = now.cases
    inside, outside = INSIDE[sequence], OUTSIDE[sequence]
    known = cases[now.chosen(cases) & cases[inside].notna() & cases[outside].notna()]
    brighter = int((known[inside] > known[outside]).sum())
    gone = len(now.names) - len(known)
    of = dataset_context.counted(len(known), "case")
    told = f"On {sequence} the tumour is brighter than the rest in {brighter} of {of}"
    told += f"; unknown in {gone}." if gone else "."
    with question:
        dataset_context.title("In which cases does it stand out?", told)
    group = now.every["institution"]
    dataset_context.chart(
        now,
        measures.inside_and_outside(cases, inside, outside, now.chosen(cases), group),
        "inside_and_outside",
        told,
        snippets.inside_and_outside(sequence, now.has_atlas, now.code),
        "A point a case: how bright its tumour is on average, against the rest of its head. Above the "
        "dotted line the tumour is brighter. Intensities of MRI have no unit: compare within a case. "
        "Unknown is a case without tumour, without that sequence, or whose head cannot be told from "
        "its background. Drag a box to choose cases.",
        cases[["case", "institution", inside, outside]],
        chart_selection.in_cases,
        ["case"],
    )
