"""The cases that the address selects and their order, shared by all pages.

The worklist shows the selection, the case page steps through it, charts create it. All links keep
it, see :mod:`dashboard.shared.links`.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pandas as pd
import streamlit as st

from brainseg import worklist
from brainseg.checks.acceptances import open_acceptances
from brainseg.checks.contradictions import finding_of
from brainseg.checks.finding import Finding
from brainseg.checks.folds import stamp_of_folds
from brainseg.checks.outcome import Outcome
from brainseg.cohort import Cohort, filters
from brainseg.cohort.filters import Condition, Filter
from brainseg.cohort.saved_index import MAPPED_FROM
from brainseg.errors import BrainsegError, FilterError, ModelError
from brainseg.models import open_model
from brainseg.reviews import open_reviews
from dashboard.shared import cache, columns, keys, model_picker, url_state, viewer, widgets
from dashboard.shared.cache_keys import last_change, last_scored

CHECKS_FAILED = (
    "The checks failed or were cancelled, so findings are not counted: see the Checks page."
)

ROWS_ON_A_PAGE = 1000
"""Rows of a table of a large cohort that go to the browser at a time."""

NEEDS_THE_CHECKS = frozenset(worklist.FINDING_COLUMNS.values())


@dataclass(frozen=True)
class Selected:
    """The cases that the address selects.

    Attributes:
        every: all cases, one row each, in the order of the address.
        rows: the rows that match filter and search.
        wrong: a message for each unusable part of the address, which is then ignored, and for failed
            checks.
        waiting: whether the checks are still running, so that findings are not counted yet.
    """

    every: pd.DataFrame
    rows: pd.DataFrame
    wrong: tuple[str, ...]
    waiting: bool


@dataclass(frozen=True)
class Place:
    """The position of a case among the selected ones.

    Attributes:
        before: the previous case, or None.
        after: the next case, or None.
        number: its position from 1, or None if the case itself is not selected.
        of: number of selected cases.
        then: the case after the next, or None.
        wrong: as for :class:`Selected`.
    """

    before: str | None
    after: str | None
    number: int | None
    of: int
    then: str | None = field(default=None, compare=False)
    wrong: tuple[str, ...] = field(default=(), compare=False)

    @property
    def around(self) -> list[str]:
        """Return the cases that are probably opened next, the most probable first."""
        return [name for name in (self.after, self.then, self.before) if name]


def current() -> tuple[Filter, str | None]:
    """Return the filter in the address, and a message if it cannot be read (then it is empty)."""
    try:
        return Filter.parse(st.query_params.get(keys.WHERE, "")), None
    except FilterError as error:
        return Filter(), str(error)


def is_limited() -> bool:
    """Return whether the address has a filter or a search."""
    return bool(st.query_params.get(keys.WHERE) or st.query_params.get(keys.SEARCH))


def selected(cohort: Cohort) -> Selected:
    """Return the cases that the address selects.

    Findings are missing while the checks run. If the address filters or sorts by them, this waits.
    """
    asked, wrong = current()
    sort = st.query_params.get(keys.SORT, "")
    checking = cache.checking(cohort).result
    waiting = not checking.done() and not _needs_the_checks()
    failed = not waiting and checking.exception() is not None
    every = table(cohort, None if waiting or failed else outcome(cohort))
    sentences = [wrong, CHECKS_FAILED if failed else None]
    try:
        every = filters.sort_rows(every, sort)
    except FilterError as error:
        sentences.append(str(error))
    rows = every
    try:
        if asked:
            rows = every[asked.rows(every)]
    except FilterError as error:
        sentences.append(str(error))
    if text := st.query_params.get(keys.SEARCH):
        rows = rows[found(rows, text, cohort.codebook)]
    return Selected(every, rows, tuple(filter(None, sentences)), waiting)


def outcome(cohort: Cohort) -> Outcome:
    """Return the outcome of the checks; without acceptances if they cannot be read."""
    try:
        return cache.outcome(cohort, open_acceptances(cohort).stamp())
    except BrainsegError:
        # The checks page shows why.
        return cache.outcome(cohort, None)


def findings_of(cohort: Cohort, case: str) -> list[Finding] | None:
    """Return the open findings of a case, or None while the checks run or if they failed."""
    checking = cache.checking(cohort).result
    if not checking.done() or checking.exception() is not None:
        return None
    contradictions = [finding for finding in second_look(cohort)[1] if finding.case == case]
    return outcome(cohort).open_of_case(case) + contradictions


def second_look(cohort: Cohort) -> tuple[list[str], list[Finding]]:
    """Return the cases whose masks a model was compared with, and its open contradictions.

    The model is the first whose scores have them; see :mod:`brainseg.evaluation.second_look`.
    """
    changed = last_scored(cohort)
    for opens in model_picker.model_choices().values():
        with suppress(ModelError):
            saved = cache.scores(cohort, open_model(opens), changed)
            if saved is not None and saved.second_look:
                found = [
                    finding_of(case, one)
                    for case in saved.second_look
                    for one in saved.second_look[case]
                ]
                return list(saved.second_look), _without_accepted(cohort, found)
    return [], []


def _without_accepted(cohort: Cohort, findings: list[Finding]) -> list[Finding]:
    try:
        accepted = open_acceptances(cohort).of(findings)
    except BrainsegError:
        return findings  # the checks page shows why
    return [
        finding
        for finding, one in zip(findings, accepted, strict=True)
        if one is None or one.lapsed
    ]


def table(cohort: Cohort, checked: Outcome | None) -> pd.DataFrame:
    """Return the worklist of all cases, in the cohort's order; see :mod:`brainseg.worklist`."""
    if len(cohort.slices) >= MAPPED_FROM:  # one for each review would take tens of MiB
        return _table(cohort, checked)
    try:
        stamps = open_acceptances(cohort).stamp(), open_reviews(cohort).stamp()
    except BrainsegError:
        return _table(cohort, checked)
    changed, models = last_scored(cohort), tuple(model_picker.digests())
    state = last_change(str(cohort.root)), stamp_of_folds(cohort)  # as for cache.checking
    what = ("worklist", checked is None, state, stamps, changed, models)
    return cache.made(cohort, what, lambda: _table(cohort, checked))


def _table(cohort: Cohort, checked: Outcome | None) -> pd.DataFrame:
    findings = None if checked is None else checked.open_rows
    rows = worklist.with_findings(cache.case_rows(cohort), findings)
    rows = worklist.with_second_look(rows, *second_look(cohort))
    rows = worklist.with_scores(rows, scored(cohort)[1])
    try:
        return worklist.with_reviews(rows, reviews(cohort)[0])
    except BrainsegError:
        # The worklist shows why; an error here would block the step to the next case.
        return worklist.with_reviews(rows, None)


def reviews(cohort: Cohort) -> tuple[pd.DataFrame, int]:
    """Return all reviews of the cohort's cases, and the number of reviews on other images.

    Raises:
        ReviewError: see :meth:`brainseg.reviews.Reviews.table`.
    """
    return cache.reviews(cohort, open_reviews(cohort).stamp())


def scored(cohort: Cohort) -> tuple[str | None, pd.DataFrame | None]:
    """Return the first model with saved scores of this cohort, and the scores; None without.

    Cases in its training data are left out, because their Dice does not tell how it does on new ones.
    """
    changed = last_scored(cohort)
    for name, opens in model_picker.model_choices().items():
        with suppress(ModelError):
            unseen = cache.unseen(cohort, open_model(opens), changed)
            if unseen is not None:
                return name, unseen.scores
    return None, None


def found(rows: pd.DataFrame, text: str, codebook: pd.DataFrame | None) -> pd.Series:
    """Return a mask of the rows that the search finds; see :func:`brainseg.cohort.filters.found`."""
    codes = worklist.code_columns(rows)
    labelled = worklist.with_labels(rows[codes], codebook)
    changed = [name for name in codes if not labelled[name].equals(rows[name])]
    searched = rows.join(labelled[changed].add_suffix(" (label)"))
    names = ["case", "institution", "comments", *(f"{name} (label)" for name in changed)]
    return filters.found(searched, text, names, codes)


def page_of(cohort: Cohort, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table to show; of a large cohort those on a page of the visitor's choice."""
    most = len(rows) if len(cohort.slices) < MAPPED_FROM else ROWS_ON_A_PAGE
    pages = range(1, -(-len(rows) // max(1, most)) + 1)
    if len(pages) < 2:
        return rows
    wrong = url_state.take(keys.ROWS, pages, 1)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        number = st.pagination(len(pages), key=keys.ROWS)
        first = (number - 1) * most + 1
        shown = rows.iloc[first - 1 : number * most]
        st.caption(
            f"Rows {first:,} to {first + len(shown) - 1:,} of {len(rows):,}", width="content"
        )
    url_state.keep(keys.ROWS, pages, 1)
    if wrong is not None:
        st.query_params.pop(keys.ROWS, None)  # of a longer list, before a filter
    return shown


def order(cohort: Cohort) -> list[str]:
    """Return the names of the selected cases, in the order of the address."""
    return selected(cohort).rows["case"].tolist()


def place(cohort: Cohort, case: str) -> Place:
    """Return the neighbours of a case among the selected ones.

    A case that no longer matches the filter, such as one just reviewed, keeps its neighbours.
    """
    both = selected(cohort)
    fits = both.rows["case"].tolist()
    every = both.every["case"].tolist()
    here = every.index(case)
    wanted = set(fits)
    later = [name for name in every[here + 1 :] if name in wanted][:2]
    after, then = [*later, None, None][:2]
    return Place(
        before=next((name for name in reversed(every[:here]) if name in wanted), None),
        after=after,
        number=fits.index(case) + 1 if case in wanted else None,
        of=len(fits),
        then=then,
        wrong=both.wrong,
    )


def put(asked: Filter) -> None:
    """Write a filter into the address, from a callback; an empty filter removes it."""
    url_state.put(**{keys.WHERE: str(asked) or None})


def set_condition(condition: Condition) -> None:
    """Set the condition of one column, from a callback; an empty condition removes it."""
    put(current()[0].but(condition))


def clear() -> None:
    """Remove filter and search from the address, from a callback; the order stays."""
    url_state.put(**{keys.WHERE: None, keys.SEARCH: None})


def show(cohort: Cohort) -> None:
    """Show the current selection, with a link to its cases and a button to clear it.

    Draws nothing if all cases are selected.
    """
    if not is_limited():
        return
    now = selected(cohort)
    show_errors(now)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        count = len(now.rows)
        label = f"{widgets.counted(count, 'case')} in the worklist"
        widgets.link(keys.WORKLIST, label, "list")
        st.caption(f"{count} of {len(now.every)}: {_conditions()}", width="content")
        widgets.button("Clear", "close", "clear_selection", clear, type="tertiary")


def chip(cohort: Cohort | None, key: str, count: int | None = None) -> None:
    """Show the selection in a few words with a button to clear it; nothing if all cases are selected.

    Args:
        cohort: the open cohort, to count its cases; None if it is not open yet.
        key: of the button.
        count: number of selected cases, if the page knows it.
    """
    if not is_limited():
        return
    counted, limits = "", _conditions(60) or "unreadable filter"
    if cohort and (not _needs_the_checks() or cache.checking(cohort).result.done()):
        count = len(selected(cohort).rows) if count is None else count
        counted = f": {count} of {widgets.counted(len(cohort.cases), 'case')}"
    with st.container(
        horizontal=True,
        vertical_alignment="center",
        gap="xsmall",
        width="content",
        key=f"selection_{key}",
    ):
        st.caption(f":material/filter_alt: {limits}{counted}", width="content")
        widgets.button(
            "Clear", "close", key, clear, type="tertiary", help="Select all cases on all pages"
        )


def show_errors(now: Selected | Place) -> None:
    """Show a message for each part of the address that could not be used."""
    for sentence in now.wrong:
        st.warning(widgets.sentence(sentence), icon=":material/help:")


def _needs_the_checks() -> bool:
    """Return whether the address filters or sorts by findings."""
    sort = st.query_params.get(keys.SORT, "").removeprefix("-")
    return bool({*(one.column for one in current()[0].conditions), sort} & NEEDS_THE_CHECKS)


def _conditions(longest: int = 120) -> str:
    return " · ".join(widgets.plain(text, longest) for text in in_words())


def in_words() -> list[str]:
    """Return each condition of the address, and its search, in words."""
    conditions = [columns.words(condition) for condition in current()[0].conditions]
    text = st.query_params.get(keys.SEARCH)
    return [*conditions, f"search “{text}”"] if text else conditions


def stepper(cohort: Cohort) -> Callable[[str], None]:
    """Return a function that goes to the previous, next or a random case; it stays at either end.

    Args:
        cohort: the open cohort; the chosen case is under :data:`dashboard.shared.keys.CASE`.
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
