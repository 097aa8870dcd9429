"""What to do with a run that has ended: score it, predict with it, compare it, publish it."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from brainseg.evaluation import background
from brainseg.evaluation.examples import examples, side_by_side
from brainseg.imaging import MASK_COLOUR, PREDICTION_COLOUR, contour, shown
from brainseg.models import DEFAULT_MODEL, Model, open_model
from brainseg.monitoring.snapshot import Snapshot
from brainseg.people import OWNER
from brainseg.training.publishing import place_to_publish, publish
from brainseg.training.run_actions import LONGEST_NOTE, annotate, delete, rename
from brainseg.training.run_models import prepare, ready_model
from brainseg.training.runs import Run
from dashboard.shared import (
    cache,
    keys,
    overlays,
    scoring_progress,
    signing_in,
    url_state,
    waiting,
    widgets,
)
from dashboard.shared.cache_keys import last_scored

REFRESH_S = 2.0
TWO_MODELS = "Two models"
"""The view of the evaluation page that compares two models."""

_FAILED, _DONE = "_run failed", "_run done"


def show_messages() -> None:
    """Draw how the last action ended, also one that removed its run."""
    if why := st.session_state.pop(_FAILED, None):
        widgets.error(why)
    if message := st.session_state.pop(_DONE, None):
        st.success(widgets.sentence(message), icon=":material/check_circle:")


def draw(cohort: Cohort, run: Run, snapshot: Snapshot) -> None:
    """Draw the next steps of a run that has ended, and its held-out cases."""
    if snapshot.is_active:
        return
    cohort = cohort.of_label(run.config().get("label") or None)
    model = ready_model(run)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if model is not None:
            _offer_use(cohort, run, model)
        elif snapshot.best_epoch is not None:
            _offer_preparation(run)
        _manage(run)
    if run.note:
        st.caption(f":material/sticky_note_2: {widgets.plain(run.note, longest=LONGEST_NOTE)}")
    if model is not None:
        _held_out(cohort, model)


def _offer_preparation(run: Run) -> None:
    """Wait for the training process to prepare the run as a model, or offer to do so."""
    if run.is_alive():
        st.fragment(_wait, run_every=REFRESH_S)(run)
    elif not signing_in.lacks(OWNER, "prepare a run as a model") and st.button(
        "Prepare as a model",
        key="prepare_run",
        type="primary",
        icon=":material/deployed_code:",
        help="Takes about half a minute. The run can then score, predict and be published.",
    ):
        try:
            waiting.job_result(prepare(run), "Preparing the run as a model", run.path)
        except BrainsegError as error:
            st.session_state[_FAILED] = str(error)
        st.rerun()


def _wait(run: Run) -> None:
    if ready_model(run) is not None or not run.is_alive():
        url_state.draw_again()
    st.caption(":material/hourglass_top: Preparing the best weights as a model …")


def _offer_use(cohort: Cohort, run: Run, model: Model) -> None:
    """Draw the next steps: scores, prediction, comparison, publishing."""
    scores = _scores(cohort, model)
    saved = cache.scores(cohort, model, last_scored(cohort))
    count = len(saved.unscored if saved else cache.scorable(cohort, model)[0])
    if count:
        widgets.button(
            f"Score {'the other ' if saved else ''}{widgets.counted(count, 'unseen case')}",
            "calculate",
            "score_run",
            _act,
            background.start,
            cohort,
            model,
            type="primary",
            disabled=background.running() is not None,
        )
    asked = {keys.MODEL: model.name} | ({keys.LABEL: cohort.label} if cohort.label else {})
    widgets.link(keys.PREDICTION, "Predict with it", "online_prediction", asked)
    if scores is not None:
        widgets.link(keys.EVALUATION, "All scores", "scoreboard", asked)
        asked |= {keys.VIEW: TWO_MODELS, keys.OTHER: DEFAULT_MODEL}
        widgets.link(keys.EVALUATION, f"Compare with {DEFAULT_MODEL}", "compare_arrows", asked)
    if signing_in.lacks(OWNER, "publish a model"):
        return
    with st.popover("Publish", icon=":material/publish:"):
        st.markdown("Copies the run into a model of your own, which all cohorts offer.")
        key = f"publish {run.name} as"
        st.text_input("Model name", _name_of(run), key=key)
        st.caption("Runs of other folds of the same cohort become further folds of the model.")
        widgets.button("Publish", "publish", "publish_run", _act, _publish, run, key)


def _publish(run: Run, key: str) -> str:
    model = publish(run, place_to_publish(st.session_state[key].strip()))
    folds = ", ".join(str(record.number) for record in model.folds)
    return f"Published as {model.name}, fold {folds}. Every page offers it as a model."


def _manage(run: Run) -> None:
    """Draw the menus that rename, annotate and delete the run."""
    if signing_in.lacks(OWNER, "change a run"):
        return
    with st.popover("Edit", icon=":material/edit:"):
        key = f"name of {run.name}"
        st.text_input("Name", _name_of(run), key=key)
        widgets.button("Rename", "edit", "rename_run", _act, _rename, run, key)
        key = f"note on {run.name}"
        st.text_area("Note", run.note, max_chars=LONGEST_NOTE, key=key)
        widgets.button("Save note", "save", "annotate_run", _act, _annotate, run, key)
    with st.popover("Delete", icon=":material/delete:"):
        st.markdown(
            f"Deletes **{widgets.plain(run.name)}** with its checkpoints and curves. Published models "
            "stay. This cannot be undone."
        )
        widgets.button(
            "Delete this run", "delete_forever", "delete_run", _act, _delete, run, type="primary"
        )


def _name_of(run: Run) -> str:
    """Return a run's name without its time; also of a damaged run."""
    return re.sub(r"^\d{8}-\d{6}-", "", run.name)


# Callbacks read a field's value themselves: their arguments are those of the last drawing.
def _rename(run: Run, key: str) -> None:
    url_state.put(**{keys.RUN: rename(run, st.session_state[key].strip()).name})


def _annotate(run: Run, key: str) -> None:
    annotate(run, st.session_state[key])


def _delete(run: Run) -> None:
    delete(run)
    url_state.put(**{keys.RUN: None})


def _act(do: Callable, *args: object) -> None:
    """Do something for ``on_click``, and keep its message, or why it failed, for the next drawing."""
    try:
        message = do(*args)
    except BrainsegError as error:
        st.session_state[_FAILED] = str(error)
    else:
        if isinstance(message, str):
            st.session_state[_DONE] = message


def _scores(cohort: Cohort, model: Model) -> pd.DataFrame | None:
    unseen = cache.unseen(cohort, model, last_scored(cohort))
    return unseen.scores if unseen else None


def _held_out(cohort: Cohort, model: Model) -> None:
    """Draw the progress of scoring, or the Dice by case and typical predictions."""
    running = background.running()
    if running is not None:
        scoring_progress.follow(cohort)
    last = background.latest(cohort)
    if running is None and last is not None and last.is_of(cohort, model) and last.error:
        widgets.error(f"Scoring failed: {last.error}")
    scores = _scores(cohort, model)
    if scores is None:
        return
    default = open_model(DEFAULT_MODEL)
    shipped = _scores(cohort, default)
    table = side_by_side(scores, shipped)
    st.subheader("Unseen cases")
    _show_means(table)
    if running is None:  # the typical cases may change with the next score
        _gallery(cohort, model, scores)
    _show_scores(table)
    with st.container(horizontal=True):
        widgets.csv_button(table, "run_scores")
        if shipped is None:
            label = f"Score {DEFAULT_MODEL}, too"
            start = (_act, background.start, cohort, default)
            busy = running is not None
            widgets.button(label, "calculate", "score_default", *start, disabled=busy)


def _show_means(table: pd.DataFrame) -> None:
    with st.container(horizontal=True):
        st.metric("Mean Dice", f"{table['dice'].mean():.3f}", help="Over the cases below, n below.")
        known = table.dropna()
        if len(known):
            st.metric(
                f"{DEFAULT_MODEL}, same cases",
                f"{known['other'].mean():.3f}",
                delta=f"{-known['difference'].mean():+.3f}",
                delta_color="off",
            )
        st.metric("Cases", len(table))


def _show_scores(table: pd.DataFrame) -> None:
    number = st.column_config.NumberColumn
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        alt=f"Dice of the run and of {DEFAULT_MODEL}, one row per case",
        column_config={
            "case": "Case",
            "dice": number("Dice, this run", format="%.3f"),
            "other": number(f"Dice, {DEFAULT_MODEL}", format="%.3f"),
            "difference": number("Difference", format="%+.3f", help="This run minus the other."),
        },
    )
    st.caption("Neither training nor the choice of epoch and threshold used these cases.")


def _gallery(cohort: Cohort, model: Model, scores: pd.DataFrame) -> None:
    """Draw the best, the median and the worst prediction at the slice with the largest tumour."""
    chosen = examples(scores)
    with st.spinner("Predicting typical cases"), st.grid(columns=3, min_column_width=200):
        for row in chosen.itertuples():
            case = cohort.case(row.case)
            try:
                number = overlays.opening_slice(cohort, case)
                picture = _picture(cohort, model, row.case, number)
            except BrainsegError as error:
                st.caption(widgets.sentence(error))
                continue
            with st.container(gap="xxsmall"):
                overlays.framed(
                    picture,
                    f"FLAIR of {row.case}, slice {number}, with the outlines of mask and prediction: "
                    f"the {row.which} case, Dice {row.dice:.2f}",
                    f"**{row.which.capitalize()}** · Dice {row.dice:.3f}",
                )
                asked = {keys.CASE: row.case, keys.MODEL: model.name, keys.SLICE: number}
                widgets.link(
                    keys.CASE_PAGE, f"{widgets.plain(row.case, 40)}, slice {number}", None, asked
                )
    overlays.swatches({"manual mask": MASK_COLOUR, "prediction": PREDICTION_COLOUR})


def _picture(cohort: Cohort, model: Model, case: str, number: int) -> np.ndarray:
    """Return FLAIR of a slice with the outlines of mask and prediction, (h, w, 3) uint8."""
    numbers = cohort.case(case).readable["slice_number"].tolist()
    prediction = cache.prediction(cohort, case, model)
    mask = prediction.mask(model.threshold_for(prediction.exposure.folds))[numbers.index(number)]
    windows = cache.grey_windows(cohort, case)
    picture = shown(cache.slice_pixels(cohort, case, number), windows=windows)
    truth = cache.slice_mask(cohort, case, number)
    if truth is not None:
        picture = contour(picture, truth)
    return contour(picture, mask, colour=PREDICTION_COLOUR)
