"""Parts of the checks page: a random pair by seed, and the table of files."""

import secrets

import pandas as pd
import streamlit as st

from brainseg.statistics import Pair
from dashboard.shared import columns, keys, url_state, widgets


def controls(pair: Pair, again: str) -> None:
    """Draw the seed, a button for another one, and a link to the pair's slice.

    Args:
        pair: the pair that is shown, for :func:`dashboard.shared.widgets.current_seed`.
        again: label of the button.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        widgets.seed_picker()
        st.button(again, on_click=_draw_again, icon=":material/casino:", key="another_pair")
        shown = {keys.CASE: pair.case, keys.SLICE: pair.slice_number}
        widgets.link(keys.CASE_PAGE, "Open in its case", "open_in_full", shown)


def printed(pair: Pair) -> None:
    """Show a pair's files, shapes and types as a notebook prints them."""
    lines = [
        f"image {pair.image_shape!s:15} {pair.image_dtype:7} {pair.image_path}",
        f"mask  {pair.mask_shape!s:15} {pair.mask_dtype:7} {pair.mask_path}",
    ]
    st.code("\n".join(lines), language=None)


def file_table(files: pd.DataFrame) -> None:
    """Show the shapes, types and mask values, with the number of files for each."""
    st.dataframe(
        files,
        hide_index=True,
        placeholder="–",
        key="files",
        alt="Shapes, types and values of the image and mask files.",
        column_config=columns.FILES,
    )
    widgets.csv_button(files, "files")


def _draw_again() -> None:
    url_state.put(**{keys.SEED: secrets.choice(widgets.SEEDS)})
