"""Guided tour: eight steps through a new cohort, each with its code and result."""

import pandas as pd
import streamlit as st
from PIL import Image

from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from dashboard.shared import keys, overlays, source_code, url_state, widgets
from dashboard.views.tour.steps import Step, all_steps, as_notebook, as_script, run

PICTURE_PX = 320


def draw(step: Step, number: int, of: int) -> None:
    """Show one step: what to know, the code, its result, and a question."""
    st.header(f"{number} · {step.heading}", anchor=step.name.lower())
    st.markdown(step.text)
    if step.settings:
        widgets.seed_picker()
    st.code(f"{source_code.opening(folder)}\n{step.code}", language="python")
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
        widgets.error(error)
        return
    if printed:
        st.code(printed, language=None, wrap_lines=True)
    alt = f"The output of the step {step.name}."
    if isinstance(value, Image.Image):
        st.image(value.convert("RGB"), width=PICTURE_PX, output_format="PNG", alt=alt)
    elif isinstance(value, pd.DataFrame):
        st.dataframe(value, hide_index=True, placeholder="–", key=step.name, alt=alt)
    else:
        widgets.figure(value, f"tour_{step.name.lower()}", alt, config=overlays.ZOOM_CONFIG)


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
folder = source_code.data_folder(cohort.root)
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
    widgets.step_button("Back", go, names, -1, back=True, shortcut="K", disabled=index == 0)
    widgets.step_button("Next step", go, names, 1, shortcut="J", disabled=chosen == names[-1])
draw(steps[index], index + 1, len(steps))
with st.container(horizontal=True):
    notebook, script = as_notebook(steps, folder), as_script(steps, folder)
    widgets.download("All steps as a notebook", notebook, "brainseg_tour.ipynb", "download")
    widgets.download("All steps as a Python file", script, "brainseg_tour.py", "download")
if chosen == names[-1]:
    widgets.link(keys.DATASET, "Next: explore the whole cohort", "bar_chart")
widgets.tumour_means()
