"""Similar slices: a map of the cohort by what its slices look like, and the neighbours of any slice."""

import pandas as pd
import streamlit as st

from brainseg import worklist
from brainseg.cohort import Case, Cohort
from brainseg.errors import BrainsegError, ModelError
from brainseg.models import Model, list_models, open_model
from brainseg.plotting import maps
from brainseg.statistics import embeddings
from brainseg.statistics.embeddings import IMAGE, Features
from brainseg.statistics.neighbours import neighbours
from dashboard.shared import (
    cache,
    chart_selection,
    dataset_context,
    keys,
    overlays,
    selection,
    snippets,
    url_state,
    widgets,
)

OPENS, SHOWS, DRAWS = "click opens", "click shows neighbours", "draw around"
ONE_EACH, OTHER_CASES, ALL_CASES = "other cases, one slice each", "other cases", "all cases"
MEASURES = ("tumour", "institution", "case", "position", "area_px", "compactness")
MOST_NEIGHBOURS = 10
MOST_DRAWN = 30
MAP = "slice_map"
ASKING = "Comparing the neighbours of every slice"


def described(cohort: Cohort, model: Model | None) -> Features:
    """Return the description that is shown, or say how to get it, and stop the page."""
    found = embeddings.kept(cohort, model)
    if found is not None:
        return found
    if model is not None:
        st.info(
            f"The slices are not described by {widgets.plain(model.name)} yet. That takes the network, "
            "which this page does without. In a terminal:",
            icon=":material/terminal:",
        )
        st.code(f'brainseg features "{cohort.root}" --model {model.name}', language="bash")
        st.stop()
    return described_by_images(cohort)


def described_by_images(cohort: Cohort) -> Features:
    """Return what the images alone give, computed where the person asks for it."""
    if not st.session_state.get("describing"):
        st.markdown(
            "The slices of this cohort are not described yet. That reads every slice once, looks at no "
            "mask, needs no model, and is kept: less than a minute for 3,000 slices."
        )
        st.button(
            "Describe the slices",
            on_click=lambda: st.session_state.update(describing=True),
            type="primary",
            icon=":material/bubble_chart:",
            key="describe",
        )
        st.caption("The same in a terminal:")
        st.code(f'brainseg features "{cohort.root}"', language="bash")
        st.stop()
    work = cache.describing(cohort)
    found = dataset_context.wait_for(
        work, "Describing every slice", lambda: cache.describing.clear(cohort)
    )
    if found is None:
        st.stop()
    return found


def source_of() -> Model | None:
    """Return the model whose description the person wants, None for that of the images alone."""
    source = widgets.choice("Alike by", keys.SOURCE, (IMAGE, *list_models()), IMAGE)
    if source == IMAGE:
        return None
    try:
        return open_model(source)
    except ModelError as error:
        widgets.refuse(error)


def say_how_well(cohort: Cohort, found: Features) -> None:
    """Say what the neighbours are worth, beside chance."""
    with st.expander("How far can the neighbours be trusted?", icon=":material/rule:"):
        work = cache.agreement(cohort, found)
        measured = dataset_context.wait_for(
            work, ASKING, lambda: cache.agreement.clear(cohort, found)
        )
        for sentence in [] if measured is None else measured.in_words():
            st.markdown(f"- {sentence}")
        if measured is None and work.result.done():
            st.markdown("That takes two patients whose masks can be used.")


def draw_map(cohort: Cohort, found: Features, by: str, mode: str) -> list[tuple[str, int]]:
    """Draw the map, follow a click in it, and return the slices that were drawn around."""
    now = dataset_context.explore(cohort)
    table = found.table().merge(now.slices, on=["case", "slice_number"])
    colour = maps.slice_colour(table, cache.case_rows(cohort), by)
    mark = looked_at() if mode == SHOWS else None
    drag = "lasso" if mode == DRAWS else "pan"
    figure = maps.slice_map(table, colour, now.chosen(table), mark, drag)
    key = f"{MAP} {by} {mode} {st.query_params.get(keys.WHERE, '')} {mark}"
    widgets.figure(
        figure,
        MAP,
        f"Map of {len(table)} slices, coloured by {colour.name}; near means alike.",
        table[["case", "slice_number", "x", "y"]].assign(**{by: colour}),
        key=key,
        on_select=(lambda: show(clicked(key))) if mode == SHOWS else "rerun",
        selection_mode=("lasso", "box") if mode == DRAWS else ("points",),
        config={"scrollZoom": True},
    )
    source = None if found.source == IMAGE else found.source
    dataset_context.show_code(snippets.slice_map(source, by, mark, now.code))
    points = clicked(key)
    if mode == OPENS and points:
        st.switch_page(keys.CASE_PAGE, query_params=dataset_context.link(*points[0]))
    return points if mode == DRAWS else []


def looked_at() -> tuple[str, int] | None:
    """Return the slice whose neighbours are shown, where the address names it."""
    case, number = (st.query_params.get(name) for name in (keys.CASE, keys.SLICE))
    return (case, int(number)) if case and number and number.isdecimal() else None


def clicked(key: str) -> list[tuple[str, int]]:
    """Return the slices that are selected in the map, each once."""
    points = st.session_state.get(key, {}).get("selection", {}).get("points", [])
    held = (selection.custom(point) for point in points)
    return list(dict.fromkeys((case, int(number)) for case, number in held))


def show(points: list[tuple[str, int]]) -> None:
    """Show the neighbours of a slice, from a callback."""
    if points:
        case, number = points[0]
        url_state.put(**{keys.CASE: case, keys.SLICE: number})


def picture(cohort: Cohort, case: str, number: int, told: str, near: bool = True) -> None:
    """Draw a slice with what there is to say, the way to it, and to its neighbours."""
    with st.container(gap="xxsmall"):
        overlays.thumbnail(cohort, case, number, overlays.Look())
        st.caption(told)
        st.page_link(
            keys.CASE_PAGE,
            label="Open",
            icon=":material/neurology:",
            query_params=dataset_context.link(case, number),
        )
        if near:
            st.button(
                "Similar",
                on_click=url_state.put,
                kwargs={keys.CASE: case, keys.SLICE: number},
                icon=":material/bubble_chart:",
                key=f"similar {case} {number}",
                type="tertiary",
            )


def draw_chosen(cohort: Cohort, points: list[tuple[str, int]]) -> None:
    """Draw the slices that were drawn around."""
    if not points:
        st.info(
            "Draw around some points of the map to see their slices.", icon=":material/gesture:"
        )
        return
    cases = tuple(dict.fromkeys(case for case, _ in points))
    more = f", the first {MOST_DRAWN} of them here" if len(points) > MOST_DRAWN else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{len(points)} slices of {len(cases)} cases{more}.", width="content")
        st.button(
            f"Choose these {len(cases)} cases",
            on_click=lambda: selection.ask(chart_selection.by_name(cases)[0]),
            icon=":material/filter_alt:",
            key="choose_drawn",
        )
    with st.grid(columns=5, min_column_width=160):
        for case, number in points[:MOST_DRAWN]:
            picture(cohort, case, number, f"{widgets.plain(case)} · {number}")


def pick_slice(cohort: Cohort) -> tuple[str, int]:
    """Draw the slice whose neighbours are wanted, and return its case and number."""
    case = widgets.case_picker(cohort)
    try:
        number = widgets.slice_picker(case, overlays.opening_slice(cohort, case))
    except BrainsegError as error:
        widgets.refuse(error)
    picture(cohort, case.name, number, told_of(case, number), near=False)
    return case.name, number


def draw_neighbours(cohort: Cohort, found: Features, case: str, number: int) -> None:
    """Draw the slices most like one."""
    dataset_context.title(
        "Most like this slice", "The nearest first: the smaller the distance, the more alike."
    )
    among = widgets.choice("From", keys.OTHERS, (ONE_EACH, OTHER_CASES, ALL_CASES), ONE_EACH)
    options = {"other_cases": among != ALL_CASES, "one_a_case": among == ONE_EACH}
    try:
        near = neighbours(found, case, number, MOST_NEIGHBOURS, **options)
    except BrainsegError as error:
        st.error(widgets.plain(str(error), longest=600), icon=":material/error:")
        return
    with st.grid(columns=5, min_column_width=160):
        for row in near.itertuples():
            told = f"**{row.distance:.2f}** · slice {row.slice_number}  \n{widgets.plain(row.case)}"
            picture(cohort, row.case, row.slice_number, told)
    widgets.csv_button(near, "neighbours")
    source = None if found.source == IMAGE else found.source
    dataset_context.show_code(snippets.neighbours(source, case, number, MOST_NEIGHBOURS, **options))


def told_of(case: Case, number: int) -> str:
    """Return what a caption says of the slice that is looked at."""
    rows = case.slices.set_index("slice_number")
    area_px = rows.loc[number, "area_px"]
    if pd.isna(area_px):
        return f"Slice {number}: no usable mask"
    return f"Slice {number}: " + (f"tumour {area_px:,} px" if area_px else "no tumour")


st.title("Similar slices")
cohort = widgets.open_cohort()
widgets.require_known_case(cohort)
st.markdown(
    "Every point is a slice, and points that lie close together look alike. Far apart means little: "
    "only neighbourhoods can be read."
)
selection.say(cohort)
controls = st.container(horizontal=True, vertical_alignment="bottom")
with controls:
    model = source_of()
found = described(cohort, model)
with controls:
    codes = worklist.code_columns(cache.case_rows(cohort))
    by = dataset_context.pick(
        "Coloured by", keys.BY, [*MEASURES, *codes], "tumour", maps.colour_name
    )
    mode = widgets.choice("In the map", keys.CLICK, (OPENS, SHOWS, DRAWS), OPENS)
with st.grid(columns=5, min_column_width=110, gap="medium") as both:
    with both.cell(column_span=3):
        drawn = draw_map(cohort, found, by, mode)
    with both.cell(column_span=2):
        case, number = pick_slice(cohort)
draw_neighbours(cohort, found, case, number)
if mode == DRAWS:
    draw_chosen(cohort, drawn)
say_how_well(cohort, found)
with st.expander("What makes slices alike here?", icon=":material/menu_book:"):
    st.markdown(
        "**image**: FLAIR in the box around the head, cut into 8 × 8 cells, and how its left half "
        "differs from the mirror image of its right one; no mask is looked at.\n\n"
        "**a model's name**: what its network holds at its coarsest resolution, the strongest value "
        "of each feature. Of its training cases it has seen the masks.\n\n"
        f"The map is made by {found.method}; its axes mean nothing by themselves."
    )
widgets.tumour_means()
