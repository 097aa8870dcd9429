"""Published models of one's own: what each was trained on, and how to delete one."""

import pandas as pd
import streamlit as st

from brainseg.errors import BrainsegError
from brainseg.models import Model, list_models, open_model, own_models
from brainseg.people import OWNER
from brainseg.training.publishing import delete_model
from dashboard.shared import keys, signing_in, widgets

_FAILED = "_model failed"


def draw() -> None:
    """Draw the table of the user's own models, and the menu that deletes one."""
    if why := st.session_state.pop(_FAILED, None):
        widgets.error(why)
    names = list_models(own_models())
    if not names:
        st.info(
            "You have published no model yet: open a run that has ended under “Monitor”, and publish "
            "it.",
            icon=":material/deployed_code:",
        )
        return
    usable = _usable(names)
    if usable:
        st.dataframe(
            pd.DataFrame([_row(model) for model in usable.values()]),
            hide_index=True,
            alt="Your models, one row per model",
        )
        st.caption(
            "Each fold comes from one run. Counts are cases; every page offers these models."
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Model", names, key="own_model", width=300)
        if name in usable:
            asked = {keys.MODEL: name}
            widgets.link(keys.EVALUATION, "Scores", "scoreboard", asked)
            widgets.link(keys.PREDICTION, "Predict with it", "online_prediction", asked)
        if signing_in.lacks(OWNER, "delete a model"):
            return
        with st.popover("Delete", icon=":material/delete:"):
            st.markdown(f"Deletes the model **{widgets.plain(name)}**. Its runs stay.")
            widgets.button(
                "Delete this model", "delete_forever", "delete_model", _delete, name, type="primary"
            )


def _usable(names: list[str]) -> dict[str, Model]:
    """Return the models that can be opened, and show why the others cannot."""
    usable = {}
    for name in names:
        try:
            usable[name] = open_model(name, own_models())
        except BrainsegError as error:
            widgets.error(error)
    return usable


def _row(model: Model) -> dict[str, object]:
    return {
        "Model": model.name,
        "Folds": ", ".join(str(record.number) for record in model.folds),
        "Runs": ", ".join(record.run or "unknown" for record in model.folds),
        "Trained on": len({case for record in model.folds for case in record.trained_on}),
        "Held out": len({case for record in model.folds for case in record.held_out}),
    }


def _delete(name: str) -> None:
    try:
        delete_model(name)
    except BrainsegError as error:
        st.session_state[_FAILED] = str(error)
