"""Browser: random slices, reproducible from the address; image, mask and overlay side by side."""

import secrets

import pandas as pd
import streamlit as st

from brainseg.cohort import Case
from brainseg.cohort.random_slices import Tumour, random_slices
from brainseg.errors import CohortError
from brainseg.imaging import ALL_SEQUENCES
from brainseg.plotting import style as figures
from brainseg.statistics.units import area_in_words
from brainseg.volume import FLAIR, POST_CONTRAST, PRE_CONTRAST
from dashboard.shared import cache, keys, overlays, source_code, url_state, widgets, window_width
from dashboard.shared.triple_plot import plot

ONE, GRID = "one slice", "grid"
ALL_CASES, THIS_CASE = "all cases", "this case"
IN_GRID = 12
# With these heights, three square pictures fill the width of 1440 px, and that of 1280 px beside the
# navigation or 1024 px without it.
LARGE_PX, SMALL_PX = 400, 344

TUMOURS: tuple[Tumour, ...] = ("any", "with", "without")

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


def tile_label(case: Case, slice_number: int, area_px: int) -> str:
    """Return case, slice and tumour area of a tile."""
    if pd.isna(area_px):
        area = "no usable mask"
    else:
        area = area_in_words(area_px, case.spacing_mm) if area_px else "no tumour"
    return f"{widgets.plain(case.name, 26)} · slice {slice_number} · {area}"


def new_seed() -> None:
    """Draw a new seed, and drop the case and slice that were chosen by hand."""
    url_state.put(**{keys.SEED: secrets.choice(widgets.SEEDS)})
    redraw()


def redraw() -> None:
    """Show the slice that the seed draws; stay in the case if the user browses one case."""
    url_state.put(**{keys.SLICE: None})
    if st.session_state.get(keys.FROM) != THIS_CASE:
        url_state.put(**{keys.CASE: None})


def stay() -> None:
    """Keep the case on screen when the user switches to this case."""
    url_state.put(**{name: st.session_state.get(name) for name in (keys.CASE, keys.SLICE)})


top = st.container(horizontal=True, vertical_alignment="bottom")
top.title("Browser", width="content", anchor=False)
cohort = widgets.open_cohort()
widgets.require_known_case(cohort)

with top:
    show = widgets.choice("Show", keys.SHOW, (ONE, GRID), ONE)
    tumour = widgets.choice("Tumour", keys.TUMOUR, TUMOURS, "any", on_change=redraw)
    source = widgets.choice("From", keys.FROM, (ALL_CASES, THIS_CASE), ALL_CASES, on_change=stay)
    first_seed = cache.seed_with_tumour(cohort)
    seed = widgets.current_seed(first_seed)
    widgets.seed_picker(on_change=redraw, default=first_seed)

one_case = st.query_params.get(keys.CASE, cohort.cases[0])
drawn = random_slices(
    cohort.slices, IN_GRID, seed, tumour, one_case if source == THIS_CASE else None
)
drawn_case, drawn_slice = one_case, 0
if drawn.empty:
    where = "This case" if source == THIS_CASE else "This cohort"
    what = {"any": "that can be read", "with": "with tumour", "without": "without tumour"}[tumour]
    st.info(f"{where} has no slice {what}: choose another filter.")
else:
    drawn_case, drawn_slice = drawn["case"].iloc[0], int(drawn["slice_number"].iloc[0])

# The pictures come before the controls of slice and style, so that a small window shows them.
above = st.container(horizontal=True, vertical_alignment="bottom")
pictures = st.container()
below = st.container(horizontal=True, vertical_alignment="bottom")
with above if show == GRID else below:
    label = "New random slice" if show == ONE else "New random slices"
    widgets.button(label, "casino", "new_random", new_seed, type="primary", shortcut="N")
    if show == ONE or source == THIS_CASE:
        case = widgets.case_picker(cohort, drawn_case, width=widgets.CASE_PX)
    steps = st.container(horizontal=True, vertical_alignment="bottom")
style = overlays.controls(cache.other_sequences(cohort, case.name if show == ONE else drawn_case))

if show == GRID:
    with pictures, st.grid(columns=4, min_column_width=180):
        for row in drawn.itertuples():
            with st.container(gap="xxsmall"):
                overlays.thumbnail(cohort, row.case, row.slice_number, style)
                st.button(
                    tile_label(cohort.case(row.case), row.slice_number, row.area_px),
                    on_click=url_state.put,
                    kwargs={keys.CASE: row.case, keys.SLICE: row.slice_number, keys.SHOW: None},
                    key=f"open {row.case} {row.slice_number}",
                    type="tertiary",
                )
else:
    try:
        is_drawn = drawn_slice and case.name == drawn_case
        default = drawn_slice if is_drawn else overlays.opening_slice(cohort, case)
        with steps:
            number = overlays.slice_with_steps(case, default)
        pixels = cache.slice_pixels(cohort, case.name, number, style.other)
        mask = cache.slice_mask(cohort, case.name, number)
        windows = style.windows(cohort, case.name)
    except CohortError as error:
        widgets.refuse(error)
    panels = overlays.panels(pixels, mask, style, windows)
    with pictures:
        widgets.figure(
            figures.pictures(
                panels,
                LARGE_PX if window_width.is_wide() else SMALL_PX,
                grey=style.sequence != ALL_SEQUENCES,
                stored=style.picture(pixels),
            ),
            "browser",
            alt=overlays.describe(case.name, number, mask, style),
            config=overlays.ZOOM_CONFIG,
        )
        st.caption(overlays.HOW_TO_ZOOM)
    overlays.show_missing_sequences(cohort, case)
    overlays.describe_mask(mask, case.spacing_mm)

overlays.legend(style)
widgets.tumour_means(cohort)
with st.expander("What the sequences show", icon=":material/menu_book:"):
    for name, meaning in GLOSSARY.items():
        st.markdown(f"**{name}**: {meaning}")
if show == ONE:
    widgets.code(source_code.cell(plot, name=case.name, slice_number=number), cohort)
