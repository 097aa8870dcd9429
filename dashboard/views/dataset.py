"""Dataset: the five steps of the classic notebook (find, peek, count, table, shapes) on one page."""

import streamlit as st

from brainseg import imaging, statistics
from brainseg.cohort import Cohort
from brainseg.errors import BrainsegError
from dashboard import address, charts, data, pairs, selection, snippets, state, widgets

ROWS_SHOWN = 10
STEPS = ("Find", "Peek", "Count", "Table", "Patients", "Shapes")
LEFT_OUT_HELP = (
    "Slices without an image and a mask that can be used: nothing on this page counts them as with "
    "or without tumour."
)
SHARE = st.column_config.ProgressColumn("Tumour share", format="percent", min_value=0, max_value=1)


def number(label: str):
    return st.column_config.NumberColumn(label, format="localized")


def find(cohort: Cohort) -> None:
    st.header("1 · Find", anchor="find")
    st.markdown("Every image of the folder, its mask, and the case they belong to.")
    files = cohort.slices[["image_path", "mask_path"]].notna().sum()
    left_out = int(cohort.slices["area_px"].isna().sum())
    with st.grid(columns=5, min_column_width=130):
        st.metric("Folders (cases)", len(cohort.cases), format="localized")
        st.metric("Images", int(files["image_path"]), format="localized")
        st.metric("Masks", int(files["mask_path"]), format="localized")
        st.metric("Patients", cohort.slices["patient_id"].nunique(), format="localized")
        st.metric("Slices left out", left_out, format="localized", help=LEFT_OUT_HELP)
    if left_out:
        st.page_link(state.CHECKS, label="Why slices are left out", icon=":material/rule:")
    show_code(snippets.FIND)


def peek(cohort: Cohort) -> None:
    st.header("2 · Peek", anchor="peek")
    with_tumour = cohort.slices[cohort.slices["area_px"] > 0]
    usable = cohort.slices[cohort.slices["area_px"].notna()]
    seed = widgets.current_seed()
    pair = statistics.random_pair(with_tumour if len(with_tumour) else usable, seed)
    if pair is None:
        st.info(
            "There is no pair of image and mask that can be used, so there is nothing to show.",
            icon=":material/image:",
        )
        return
    what = "A random slice with tumour" if len(with_tumour) else "A random slice"
    st.markdown(f"{what}: {widgets.plain(pair.case)}, slice {pair.slice_number}.")
    try:
        pixels = data.slice_pixels(cohort, pair.case, pair.slice_number)
        mask = data.slice_mask(cohort, pair.case, pair.slice_number)
    except BrainsegError as error:
        st.error(widgets.plain(str(error), longest=600), icon=":material/error:")
        pixels = mask = None
    if pixels is not None:
        draw_pair(imaging.shown(pixels), mask)
    pairs.controls(pair, "Another slice")
    show_code(snippets.peek(seed, with_tumour=bool(len(with_tumour))))


def draw_pair(picture, mask) -> None:
    image, manual, both = st.columns(3)
    image.image(picture, "FLAIR", width="stretch", alt="The slice's FLAIR sequence in grey.")
    if mask is None:
        manual.info("This slice has no mask that can be used.", icon=":material/help:")
        return
    area_px = int(mask.sum())
    manual.image(
        mask.astype("uint8") * 255,
        f"Mask: {area_px:,} px",
        width="stretch",
        alt=f"The slice's mask, white where the tumour is: {area_px} pixels.",
    )
    both.image(
        imaging.contour(picture, mask),
        "FLAIR with the outline of the mask",
        width="stretch",
        alt="FLAIR with the outline of the mask in orange.",
    )


def count(cohort: Cohort) -> None:
    st.header("3 · Count", anchor="count")
    shares = statistics.tumour_shares(cohort.slices)
    cases = data.case_table(cohort)
    st.subheader("Slices with tumour", anchor=False)
    told = ", ".join(f"{row.slices:,} {row.what} ({row.of_all:.1%})" for row in shares.itertuples())
    st.markdown(f"{told}.")
    widgets.figure(charts.tumour_share(shares), "tumour_share", f"Slices: {told}.", shares)
    st.subheader("Slices a case", anchor=False)
    many = cases["slices"]
    st.markdown(f"{many.min()} to {many.max()} slices a case, median {many.median():g}.")
    alt = (
        f"A bar for each of {len(cases)} cases, {many.min()} to {many.max()} slices high; the "
        "lower part are the slices with tumour."
    )
    widgets.figure(
        charts.slices_by_case(cases),
        "slices_by_case",
        alt,
        cases,
        on_select=selection.from_chart("slices_by_case_chart", case="customdata"),
        selection_mode=("points", "box"),
    )
    st.caption("Click a bar, or draw a box, to see its cases in the worklist.")
    areas(cohort)
    institutions(cohort)
    show_code(snippets.COUNT)


def areas(cohort: Cohort) -> None:
    st.subheader("Tumour area", anchor=False)
    histogram = statistics.area_histogram(cohort.slices)
    counted = int(histogram.bins["slices"].sum())
    if not counted:
        st.info(
            "No slice shows a tumour, so there is no area to draw.", icon=":material/bar_chart:"
        )
        return
    st.markdown(
        f"{counted:,} slices with tumour are drawn. {histogram.without_tumour:,} slices without "
        f"tumour have no area, and {histogram.left_out:,} are left out for want of a usable mask."
    )
    peak = histogram.bins.loc[histogram.bins["slices"].idxmax()]
    alt = (
        f"Histogram of the tumour area of {counted} slices, up to {histogram.bins['to_px'].max()} "
        f"px; most, {peak['slices']}, lie between {peak['from_px']} and {peak['to_px']} px."
    )
    widgets.figure(charts.area_histogram(histogram.bins), "tumour_area_px", alt, histogram.bins)


def institutions(cohort: Cohort) -> None:
    st.subheader("By institution", anchor=False)
    table = statistics.institution_table(cohort.slices)
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        key="institutions",
        alt="Patients, cases, slices and tumour of each institution.",
        column_config={
            "institution": "Institution",
            "patients": "Patients",
            "cases": "Cases",
            "slices": number("Slices"),
            "masks": number("Usable masks"),
            "slices_with_tumour": number("Slices with tumour"),
            "tumour_share": SHARE,
            "median_tumour_vx": number("Tumour a case, median (vx)"),
        },
    )
    widgets.csv_button(table, "institutions")


def table(cohort: Cohort) -> None:
    st.header("4 · Table", anchor="table")
    rows = statistics.catalogue(cohort.slices)
    st.markdown(f"The first {min(ROWS_SHOWN, len(rows))} of {len(rows):,} rows of the catalogue.")
    st.dataframe(
        rows.head(ROWS_SHOWN),
        hide_index=True,
        placeholder="–",
        key="catalogue",
        column_order=[
            "case",
            "slice_number",
            "tumour",
            "area_px",
            "patient_id",
            "institution",
            "image_path",
            "mask_path",
        ],
        alt="The first rows of the catalogue: case, slice, files, tumour.",
        column_config={
            "case": "Case",
            "patient_id": "Patient",
            "institution": "Institution",
            "slice_number": "Slice",
            "image_path": "Image",
            "mask_path": "Mask",
            "tumour": "Tumour",
            "area_px": number("Area (px)"),
        },
    )
    widgets.csv_button(rows, "catalogue")
    show_code(snippets.TABLE)


def patients(cohort: Cohort) -> None:
    st.subheader("What data.csv says of the patients", anchor="patients")
    if cohort.patients is None:
        st.caption(
            "There is no data.csv beside the cases, so nothing more is known of the patients."
        )
        return
    columns = statistics.patient_columns(cohort.slices, cohort.patients)
    names = columns["column"].tolist()
    if not names:
        st.caption("data.csv has no column but the patient's name.")
        return
    named = cohort.codebook is not None
    st.markdown(
        "Codes stand as in data.csv, "
        + ("with their names from codebook.csv." if named else "for no codebook.csv names them.")
    )
    left, right = st.columns(2)
    left.dataframe(
        columns,
        hide_index=True,
        key="patient_columns",
        alt="The columns of data.csv, and how many patients have a value in each.",
        column_config={
            "column": "Column",
            "known": "Known",
            "missing": "Missing",
            "distinct": "Distinct values",
        },
    )
    with right:
        address.take(state.COLUMN, names, names[0])
        column = st.selectbox("Column", names, key=state.COLUMN)
        address.keep(state.COLUMN, names, names[0])
        by_code = statistics.patients_by_code(
            cohort.slices, cohort.patients, column, cohort.codebook
        )
        figure = charts.patients_by_code(by_code, column)
        alt = f"How many patients have which value of {column}."
        chosen = selection.from_chart("patients_by_code_chart", x=column)
        widgets.figure(
            figure, "patients_by_code", alt, by_code, on_select=chosen, selection_mode="points"
        )
    show_code(snippets.PATIENTS)


def shapes(cohort: Cohort) -> None:
    st.header("5 · Shapes", anchor="shapes")
    st.markdown("Every shape, type and set of mask values there is, and how many files have it.")
    pairs.file_table(cohort)
    seed = st.session_state.get(state.SEED, 0)
    pair = statistics.random_pair(cohort.slices, seed)
    if pair is not None:
        st.markdown(f"One random pair (seed {seed}), as a notebook prints it:")
        pairs.printed(pair)
    show_code(snippets.shapes(seed))
    st.page_link(state.CHECKS, label="All checks of the files", icon=":material/rule:")


def show_code(lines: str) -> None:
    with st.expander("Show the code", icon=":material/code:"):
        st.code(lines, language="python")


st.title("Dataset")
cohort = widgets.open_cohort()
widgets.notes(cohort)
widgets.tumour_means()
st.markdown(" · ".join(f"[{step}](#{step.lower()})" for step in STEPS))
selection.say(cohort)
find(cohort)
peek(cohort)
count(cohort)
table(cohort)
patients(cohort)
shapes(cohort)
