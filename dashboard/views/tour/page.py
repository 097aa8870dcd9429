"""Guided tour: the steps of the classic notebook, one after the other, each with its code and result."""

import pandas as pd
import streamlit as st
from PIL import Image

from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from dashboard.shared import keys, url_state, widgets
from dashboard.views.tour import steps as lessons
from dashboard.views.tour.steps import Lesson

PICTURE_PX = 320
FROM_PEEK_ON = ("Peek", "Image", "Mask", "Overlay")


def draw(step: Lesson, number: int, of: int) -> None:
    """Draw one step: what to know, the lines, what they give, and something to think about."""
    st.header(f"{number} · {step.name}: {step.question}", anchor=step.name.lower())
    st.markdown(step.text)
    if step.name in FROM_PEEK_ON:
        widgets.seed_picker()
    st.code(step.code, language="python")
    st.caption("These lines run as they stand, also in a notebook of your own. Here they give:")
    result(step)
    st.info(step.think, icon=":material/psychology:")
    st.caption(f"Step {number} of {of}")


def result(step: Lesson) -> None:
    """Run the lines and draw what they give."""
    try:
        with st.spinner("Running the lines"):
            given = lessons.run(step.code)
    except BrainsegError as error:
        st.error(widgets.plain(str(error), longest=600), icon=":material/error:")
        return
    if given.printed:
        st.code(given.printed, language=None, wrap_lines=True)
    if isinstance(given.value, Image.Image):
        wide = given.value.width > given.value.height
        picture = given.value.convert("RGB")
        alt = f"The picture that the step {step.name} gives."
        width = 3 * PICTURE_PX if wide else PICTURE_PX
        st.image(picture, width=width, output_format="PNG", alt=alt)
    elif isinstance(given.value, pd.DataFrame):
        alt = f"The table that the step {step.name} gives."
        st.dataframe(given.value, hide_index=True, placeholder="–", key=step.name, alt=alt)


def rows_of(cohort: Cohort) -> str | None:
    """Return among which slices the steps choose theirs, None where no mask can be used."""
    areas = cohort.slices["area_px"]
    if (areas > 0).any():
        return lessons.TUMOUR
    return lessons.MASK if areas.notna().any() else None


def go(names: list[str], by: int) -> None:
    """Go a step back or on."""
    place = names.index(st.session_state[keys.STEP]) + by
    url_state.put(**{keys.STEP: names[min(max(place, 0), len(names) - 1)]})


st.title("Guided tour")
cohort = widgets.open_cohort()
st.markdown(
    "Eight steps from a folder of files to a tumour outlined on its image: what everybody does first "
    "with a new cohort. Each step's lines run as they stand, here on your own data."
)
among = rows_of(cohort)
seed = widgets.current_seed()
steps = lessons.lessons(seed, among or lessons.TUMOUR)
if among is None:
    steps = [step for step in steps if step.name not in FROM_PEEK_ON]
    st.info(
        "No slice has a mask that can be used, so the steps that look at one are left out.",
        icon=":material/help:",
    )
names = [step.name for step in steps]
with st.container(horizontal=True, vertical_alignment="bottom"):
    chosen = widgets.choice("Step", keys.STEP, tuple(names), names[0])
    place = names.index(chosen)
    widgets.step_button("Back", "K", go, names, -1, disabled=place == 0)
    widgets.step_button("Next step", "J", go, names, 1, disabled=place == len(names) - 1)
draw(steps[place], place + 1, len(steps))
with st.container(horizontal=True):
    notebook, script = lessons.as_notebook(steps), lessons.as_script(steps)
    for label, content, name, kind in (
        ("All steps as a notebook", notebook, "brainseg_tour.ipynb", "application/x-ipynb+json"),
        ("All steps as a Python file", script, "brainseg_tour.py", "text/x-python"),
    ):
        st.download_button(
            label, content, name, kind, key=name, icon=":material/download:", on_click="ignore"
        )
if place == len(names) - 1:
    st.page_link(keys.DATASET, label="Go on: the whole cohort", icon=":material/bar_chart:")
widgets.tumour_means()
