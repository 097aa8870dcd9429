"""Parts that several pages share: opening the cohort, pickers, charts, plain text."""

import mimetypes
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from brainseg import TUMOUR_MEANS
from brainseg.cohort import Case, Cohort
from brainseg.errors import BrainsegError
from brainseg.exports import csv_bytes
from brainseg.io import shown_name
from dashboard.shared import cache, first_cases, keys, links, source_code, url_state
from dashboard.shared.cache_keys import last_change

T = TypeVar("T")

MOST_LINKS = 200

CASE_PX = 230
"""Width of the case picker next to other controls; the names of the LGG dataset fit."""

ALL_LABELS = "all"
"""Option of the picker for the union of all labels."""

SEEDS = range(1_000_000)
"""Few digits, so that addresses stay short."""

HOW_TO_START = """
Name a folder of cases and restart:

- `make demo` writes a synthetic sample cohort and opens it;
- `make demo DATA=/path/to/kaggle_3m` opens your own folder;
- `python -m brainseg dashboard /path/to/kaggle_3m` does the same without make.
"""

_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$&^=])")


def plain(text: str, longest: int = 60) -> str:
    """Return a name from a file or an address as Markdown that shows it literally, shortened."""
    return _MARKUP.sub(r"\\\1", shown_name(text, longest))


def sentence(text: object) -> str:
    """Return a message that may contain names as Markdown that shows them literally, shortened."""
    return plain(str(text), longest=600)


def counted(count: int, noun: str) -> str:
    """Return a number with its noun, such as "1 case" and "1,200 cases"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def error(reason: object) -> None:
    """Show the reason of a failure as plain text."""
    st.error(sentence(reason), icon=":material/error:")


def open_cohort(header: DeltaGenerator | None = None, with_label: bool = True) -> Cohort:
    """Return the cohort in ``BRAINSEG_DATA``, or show why there is none and stop the page.

    Args:
        header: the line for the badge of a synthetic cohort and for the label; None for own lines.
        with_label: whether the visitor can choose a label, if the masks have several; else the
            cohort has the union of its labels.
    """
    root = os.environ.get(keys.DATA_ENVIRONMENT)
    if not root:
        st.info("No data is open yet.", icon=":material/folder_off:")
        st.markdown(HOW_TO_START)
        link(keys.PREDICTION, "Or predict your own files without a cohort", "online_prediction")
        st.stop()
    changed = last_change(root)
    opening = cache.opening(root, changed)
    looking = f"Looking for cases in {plain(Path(root).name)} …"
    first_cases.wait_for_index(opening, root, changed, looking)
    if opening.result.exception():
        # A failure is not cached: the next run of the page reads the folder again.
        cache.opening.clear(root, changed)
    try:
        cohort = opening.result.result()
    except BrainsegError as reason:
        refuse(reason)
    if cohort.is_synthetic:
        text = "synthetic sample: no real patient"
        # A line with other choices has room for a word only.
        shown, meaning = ("synthetic", text.capitalize()) if header else (text, None)
        (header or st).badge(shown, icon=":material/science:", color="orange", help=meaning)
    with st.sidebar:
        _data_name(cohort)
    if not with_label or not cohort.labels:
        return cohort
    with header or st.container():
        return _label_picker(cohort)


def _label_picker(cohort: Cohort) -> Cohort:
    """Draw the choice of a label, and return the cohort with its masks."""
    words = {one: cohort.label_words(one).removeprefix("label ") for one in cohort.labels}
    label = select(
        "Label",
        keys.LABEL,
        (ALL_LABELS, *cohort.labels),
        ALL_LABELS,
        width=CASE_PX,
        format_func=lambda one: f"Label: {words.get(one, 'all (union)')}",
        label_visibility="collapsed",
    )
    return labelled(cohort, label)


def labelled(cohort: Cohort, label: str | None) -> Cohort:
    """Return the cohort with the masks of a label; of all labels if it has no such label."""
    return cache.of_label(cohort, label) if label in cohort.labels else cohort


def refuse(reason: BrainsegError) -> NoReturn:
    """Show an error as plain text with a Retry button, and stop the page."""
    error(reason)
    st.button("Retry", on_click=cache.reload, icon=":material/refresh:", key="retry")
    st.stop()


def notes(cohort: Cohort) -> None:
    """Show the notes on how the folder was read, if there are any."""
    if not cohort.notes:
        return
    with st.expander(
        f"{counted(len(cohort.notes), 'note')} on this folder", icon=":material/info:"
    ):
        for note in cohort.notes:
            st.markdown(f"- {sentence(note)}")


def tumour_in_words(cohort: Cohort | None) -> str:
    """Return what the word “tumour” of a page means in the masks of a cohort, as a sentence."""
    if cohort is None or cohort.outlines_flair:
        return TUMOUR_MEANS
    where = " in the manual masks" if cohort.labels else ""
    return f"“Tumour” on this page means {plain(cohort.masks_in_words, 300)}{where}."


def tumour_means(
    cohort: Cohort | None = None, predicted: Sequence[str] = (), outlined: bool = True
) -> None:
    """Show once on a page what its word “tumour” means.

    Args:
        cohort: whose masks the page shows.
        predicted: what the models of the page predict, as :attr:`brainseg.models.Model.target`.
        outlined: whether the page shows masks, too.
    """
    means = tumour_in_words(cohort)
    if not predicted:
        st.caption(means)
        return
    targets = " or ".join(plain(one, longest=200) for one in dict.fromkeys(predicted))
    if outlined:
        st.caption(f"{means} In a prediction it means the predicted {targets}.")
    else:
        st.caption(f"“Tumour” on this page means the predicted {targets}; no one outlined it.")


def case_picker(cohort: Cohort, default: str | None = None, **more: Any) -> Case:
    """Draw the case picker and return the chosen case, by default the first of the cohort.

    An unknown case in the address shows the list of cases and stops the page. ``more`` goes to
    ``st.selectbox``.
    """
    require_known_case(cohort)
    name = select(
        "Case",
        keys.CASE,
        cohort.cases,
        default or cohort.cases[0],
        filter_mode="contains",
        on_change=url_state.put,
        kwargs={keys.SLICE: None},
        **more,
    )
    return cohort.case(name)


def require_known_case(cohort: Cohort) -> None:
    """For an unknown case in the address, show the list of cases and stop the page."""
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
        link(keys.WORKLIST, f"and {len(names) - MOST_LINKS} more, in the worklist")
    st.stop()


def button(label: str, icon: str, key: str, on_click: Callable, *args: object, **more: Any) -> None:
    """Draw a button with a Material icon, which calls a function; ``more`` goes to ``st.button``."""
    st.button(label, key, on_click=on_click, args=args, icon=f":material/{icon}:", **more)


def link(
    page: str,
    label: str,
    icon: str | None = None,
    query: Mapping[str, object] | None = None,
    **more: Any,
) -> None:
    """Draw a link to a page; see :func:`links.query_of`. ``more`` goes to ``st.page_link``."""
    named, asked = icon and f":material/{icon}:", links.query_of(page, query)
    st.page_link(page, label=label, icon=named, query_params=asked, **more)


def step_button(label: str, step: Callable, *args: object, back: bool = False, **more: Any) -> None:
    """Draw a button that goes one step back or forward.

    Args:
        label: such as "Next slice"; also the source of the widget's key.
        step: called with ``args``, such as :func:`step_slice`.
        args: of ``step``.
        back: whether it goes back.
        more: passed on to ``st.button``; as ``shortcut`` one letter, because arrows belong to the
            slider, and with Alt to the browser.
    """
    side = "left" if back else "right"
    key = label.lower().replace(" ", "_")
    button(label, f"chevron_{side}", key, step, *args, icon_position=side, **more)


def slice_picker(case: Case, default: int) -> int:
    """Draw the slice picker and return the chosen slice number; unreadable slices are not offered."""
    numbers = case.readable["slice_number"].tolist()
    wrong = url_state.take(keys.SLICE, numbers, default)
    if wrong is not None:
        st.warning(
            f"This case has no slice “{plain(wrong)}”: showing slice {default}.",
            icon=":material/help:",
        )
    if len(numbers) == 1:
        st.caption(f"Slice {numbers[0]}, the only slice of this case")
        return numbers[0]
    st.select_slider("Slice", numbers, key=keys.SLICE)
    url_state.keep(keys.SLICE, numbers, default)
    return st.session_state[keys.SLICE]


def current_seed(default: int = 0) -> int:
    """Return the seed in the address, else the default; a wrong one shows a warning."""
    if url_state.take(keys.SEED, SEEDS, default) is not None:
        rule = "The seed in the address is not a number from 0 to 999999"
        st.warning(f"{rule}: using seed {default}.")
    return st.session_state[keys.SEED]


def seed_picker(on_change: Callable[[], None] | None = None, default: int = 0) -> None:
    """Draw the field of the seed, after :func:`current_seed` with the same default."""
    st.number_input("Seed", SEEDS[0], SEEDS[-1], key=keys.SEED, width=124, on_change=on_change)
    url_state.keep(keys.SEED, SEEDS, default)


def step_slice(numbers: Sequence[int], step: int) -> None:
    """Go to the previous or next slice, if there is one; for ``on_click``."""
    index = list(numbers).index(st.session_state[keys.SLICE]) + step
    url_state.put(**{keys.SLICE: numbers[min(max(index, 0), len(numbers) - 1)]})


def choice(label: str, key: str, options: Sequence[T], default: T, **more: Any) -> T:
    """Draw buttons for a few options, as :func:`select`; ``more`` goes to ``st.segmented_control``."""
    return _bound(st.segmented_control, label, key, options, default, required=True, **more)


def select(label: str, key: str, options: Sequence[T], default: T, **more: Any) -> T:
    """Draw a list of options bound to the address, and return the chosen one.

    An unknown option in the address shows a warning and means the default.

    Args:
        label: of the widget.
        key: of the widget and of the query parameter, from :mod:`dashboard.shared.keys`.
        options: all options.
        default: the option without a query parameter.
        more: passed on to ``st.selectbox``; ``noun`` names an option in the warning, by default the
            label does.
    """
    return _bound(st.selectbox, label, key, options, default, **more)


def _bound(
    draw: Callable,
    label: str,
    key: str,
    options: Sequence[T],
    default: T,
    noun: str | None = None,
    **more: Any,
) -> T:
    wrong = url_state.take(key, options, default)
    if wrong is not None:
        used = more.get("format_func", str)(default).removeprefix(f"{label}: ")
        st.warning(
            f"Unknown {noun or label.lower()} “{plain(wrong)}”: showing {plain(used)}.",
            icon=":material/help:",
        )
    draw(label, options, key=key, **more)
    url_state.keep(key, options, default)
    return st.session_state[key]


def figure(
    chart: go.Figure, name: str, alt: str, table: pd.DataFrame | None = None, **more: Any
) -> Any:
    """Draw a chart that can be saved as PNG, with its table as CSV if it is given.

    Args:
        chart: the figure.
        name: of the files without suffix; by default the key is this and "_chart".
        alt: description for screen readers.
        table: the numbers behind the chart.
        more: passed on to ``st.plotly_chart``.
    """
    config = {
        "displaylogo": False,
        "toImageButtonOptions": {"format": "png", "filename": name, "scale": 2},
        **more.get("config", {}),
    }
    drawn = st.plotly_chart(chart, alt=alt, **{"key": f"{name}_chart", **more, "config": config})
    if table is not None:
        csv_button(table, name)
    return drawn


def csv_button(
    table: pd.DataFrame | Callable[[], pd.DataFrame], name: str, label: str = "CSV"
) -> None:
    """Offer a table, or what a function returns, as CSV; its first line is the research-use notice."""

    def content() -> bytes:
        return csv_bytes(table() if callable(table) else table)

    download(label, content, f"{name}.csv", "download", type="tertiary", key=f"{name}_csv")


def download(label: str, content: Any, name: str, icon: str, **more: Any) -> None:
    """Offer a file.

    Args:
        label: of the button.
        content: text, bytes, or a function that returns them when the file is requested.
        name: of the file; its ending decides the type.
        icon: a Material symbol.
        more: passed on to ``st.download_button``.
    """
    st.download_button(
        label,
        content,
        name,
        mimetypes.guess_type(name)[0],
        icon=f":material/{icon}:",
        on_click="ignore",
        **{"key": f"download {label}", **more},
    )


def code(lines: str, cohort: Cohort | None = None) -> None:
    """Show Python code that gives what the page shows, ready to run; a cohort is opened first."""
    with st.expander("Code", icon=":material/code:"):
        folder = cohort and source_code.data_folder(cohort.root)
        opening = f"{source_code.opening(folder, cohort.label)}\n" if cohort and folder else ""
        st.caption("Copy and run this in your notebook.")
        st.code(f"{opening}{lines.strip()}\n", language="python")


def _data_name(cohort: Cohort) -> None:
    opened = plain(source_code.data_folder(cohort.root)) if cohort.address else None
    st.badge(plain(cohort.root.name), icon=":material/folder_open:", color="gray", help=opened)
    button(
        "Reload data",
        "refresh",
        "reload",
        cache.reload,
        type="tertiary",
        help="Rescan the folder for changed files",
    )
