"""Guided tour: eight steps through a new cohort, each with its code and result."""

import pandas as pd
import streamlit as st
from PIL import Image

from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from dashboard.shared import keys, source_code, url_state, widgets
from dashboard.views.tour.steps import Step, all_steps, as_notebook, as_script, run

PICTURE_PX = 320


def draw(step: Step, number: int, of: int) -> None:
    """Show one step: what to know, the code, its result, and a question."""
    st.header(f"{number} · {step.heading}", anchor=step.name.lower())
    st.markdown(step.text)
    if step.settings:
        widgets.seed_picker()
    st.code(f"{source_code.opening(cohort.root)}\n{step.code}", language="python")
    st.caption("Copy and run this in your notebook. Output:")
    result(step)
    st.info(step.think, icon=":material/psychology:")
    st.caption(f"Step {number} of {of}")


def result(step: Step) -> None:
    """Run a step and show what it prints and returns."""
    try:
        with st.spinner("Running the code"):
            value, printed = run(step, cohort)
    except BrainsegError as error:
        st.error(widgets.plain(str(error), longest=600), icon=":material/error:")
        return
    if printed:
        st.code(printed, language=None, wrap_lines=True)
    if isinstance(value, Image.Image):
        width = 3 * PICTURE_PX if value.width > value.height else PICTURE_PX
        alt = f"The picture from the step {step.name}."
        st.image(value.convert("RGB"), width=width, output_format="PNG", alt=alt)
    elif isinstance(value, pd.DataFrame):
        alt = f"The table from the step {step.name}."
        st.dataframe(value, hide_index=True, placeholder="–", key=step.name, alt=alt)


def smallest_area(cohort: Cohort) -> int | None:
    """Return 1 px where a slice shows a tumour, 0 where masks are empty, None without a usable mask."""
    areas = cohort.slices["area_px"]
    if (areas > 0).any():
        return 1
    return 0 if areas.notna().any() else None


def go(names: list[str], by: int) -> None:
    """Go some steps forward, or back for a negative number."""
    index = names.index(st.session_state[keys.STEP]) + by
    url_state.put(**{keys.STEP: names[min(max(index, 0), len(names) - 1)]})


st.title("Guided tour")
cohort = widgets.open_cohort()
st.markdown(
    "Eight steps from a folder of files to a tumour outlined on its image: what to do first with a new "
    "cohort. The code of each step runs on your own data."
)
min_area_px = smallest_area(cohort)
steps = all_steps(widgets.current_seed(), min_area_px or 0)
if min_area_px is None:
    steps = [step for step in steps if not step.settings]
    st.info(
        "No slice has a usable mask, so the steps that need one are left out.",
        icon=":material/help:",
    )
names = [step.name for step in steps]
with st.container(horizontal=True, vertical_alignment="bottom"):
    chosen = widgets.choice("Step", keys.STEP, tuple(names), names[0])
    index = names.index(chosen)
    widgets.step_button("Back", "K", go, names, -1, disabled=index == 0)
    widgets.step_button("Next step", "J", go, names, 1, disabled=index == len(names) - 1)
draw(steps[index], index + 1, len(steps))
with st.container(horizontal=True):
    for label, content, name, kind in (
        ("All steps as a notebook", as_notebook, "brainseg_tour.ipynb", "application/x-ipynb+json"),
        ("All steps as a Python file", as_script, "brainseg_tour.py", "text/x-python"),
    ):
        st.download_button(
            label,
            content(steps, cohort.root),
            name,
            kind,
            key=name,
            icon=":material/download:",
            on_click="ignore",
        )
if index == len(names) - 1:
    st.page_link(keys.DATASET, label="Next: explore the whole cohort", icon=":material/bar_chart:")
widgets.tumour_means()
