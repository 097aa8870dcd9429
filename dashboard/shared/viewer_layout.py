"""The layout of the pages with the viewer: a header line, the picture, and a side panel."""

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

STYLE = Path(__file__).resolve().parents[1] / "static" / "viewer" / "page.css"

SIDE_PX = 310


def header() -> DeltaGenerator:
    """Return the line for the title and the choices of the page; call it first."""
    st.html(STYLE)
    return st.container(
        horizontal=True, vertical_alignment="center", gap="small", key="viewer_header"
    )


def picture_and_side() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Return the containers for the viewer, and for the panel next to it, which scrolls on its own."""
    with st.container(horizontal=True, gap="xsmall", key="viewer_row"):
        picture = st.container(key="viewer_picture", width="stretch")
        return picture, st.container(key="viewer_side", width=SIDE_PX)
