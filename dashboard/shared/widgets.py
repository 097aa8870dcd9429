"""Parts that several pages share: opening the data, the case picker, text that is not markup."""

import inspect
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import wait

import pandas as pd
import streamlit as st

from brainseg import TUMOUR_MEANS
from brainseg.cohort import Case, Cohort
from brainseg.errors import BrainsegError
from brainseg.exports import csv_bytes
from brainseg.io import shown_name
from dashboard.shared import cache, keys, url_state

MOST_LINKS = 200

SEEDS = range(url_state.MOST_SEED)

HOW_TO_START = """
Name a folder of cases and start again:

- `make demo` writes a synthetic sample cohort and opens it;
- `make demo DATA=/path/to/kaggle_3m` opens your own folder;
- `python -m brainseg dashboard /path/to/kaggle_3m` does the same without make.
"""

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$&^=])")


def plain(text: str, longest: int = 60) -> str:
    """Return a name from a file or an address as Markdown that shows it literally, shortened."""
    return _MARKUP.sub(r"\\\1", shown_name(text, longest))


def open_cohort() -> Cohort:
    """Return the cohort in ``BRAINSEG_DATA``, or say in one sentence why there is none, and stop."""
    root = os.environ.get(keys.DATA_ENVIRONMENT)
    if not root:
        st.info("No data is open yet.", icon=":material/folder_off:")
        st.markdown(HOW_TO_START)
        st.stop()
    changed = cache.last_change(root)
    opening = cache.opening(root, changed)
    place = st.empty()
    while not opening.cohort.done():
        wait([opening.cohort], timeout=0.1)
        if opening.total:
            text = f"Indexing the cohort, once: {opening.done} of {opening.total} slices"
            place.progress(opening.done / opening.total, text)
    place.empty()
    if opening.cohort.exception():
        # A failure is never kept: the next look at the page looks at the folder again.
        cache.opening.clear(root, changed)
    try:
        cohort = opening.cohort.result()
    except BrainsegError as error:
        refuse(error)
    if cohort.is_synthetic:
        st.badge("synthetic sample: no real patient", icon=":material/science:", color="orange")
    with st.sidebar:
        _data_name(cohort)
    return cohort


def refuse(error: BrainsegError) -> None:
    """Show an error's sentence as plain text, offer to look again, and stop the page."""
    st.error(plain(str(error), longest=600), icon=":material/error:")
    st.button("Look again", on_click=cache.reload, icon=":material/refresh:", key="look_again")
    st.stop()


def notes(cohort: Cohort) -> None:
    """Show what a person should know of how the folder was read, where there is something."""
    if not cohort.notes:
        return
    many = len(cohort.notes)
    label = "1 note on how this folder was read" if many == 1 else f"{many} notes on this folder"
    with st.expander(label, icon=":material/info:"):
        for note in cohort.notes:
            st.markdown(f"- {plain(note, longest=600)}")


def tumour_means() -> None:
    """Say once on a page what its word “tumour” means."""
    st.caption(TUMOUR_MEANS)


def case_picker(cohort: Cohort, default: str | None = None) -> Case:
    """Return the case that the person chose, here or in the address; see :mod:`url_state`.

    An unknown case in the address gets one sentence and the list of cases, and stops the page.

    Args:
        cohort: the open cohort.
        default: the case without a choice; the cohort's first where it is None.
    """
    names = cohort.cases
    default = names[0] if default is None else default
    require_known_case(cohort)
    url_state.take(keys.CASE, names, default)
    st.selectbox(
        "Case",
        names,
        key=keys.CASE,
        filter_mode="contains",
        on_change=url_state.put,
        kwargs={keys.SLICE: None},
    )
    url_state.keep(keys.CASE, names, default)
    return cohort.case(st.session_state[keys.CASE])


def require_known_case(cohort: Cohort) -> None:
    """Answer an unknown case in the address with one sentence and the list of cases, and stop."""
    names = cohort.cases
    asked = st.query_params.get(keys.CASE)
    if asked is None or asked in names:
        return
    st.error(
        f"Unknown case “{plain(asked)}”: choose one of the {len(names)} in this cohort.",
        icon=":material/help:",
    )
    with st.grid(columns=4, min_column_width=220, gap="xxsmall"):
        for name in names[:MOST_LINKS]:
            choose = {keys.CASE: name, keys.SLICE: None}
            st.button(plain(name), on_click=url_state.put, kwargs=choose, type="tertiary")
    if len(names) > MOST_LINKS:
        st.page_link(keys.WORKLIST, label=f"and {len(names) - MOST_LINKS} more, in the worklist")
    st.stop()


def step_button(
    label: str, shortcut: str, step: Callable, of: object, by: int, disabled: bool = False
) -> None:
    """Draw a button that goes one back or one on, also by a key.

    Args:
        label: such as "Next slice"; it makes the widget's key too.
        shortcut: one letter; arrows belong to the slider, and with Alt to the browser.
        step: called with ``of`` and ``by``, such as :func:`step_slice`.
        of: what it steps through.
        by: -1 or 1.
        disabled: whether there is none to go to.
    """
    st.button(
        label,
        on_click=step,
        args=(of, by),
        key=label.lower().replace(" ", "_"),
        shortcut=shortcut,
        icon=":material/chevron_left:" if by < 0 else ":material/chevron_right:",
        icon_position="left" if by < 0 else "right",
        disabled=disabled,
    )


def slice_picker(case: Case, default: int) -> int:
    """Return the slice number that the person chose, here or in the address.

    Args:
        case: the case; slices that cannot be read are not offered.
        default: the slice without a choice.
    """
    numbers = case.readable["slice_number"].tolist()
    wrong = url_state.take(keys.SLICE, numbers, default)
    if wrong is not None:
        st.warning(
            f"There is no slice “{plain(wrong)}” to show in this case: here is slice {default}.",
            icon=":material/help:",
        )
    if len(numbers) == 1:
        st.caption(f"Slice {numbers[0]}, the only one of this case")
        return numbers[0]
    st.select_slider("Slice", numbers, key=keys.SLICE)
    url_state.keep(keys.SLICE, numbers, default)
    return st.session_state[keys.SLICE]


def current_seed() -> int:
    """Return the seed in the address, 0 without one, and say where it is none."""
    if url_state.take(keys.SEED, SEEDS, 0) is not None:
        st.warning("The seed in the address is not a number from 0 to 999999: here is seed 0.")
    return st.session_state[keys.SEED]


def seed_picker(on_change: Callable[[], None] | None = None) -> None:
    """Draw the seed of :func:`current_seed`, which comes before it on the page."""
    st.number_input("Seed", SEEDS[0], SEEDS[-1], key=keys.SEED, width=150, on_change=on_change)
    url_state.keep(keys.SEED, SEEDS, 0)


def step_slice(numbers: Sequence[int], step: int) -> None:
    """Go to the slice before or after the chosen one, at most to the ends; for ``on_click``."""
    place = list(numbers).index(st.session_state[keys.SLICE]) + step
    url_state.put(**{keys.SLICE: numbers[min(max(place, 0), len(numbers) - 1)]})


def choice(label: str, key: str, options: Sequence[str], default: str, **more) -> str:
    """Return one of a few options, kept in the address; a wrong one there means the default.

    Args:
        label: what is chosen.
        key: the name of the widget and of the parameter, from :mod:`dashboard.shared.keys`.
        options: all of them.
        default: the one that stands for no parameter.
        more: passed on to ``st.segmented_control``.
    """
    wrong = url_state.take(key, options, default)
    if wrong is not None:
        st.warning(
            f"“{plain(wrong)}” is no choice of {label.lower()}: here is {plain(default)}.",
            icon=":material/help:",
        )
    st.segmented_control(label, options, key=key, required=True, **more)
    url_state.keep(key, options, default)
    return st.session_state[key]


def figure(
    chart: object, name: str, alt: str, table: pd.DataFrame | None = None, **more: object
) -> object:
    """Draw a chart that can be saved as PNG, with its numbers as CSV where they are given.

    Args:
        chart: a plotly figure.
        name: of the files without suffix; the chart's key is this and "_chart".
        alt: what the chart shows, for who does not see it.
        table: the numbers behind the chart.
        more: passed on to ``st.plotly_chart``.
    """
    config = {
        "displaylogo": False,
        "toImageButtonOptions": {"format": "png", "filename": name, "scale": 2},
        **more.pop("config", {}),
    }
    drawn = st.plotly_chart(
        chart, key=more.pop("key", f"{name}_chart"), alt=alt, config=config, **more
    )
    if table is not None:
        csv_button(table, name)
    return drawn


def csv_button(table: pd.DataFrame, name: str, label: str = "CSV") -> None:
    """Offer a table as CSV, whose first line says what it may be used for."""
    st.download_button(
        label,
        lambda: csv_bytes(table),
        file_name=f"{name}.csv",
        mime="text/csv",
        icon=":material/download:",
        type="tertiary",
        key=f"{name}_csv",
        on_click="ignore",
    )


def code(*functions: Callable) -> None:
    """Offer the source of the core functions that a page stands on, for who wants to read it."""
    with st.expander("Code", icon=":material/code:"):
        for function in functions:
            st.caption(f"`{function.__module__}.{function.__qualname__}`")
            st.code(inspect.getsource(function), language="python")


def _data_name(cohort: Cohort) -> None:
    st.badge(plain(cohort.root.name), icon=":material/folder_open:", color="gray")
    st.button(
        "Reload data",
        on_click=cache.reload,
        icon=":material/refresh:",
        type="tertiary",
        key="reload",
        help="Looks at the folder again, for files that changed in place.",
    )
