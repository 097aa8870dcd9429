"""Training logs of other tools: import, list, remove."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from brainseg.errors import BrainsegError
from brainseg.monitoring.external_logs import LOGS_ENVIRONMENT, Log, add_log, remove_log
from brainseg.people import OWNER
from dashboard.shared import keys, signing_in, url_state, widgets

_REFUSED = "_logs refused"


def draw(folder: Path, logs: Sequence[Log]) -> None:
    """Draw all logs, and the form that imports others into a folder."""
    st.markdown(
        "Import logs of other tools: TensorBoard event files, training logs of nnU-Net, or files with a "
        "row per epoch, such as those of Keras's `CSVLogger` and Lightning. They appear among the runs. "
        "Only curves are available."
    )
    if signing_in.lacks(OWNER, "import logs"):
        return
    with st.form("add_logs", clear_on_submit=True):
        files = st.file_uploader(
            "TensorBoard event files or CSVLogger files",
            accept_multiple_files=True,
            key="logs_added",
        )
        if st.form_submit_button("Add", icon=":material/add:") and files:
            _add(folder, files)
    for reason in st.session_state.pop(_REFUSED, []):
        widgets.error(reason)
    st.markdown(
        f"To follow whole folders live, set `{LOGS_ENVIRONMENT}` before you start the dashboard."
    )
    if not logs:
        return
    st.header("Imported logs")
    names = [log.name for log in logs]
    rows = pd.DataFrame({"log": names, "kind": [log.kind for log in logs]})
    st.dataframe(rows, hide_index=True)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox("Log", names, key="log_chosen", filter_mode="contains", width=420)
        log = logs[names.index(chosen)]
        st.button(
            "Show",
            icon=":material/visibility:",
            key="log_show",
            on_click=url_state.put,
            kwargs={keys.RUN: log.name, keys.VIEW: None},
        )
        if log.path.is_relative_to(folder):
            st.button(
                "Remove",
                icon=":material/delete:",
                key="log_remove",
                on_click=_remove,
                args=(folder, log),
                help="Deletes the imported copy; the original file stays.",
            )


def _add(folder: Path, files: Sequence) -> None:
    refused = []
    for file in files:
        try:
            add_log(folder, file.name, file.getvalue())
        except BrainsegError as error:
            refused.append(str(error))
    st.session_state[_REFUSED] = refused
    st.rerun()


def _remove(folder: Path, log: Log) -> None:
    try:
        remove_log(folder, log)
    except BrainsegError as error:
        st.session_state[_REFUSED] = [str(error)]
