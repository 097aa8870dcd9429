"""Guided tour: eight steps through a new cohort, each with its code and result."""

import io
from threading import Lock

import pandas as pd
import streamlit as st

from brainseg.errors import BrainsegError
from dashboard.shared import keys, source_code, url_state, widgets
from dashboard.views.tour.steps import Step, all_steps, as_notebook, as_script, run

# Held while matplotlib draws: pyplot is not made for several threads.
DRAWING = Lock()


def draw(step: Step, number: int, of: int) -> None:
    """Show one step: what to know, the code, its result, and a question."""
    st.header(f"{number} · {step.heading}", anchor=step.name.lower())
    st.markdown(step.text)
    if "seed" in step.settings:
        widgets.seed_picker()
    st.code(f"{source_code.opening(folder)}\n{step.code}", language="python")
    if step.runs_here:
        st.caption("Copy and run this in your notebook. Output:")
        result(step)
    else:
        st.caption(
            "Copy and run this in your notebook. It takes a minute or two; here, train a model:"
        )
        widgets.link(keys.TRAINING, "Train with the quick preset", "show_chart")
    st.info(step.think, icon=":material/psychology:")
    with st.expander("Answer"):
        st.markdown(step.answer)
    st.caption(f"Step {number} of {of}")


def result(step: Step) -> None:
    """Run a step and show what it prints and returns."""
    try:
        with st.spinner("Running the code"):
            value, printed = drawn(step)
    except BrainsegError as error:
        widgets.error(error)
        return
    if printed:
        st.code(printed, language=None)
    alt = f"The output of the step {step.name}."
    if isinstance(value, bytes):
        st.image(value, alt=alt)
    elif isinstance(value, pd.DataFrame):
        st.dataframe(value, hide_index=True, placeholder="–", key=step.name, alt=alt)
    else:
        st.code(repr(value), language="python")


def drawn(step: Step) -> tuple[object, str]:
    """Return the value of a step, a figure as PNG, and what the step prints."""
    if "matplotlib" not in step.code:
        return run(step, cohort)
    # Imported here, because the other steps do without it.
    import matplotlib

    matplotlib.use("agg")
    with DRAWING:
        figure, printed = run(step, cohort)
        picture = io.BytesIO()
        figure.savefig(picture, format="png", bbox_inches="tight")  # type: ignore[attr-defined]
        matplotlib.pyplot.close("all")
    return picture.getvalue(), printed


def go(names: list[str], by: int) -> None:
    """Go some steps forward, or back for a negative number."""
    index = names.index(st.session_state[keys.STEP]) + by
    url_state.put(**{keys.STEP: names[min(max(index, 0), len(names) - 1)]})


st.title("Guided tour")
cohort = widgets.open_cohort(with_label=False)
st.markdown(
    "Eight steps from a folder of files to a trained model and an honest score: what to do first with a "
    "new cohort. The code of each step runs on your own data."
)
folder = source_code.data_folder(cohort.root)
steps = all_steps(cohort, widgets.current_seed())
if not any(step.settings for step in steps):
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
    means = widgets.tumour_in_words(cohort)
    notebook, script = as_notebook(steps, folder, means), as_script(steps, folder)
    widgets.download("All steps as a notebook", notebook, "brainseg_tour.ipynb", "download")
    widgets.download("All steps as a Python file", script, "brainseg_tour.py", "download")
if chosen == names[-1]:
    widgets.link(keys.DATASET, "Next: explore the whole cohort", "bar_chart")
widgets.tumour_means(cohort)
