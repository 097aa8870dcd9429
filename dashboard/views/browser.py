"""Browser: random slices that the address brings back; image, mask and overlay side by side."""

import secrets

import streamlit as st

from brainseg.cohort.random_slices import random_slices
from brainseg.errors import CohortError
from brainseg.imaging import ALL_SEQUENCES
from brainseg.plotting import style
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST
from dashboard.shared import cache, keys, overlays, url_state, widgets

ONE, GRID = "one slice", "grid"
ALL_CASES, THIS_CASE = "all cases", "this case"
IN_GRID = 12

GLOSSARY = {
    PRE_CONTRAST: (
        "T1-weighted, before a contrast agent: anatomy. White matter is brighter than grey matter, "
        "fluid is dark; a glioma is often a little darker than the tissue around it."
    ),
    FLAIR: (
        "T2-weighted with the signal of free fluid suppressed: ventricles stay dark, so that oedema "
        "and infiltrating tumour stand out bright. The masks of this dataset outline what is "
        "abnormal here."
    ),
    POST_CONTRAST: (
        "T1-weighted, after gadolinium: bright where the blood-brain barrier leaks, and in vessels. "
        "Many lower-grade gliomas do not take it up."
    ),
}


def new_seed() -> None:
    """Draw again: what was chosen by hand gives way to what the seed draws."""
    url_state.put(**{keys.SEED: secrets.choice(widgets.SEEDS)})
    redraw()


def redraw() -> None:
    """Show what the seed draws, from the same case where the person asked for one case."""
    url_state.put(**{keys.SLICE: None})
    if st.session_state.get(keys.FROM) != THIS_CASE:
        url_state.put(**{keys.CASE: None})


def stay() -> None:
    """Keep the case that is shown when the person turns to this case alone."""
    url_state.put(**{name: st.session_state.get(name) for name in (keys.CASE, keys.SLICE)})


st.title("Browser")
cohort = widgets.open_cohort()
widgets.require_known_case(cohort)

with st.container(horizontal=True, vertical_alignment="bottom"):
    show = widgets.choice("Show", keys.SHOW, (ONE, GRID), ONE)
    tumour = widgets.choice(
        "Tumour", keys.TUMOUR, ("any", "with", "without"), "any", on_change=redraw
    )
    source = widgets.choice("From", keys.FROM, (ALL_CASES, THIS_CASE), ALL_CASES, on_change=stay)
    seed = widgets.current_seed()
    widgets.seed_picker(on_change=redraw)
    st.button(
        "New random slice" if show == ONE else "New random slices",
        on_click=new_seed,
        icon=":material/casino:",
        type="primary",
        key="new_random",
        shortcut="N",
    )

one_case = st.query_params.get(keys.CASE, cohort.cases[0])
drawn = random_slices(
    cohort.slices, IN_GRID, seed, tumour, one_case if source == THIS_CASE else None
)
if drawn.empty:
    where = "this case" if source == THIS_CASE else "this cohort"
    what = {"any": "that can be read", "with": "with tumour", "without": "without tumour"}[tumour]
    st.info(f"There is no slice {what} in {where}: choose another filter.")
first = None if drawn.empty else drawn.iloc[0]

if show == ONE or source == THIS_CASE:
    case = widgets.case_picker(cohort, default=one_case if first is None else first["case"])
look = overlays.controls()

if show == GRID:
    with st.grid(columns=4, min_column_width=180):
        for row in drawn.itertuples():
            with st.container(gap="xxsmall"):
                overlays.thumbnail(cohort, row.case, row.slice_number, look)
                st.button(
                    f"{widgets.plain(row.case, 26)} · {row.slice_number}",
                    on_click=url_state.put,
                    kwargs={keys.CASE: row.case, keys.SLICE: row.slice_number, keys.SHOW: None},
                    key=f"open {row.case} {row.slice_number}",
                    type="tertiary",
                )
else:
    try:
        same_case = first is not None and case.name == first["case"]
        default = int(first["slice_number"]) if same_case else overlays.opening_slice(cohort, case)
        number = overlays.slice_with_steps(case, default)
        pixels = cache.slice_pixels(cohort, case.name, number)
        mask = cache.slice_mask(cohort, case.name, number)
    except CohortError as error:
        widgets.refuse(error)
    widgets.figure(
        style.pictures(overlays.panels(pixels, mask, look), grey=look.sequence != ALL_SEQUENCES),
        "browser",
        alt=overlays.describe(case.name, number, mask, look),
        config=overlays.ZOOM_CONFIG,
    )
    st.caption(overlays.HOW_TO_ZOOM)
    overlays.say_copies(cohort, case)
    overlays.say_mask(mask)

overlays.legend(look)
widgets.tumour_means()
with st.expander("What the sequences show", icon=":material/menu_book:"):
    for name, meaning in GLOSSARY.items():
        st.markdown(f"**{name}**: {meaning}")
widgets.code(random_slices)
