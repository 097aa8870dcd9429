"""Similar slices: a map of the cohort by similarity, and the nearest slices of any slice."""

import shlex
from typing import Any

import pandas as pd
import streamlit as st

from brainseg import worklist
from brainseg.cohort import Case, Cohort
from brainseg.errors import BrainsegError
from brainseg.models import Model, list_models
from brainseg.plotting import cohort_figures, maps
from brainseg.statistics import embeddings
from brainseg.statistics.embeddings import IMAGE, Features
from brainseg.statistics.units import area_column, area_in_words
from dashboard.shared import (
    cache,
    chart_selection,
    keys,
    links,
    model_picker,
    overlays,
    selection,
    source_code,
    url_state,
    widgets,
)
from dashboard.shared.dataset_context import (
    ShownCases,
    figure_code,
    link,
    pick,
    show_code,
    shown_cases,
    table_code,
    title,
    wait_for,
)

OPENS, SHOWS, DRAWS = "click opens", "click shows neighbours", "draw around"
ACTIONS = {SHOWS: "Click: show neighbours", OPENS: "Click: open case", DRAWS: "Lasso"}
ONE_EACH, OTHER_CASES, ALL_CASES = "other cases, one slice each", "other cases", "all cases"
COLOURS = ("tumour", "institution", "case", "position")
MOST_NEIGHBOURS = 8  # with the slice itself three rows of three beside the map
MOST_DRAWN = 30
MAP = "slice_map"
ASKING = "Comparing the neighbours of every slice"


def features_or_stop(cohort: Cohort, model: Model | None) -> Features:
    """Return the features of every slice, or explain how to compute them and stop the page."""
    found = embeddings.load_features(cohort, model)
    if found is not None:
        return found
    if model is not None:
        st.info(
            f"The features of {widgets.plain(model.name)} have not been computed for this cohort. This "
            "needs the model; run it once in a terminal:",
            icon=":material/terminal:",
        )
        st.code(command_of(cohort, f" --model {shlex.quote(model.name)}"), language="bash")
        st.stop()
    return image_features_or_stop(cohort)


def command_of(cohort: Cohort, options: str = "") -> str:
    """Return the command that computes the features."""
    return f"brainseg features {shlex.quote(source_code.data_folder(cohort.root))}{options}"


def image_features_or_stop(cohort: Cohort) -> Features:
    """Return the features of the images, computed in the background; for many slices after a click."""
    if len(cohort.slices) > embeddings.STARTS_UNASKED and not st.session_state.get("describing"):
        st.markdown(
            "Similarity has not been computed for this cohort. It takes under a minute for 5,000 "
            "slices, uses the images only, and is saved."
        )
        widgets.button(
            "Compute similarity",
            "bubble_chart",
            "describe",
            lambda: st.session_state.update(describing=True),
            type="primary",
        )
        st.caption("Or in a terminal:")
        st.code(command_of(cohort), language="bash")
        st.stop()
    work = cache.describing(cohort)
    found = wait_for(
        work, "Computing the similarity of all slices", lambda: cache.describing.clear(cohort)
    )
    if found is None:
        st.stop()
    return found


def pick_source() -> Model | None:
    """Return the model whose features are used, or None for the features of the images."""
    source = widgets.choice("Similarity from", keys.SOURCE, (IMAGE, *list_models()), IMAGE)
    return None if source == IMAGE else model_picker.opened(source)


def show_agreement(cohort: Cohort, found: Features) -> None:
    """Show how often neighbours agree, compared with chance."""
    with st.expander("How reliable are the neighbours?", icon=":material/rule:"):
        work = cache.agreement(cohort, found)
        measured = wait_for(work, ASKING, lambda: cache.agreement.clear(cohort, found))
        for sentence in [] if measured is None else measured.in_words():
            st.markdown(f"- {sentence}")
        if measured is None and work.result.done():
            st.markdown("This needs two patients with usable masks.")


def draw_map(chosen: ShownCases, source: str, by: str, mode: str) -> list[tuple[str, int]]:
    """Draw the map, follow a click in it, and return the slices inside the lasso."""
    mark = slice_in_address() if mode == SHOWS else None
    drag = "lasso" if mode == DRAWS else "pan"
    arguments: dict[str, Any] = {"source": source, "colour": by, "mark": mark, "drag": drag}
    table, figure = chosen.drawn(cohort_figures.slice_map, **arguments)
    key = f"{MAP} {by} {mode} {st.query_params.get(keys.WHERE, '')} {mark}"
    widgets.figure(
        figure,
        MAP,
        f"Map of {len(table)} slices, coloured by {maps.colour_name(by)}; near means similar.",
        table,
        key=key,
        on_select=(lambda: show(clicked(key))) if mode == SHOWS else "rerun",
        selection_mode=("lasso", "box") if mode == DRAWS else ("points",),
        config={"scrollZoom": True},
    )
    show_code(figure_code(chosen, cohort_figures.slice_map, **arguments))
    points = clicked(key)
    if mode == OPENS and points:
        links.open_page(keys.CASE_PAGE, link(*points[0]))
    return points if mode == DRAWS else []


def slice_in_address() -> tuple[str, int] | None:
    """Return the case and slice number in the address, or None."""
    case, number = (st.query_params.get(name) for name in (keys.CASE, keys.SLICE))
    return (case, int(number)) if case and number and number.isdecimal() else None


def clicked(key: str) -> list[tuple[str, int]]:
    """Return the slices that are selected in the map, without duplicates."""
    points = st.session_state.get(key, {}).get("selection", {}).get("points", [])
    picked = (chart_selection.custom(point) for point in points)
    return list(dict.fromkeys((case, int(number)) for case, number in picked))


def show(points: list[tuple[str, int]]) -> None:
    """Show the neighbours of a slice, from a callback."""
    if points:
        case, number = points[0]
        url_state.put(**{keys.CASE: case, keys.SLICE: number})


def picture(cohort: Cohort, case: str, number: int, caption: str, near: bool = True) -> None:
    """Show a slice with a caption, a link to it, and a button for its neighbours."""
    with st.container(gap="xxsmall"):
        window = st.session_state[keys.PRESET]
        overlays.thumbnail(cohort, case, number, overlays.OverlayStyle(window=window))
        st.caption(caption)
        with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall"):
            widgets.link(keys.CASE_PAGE, "Open", "neurology", link(case, number), width="content")
            if near:
                widgets.button(
                    "Similar",
                    "bubble_chart",
                    f"similar {case} {number}",
                    url_state.put,
                    kwargs={keys.CASE: case, keys.SLICE: number},
                    type="tertiary",
                )


def show_lassoed(cohort: Cohort, points: list[tuple[str, int]]) -> None:
    """Show the slices inside the lasso."""
    if not points:
        st.info(
            "Draw a lasso around points of the map to see their slices.", icon=":material/gesture:"
        )
        return
    cases = tuple(dict.fromkeys(case for case, _ in points))
    more = f"; the first {MOST_DRAWN} are shown" if len(points) > MOST_DRAWN else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"{len(points)} slices of {len(cases)} cases{more}.", width="content")
        widgets.button(
            f"Choose these {len(cases)} cases",
            "filter_alt",
            "choose_drawn",
            lambda: selection.set_condition(chart_selection.by_name(cases)[0]),
        )
    with st.grid(columns=5, min_column_width=160):
        for case, number in points[:MOST_DRAWN]:
            picture(cohort, case, number, f"{widgets.plain(case)} · {number}")


def pick_slice(cohort: Cohort) -> tuple[Case, int]:
    """Draw the pickers of a slice, and return its case and number."""
    with st.container(horizontal=True, gap="medium"):
        case = widgets.case_picker(cohort, width=widgets.CASE_PX)
        try:
            with st.container(width="stretch"):
                return case, widgets.slice_picker(case, overlays.opening_slice(cohort, case))
        except BrainsegError as error:
            widgets.refuse(error)


def draw_neighbours(chosen: ShownCases, source: str, case: Case, number: int) -> None:
    """Show a slice and the slices most similar to it."""
    title("Most similar slices", "Nearest first: a smaller distance means more similar.")
    among = widgets.choice("From", keys.OTHERS, (ONE_EACH, OTHER_CASES, ALL_CASES), ONE_EACH)
    arguments: dict[str, Any] = {
        "source": source,
        "case": case.name,
        "slice_number": number,
        "most": MOST_NEIGHBOURS,
        "other_cases": among != ALL_CASES,
        "one_a_case": among == ONE_EACH,
    }
    try:
        near = cohort_figures.similar_slices(chosen, **arguments)
    except BrainsegError as error:
        widgets.error(error)
        return
    with st.grid(columns=3, min_column_width=165, gap="small"):
        picture(chosen.cohort, case.name, number, caption_of(case, number), near=False)
        for row in near.itertuples():
            name = widgets.plain(row.case)
            caption = f"**{row.distance:.2f}** · slice {row.slice_number}  \n{name}"
            picture(chosen.cohort, row.case, row.slice_number, caption)
    widgets.csv_button(near, "neighbours")
    show_code(table_code(chosen, cohort_figures.similar_slices, **arguments))


def caption_of(case: Case, number: int) -> str:
    """Return the caption of the query slice."""
    rows = case.slices.set_index("slice_number")
    area_px = rows.loc[number, "area_px"]
    if pd.isna(area_px):
        return f"Slice {number}: no usable mask  \n{widgets.plain(case.name)}"
    area = area_in_words(area_px, case.spacing_mm)
    tumour = f"tumour {area}" if area_px else "no tumour"
    return f"Slice {number}: {tumour}  \n{widgets.plain(case.name)}"


st.title("Similar slices")
cohort = widgets.open_cohort()
widgets.require_known_case(cohort)
st.markdown(
    "Each point is a slice; similar slices are close together. Only close neighbours are meaningful; "
    "large distances are not."
)
selection.show(cohort)
controls = st.container(horizontal=True, vertical_alignment="bottom")
with controls:
    model = pick_source()
source = IMAGE if model is None else model.name
chosen = shown_cases(cohort)
chosen.loaded = features_or_stop(cohort, model)
with controls:
    codes = worklist.code_columns(chosen.worklist())
    by_slice = [*COLOURS, area_column(chosen.slices()), "compactness"]
    by = pick("Colour", keys.BY, [*by_slice, *codes], "tumour", maps.colour_name, 220)
    mode = widgets.choice("In the map", keys.CLICK, tuple(ACTIONS), SHOWS, format_func=ACTIONS.get)
    overlays.window_picker()
with st.grid(columns=2, min_column_width=420, gap="medium") as both:
    with both.cell():
        lassoed = draw_map(chosen, source, by, mode)
    with both.cell():
        case, number = pick_slice(cohort)
        draw_neighbours(chosen, source, case, number)
if mode == DRAWS:
    show_lassoed(cohort, lassoed)
show_agreement(cohort, chosen.loaded)
with st.expander("What makes slices similar here?", icon=":material/menu_book:"):
    st.markdown(
        "**image**: FLAIR in the box around the head, divided into 8 × 8 cells, and the difference "
        "between its left half and the mirrored right half; masks are not used.\n\n"
        "**a model's name**: the maximum of each feature at the coarsest resolution of its network. The "
        "model was trained with the masks of its training cases.\n\n"
        f"The map was computed with {chosen.loaded.method}; its axes have no meaning."
    )
widgets.tumour_means(cohort)
