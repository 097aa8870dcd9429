"""The cases that the address selects and their order, shared by several pages.

The worklist shows the selection, the case page steps through it, charts create it. A link with
:func:`parameters` leads to the same cases.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from brainseg import worklist
from brainseg.checks.acceptances import open_acceptances
from brainseg.checks.finding import Finding
from brainseg.cohort import Cohort, filters
from brainseg.cohort.filters import Condition, Filter
from brainseg.errors import BrainsegError, FilterError, ModelError
from brainseg.models import open_model
from brainseg.reviews import open_reviews
from dashboard.shared import cache, columns, keys, model_picker, url_state, viewer, widgets

PASSED_ON = (keys.WHERE, keys.SEARCH, keys.SORT, keys.COLUMNS)

CHECKS_FAILED = "The checks failed, so findings are not counted: see the Checks page."

NEEDS_THE_CHECKS = frozenset(worklist.FINDING_COLUMNS.values())


@dataclass(frozen=True)
class Selected:
    """The cases that the address asks for.

    Attributes:
        every: all cases, a row each, in the order that the address asks for.
        rows: those of them that fit the filter and the search.
        wrong: a sentence for each part of the address that could not be used (what it asked for is
            then left out, so that more cases are shown, not fewer), and for checks that failed.
        waiting: whether the checks still run, so that no findings are counted yet.
    """

    every: pd.DataFrame
    rows: pd.DataFrame
    wrong: tuple[str, ...]
    waiting: bool


@dataclass(frozen=True)
class Place:
    """Where a case stands among those that the address asks for.

    Attributes:
        before: the case before it, None where it is the first.
        after: the case after it, None where it is the last.
        number: its place from 1, or None where the case itself does not fit the filter.
        of: how many cases fit.
    """

    before: str | None
    after: str | None
    number: int | None
    of: int


def current() -> tuple[Filter, str | None]:
    """Return the filter in the address, and a sentence where it cannot be read (it is empty then)."""
    try:
        return Filter.parse(st.query_params.get(keys.WHERE, "")), None
    except FilterError as error:
        return Filter(), str(error)


def parameters() -> dict[str, str]:
    """Return the parameters of the address that a link must pass on, to lead to the same cases."""
    return {key: st.query_params[key] for key in PASSED_ON if st.query_params.get(key)}


def selected(cohort: Cohort) -> Selected:
    """Return the cases that the address asks for.

    The findings are missing while the checks run, unless the address filters or sorts by them: then
    this waits.
    """
    asked, wrong = current()
    sort = st.query_params.get(keys.SORT, "")
    checking = cache.checking(cohort).result
    needed = {*(c.column for c in asked.conditions), sort.removeprefix("-")}
    waiting = not checking.done() and not needed & NEEDS_THE_CHECKS
    failed = not waiting and checking.exception() is not None
    every = table(cohort, None if waiting or failed else open_findings(cohort))
    sentences = [wrong, CHECKS_FAILED if failed else None]
    try:
        every = filters.sort_rows(every, sort)
    except FilterError as error:
        sentences.append(str(error))
    rows = every
    try:
        rows = every[asked.rows(every)]
    except FilterError as error:
        sentences.append(str(error))
    if text := st.query_params.get(keys.SEARCH):
        rows = rows[found(rows, text, cohort.codebook)]
    return Selected(every, rows, tuple(filter(None, sentences)), waiting)


def open_findings(cohort: Cohort) -> list[Finding]:
    """Return the findings that nobody accepted; all of them where that cannot be read."""
    try:
        return cache.outcome(cohort, open_acceptances(cohort).stamp()).open
    except BrainsegError:
        # The page of the checks says why.
        return cache.checking(cohort).result.result().findings


def table(cohort: Cohort, findings: list[Finding] | None) -> pd.DataFrame:
    """Return the worklist of all cases, in the cohort's order; see :mod:`brainseg.worklist`."""
    rows = worklist.with_findings(cache.case_rows(cohort), findings)
    rows = worklist.with_scores(rows, scored(cohort)[1])
    try:
        return worklist.with_reviews(rows, reviews(cohort)[0])
    except BrainsegError:
        # The page of the worklist says why: here it would stop the step to the next case.
        return worklist.with_reviews(rows, None)


def reviews(cohort: Cohort) -> tuple[pd.DataFrame, int]:
    """Return all reviews of the cohort's cases, and how many there are of other images.

    Raises:
        ReviewError: see :meth:`brainseg.reviews.Reviews.table`.
    """
    return cache.reviews(cohort, open_reviews(cohort).stamp())


def scored(cohort: Cohort) -> tuple[str | None, pd.DataFrame | None]:
    """Return the first model whose scores of this cohort are kept, and those; None without.

    Cases that the model learned from are left out: their Dice says nothing of new ones.
    """
    changed = cache.last_scored(cohort)
    for name, opens in model_picker.model_choices().items():
        with suppress(ModelError):
            kept = cache.unseen_scores(cohort, open_model(opens), changed)
            if kept is not None:
                return name, kept
    return None, None


def found(rows: pd.DataFrame, text: str, codebook: pd.DataFrame | None) -> pd.Series:
    """Return which rows the search finds; see :func:`brainseg.cohort.filters.found`."""
    codes = worklist.code_columns(rows)
    labelled = worklist.with_labels(rows[codes], codebook)
    told = [name for name in codes if not labelled[name].equals(rows[name])]
    searched = rows.join(labelled[told].add_suffix(" (label)"))
    names = ["case", "institution", "comments", *(f"{name} (label)" for name in told)]
    return filters.found(searched, text, names, codes)


def worklist_rows(cohort: Cohort) -> pd.DataFrame:
    """Return the rows of the worklist that the address asks for, in its order."""
    return selected(cohort).rows


def order(cohort: Cohort) -> list[str]:
    """Return the names of the cases that the address asks for, in its order."""
    return worklist_rows(cohort)["case"].tolist()


def place(cohort: Cohort, case: str) -> Place:
    """Return the neighbours of a case among those that the address asks for.

    A case that does not fit the filter (any more: it was just reviewed) has the neighbours of the
    place where it would stand.
    """
    both = selected(cohort)
    fits = both.rows["case"].tolist()
    every = both.every["case"].tolist()
    here = every.index(case)
    wanted = set(fits)
    return Place(
        before=next((name for name in reversed(every[:here]) if name in wanted), None),
        after=next((name for name in every[here + 1 :] if name in wanted), None),
        number=fits.index(case) + 1 if case in wanted else None,
        of=len(fits),
    )


def put(asked: Filter) -> None:
    """Write a filter into the address, from a callback; an empty one takes it out."""
    url_state.put(**{keys.WHERE: str(asked) or None})


def ask(condition: Condition) -> None:
    """Set what is asked of one column, from a callback; an empty condition asks nothing of it."""
    put(current()[0].but(condition))


def add(column: str, low: float | None, high: float | None) -> None:
    """Set a range for one column, both ends included, from a callback."""
    ask(Condition(column, ranges=((low, high),)))


def clear() -> None:
    """Take filter and search out of the address, from a callback; the order stays."""
    url_state.put(**{keys.WHERE: None, keys.SEARCH: None})


def say(cohort: Cohort) -> None:
    """Say which cases the address asks for, with a link to them and a button to clear it.

    Draws nothing where the address asks for all of them.
    """
    if not st.query_params.get(keys.WHERE) and not st.query_params.get(keys.SEARCH):
        return
    now = selected(cohort)
    say_wrong(now)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        many = len(now.rows)
        st.page_link(
            keys.WORKLIST,
            label=f"{'1 case' if many == 1 else f'These {many} cases'} in the worklist",
            icon=":material/list:",
            query_params=parameters(),
        )
        told = " · ".join(widgets.plain(text, longest=120) for text in told_in_words())
        st.caption(f"{many} of {len(now.every)}: {told}", width="content")
        st.button(
            "Clear", on_click=clear, icon=":material/close:", type="tertiary", key="clear_selection"
        )


def say_wrong(now: Selected) -> None:
    """Say in a sentence each what of the address could not be used."""
    for sentence in now.wrong:
        st.warning(widgets.plain(sentence, longest=600), icon=":material/help:")


def told_in_words() -> list[str]:
    """Return each condition of the address, and its search, as a person says it."""
    told = [columns.words(condition) for condition in current()[0].conditions]
    text = st.query_params.get(keys.SEARCH)
    return [*told, f"search “{text}”"] if text else told


def chosen(
    selection: Mapping,
    case: str | None = None,
    x: str | None = None,
    y: str | None = None,
    bins: str | None = None,
) -> Filter:
    """Return the filter that a selection in a plotly chart stands for; an empty one for none.

    Args:
        selection: what Streamlit returns of a chart: ``points``, ``box``, ``lasso``.
        case: where a point holds its case's name: "x", "y" or "customdata" (its first entry).
        x: the worklist's column on the horizontal axis, if it shows one.
        y: the worklist's column on the vertical axis, if it shows one.
        bins: the worklist's column whose range, both ends included, a point's ``customdata`` holds.

    Returns:
        One box over axes that are columns of numbers: the range of the chosen points, which is
        shorter to write than their names. Otherwise the cases by name; without ``case`` the values of
        ``x``, else of ``y``.
    """
    points = selection.get("points", [])
    if not points:
        return Filter()
    if bins:
        return Filter((Condition(bins, ranges=_joined(map(custom, points))),))
    axes = [(name, column) for name, column in (("x", x), ("y", y)) if column]
    numbers = all(_is_number(point.get(name)) for point in points for name, _ in axes)
    one_box = len(selection.get("box", [])) == 1 and not selection.get("lasso")
    if axes and numbers and one_box:
        spans = [(column, [point[name] for point in points]) for name, column in axes]
        return Filter(
            tuple(Condition(column, ranges=((min(of), max(of)),)) for column, of in spans)
        )
    if case:
        names = [custom(point)[0] if case == "customdata" else point[case] for point in points]
        return Filter((Condition("case", values=tuple(dict.fromkeys(map(str, names)))),))
    if not axes:
        return Filter()
    name, column = axes[0]
    values = [point.get(name) for point in points]
    texts = [filters.number_text(value) if _is_number(value) else str(value) for value in values]
    return Filter((Condition(column, values=tuple(dict.fromkeys(texts))),))


def custom(point: Mapping) -> list:
    """Return what a selected point of a chart carries."""
    held = point.get("customdata", [])
    if isinstance(held, Mapping):  # plotly sends the entries of some traces by place
        return list(held.values())
    return list(held) if isinstance(held, list | tuple) else [held]


def stepper(cohort: Cohort) -> Callable[[str], None]:
    """Return what leads to the case that a key or a button asks for; at an end of the list it stays.

    Args:
        cohort: the open cohort; the chosen case stands under :data:`dashboard.shared.keys.CASE`.
    """

    def go(where: str) -> None:
        now = st.session_state[keys.CASE]
        if where == viewer.RANDOM:
            others = [name for name in order(cohort) if name != now]
            to = random.choice(others) if others else None
        else:
            here = place(cohort, now)
            to = here.after if where == viewer.NEXT else here.before
        if to is not None:
            url_state.put(**{keys.CASE: to, keys.SLICE: None})

    return go


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _joined(ranges: Iterable[list]) -> tuple[tuple[float, float], ...]:
    """Return ranges sorted, those that touch made one; whole numbers touch from one to the next."""
    pairs = sorted((one[0], one[1]) for one in ranges)
    step = 1 if all(float(limit).is_integer() for pair in pairs for limit in pair) else 0
    joined: list[tuple[float, float]] = []
    for low, high in pairs:
        if joined and low <= joined[-1][1] + step:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return tuple(joined)
