"""Keys of a table: Enter, or Shift+Space, opens the row of the focused cell.

Streamlit 1.67 presses a button in a table by mouse only. A component of no size listens for the keys
and names the row by its first cell, which the table contains as text for screen readers.
"""

from collections.abc import Callable
from functools import cache

import streamlit as st

KEY = "_table_keys"

# The text for screen readers follows the focused cell 200 ms later.
_LISTEN = """
const FOLLOWS_MS = 300;
export default function ({ data, setTriggerValue }) {
  const pressed = (event) => {
    const opens = event.key === "Enter" ? !event.shiftKey : event.key === " " && event.shiftKey;
    const table = event.target.closest?.(`.st-key-${data.table}`);
    if (!opens || event.ctrlKey || event.altKey || event.metaKey || !table) return;
    event.preventDefault();
    event.stopPropagation();
    setTimeout(() => {
      const cell = table.querySelector("[role=gridcell][aria-selected=true]");
      if (cell) setTriggerValue("row", cell.parentElement.firstElementChild.textContent);
    }, FOLLOWS_MS);
  };
  document.addEventListener("keydown", pressed, true);
  return () => document.removeEventListener("keydown", pressed, true);
}
"""


def open_row(table: str, opened: Callable[[str], None]) -> None:
    """Call ``opened`` with the text of a row's first cell before the page runs again.

    Args:
        table: the key of the container around the table.
        opened: called when a key opens a row.
    """

    def pressed() -> None:
        if row := st.session_state[KEY].get("row"):
            opened(row)

    _component()(key=KEY, data={"table": table}, height=1, on_row_change=pressed)


@cache
def _component() -> Callable:
    return st.components.v2.component("table_keys", js=_LISTEN)
