"""The folded switch in the navigation that lets keys of one character act or rest, on all pages.

The browser keeps the choice; see static/viewer/letter_keys.js.
"""

from collections.abc import Callable
from functools import cache

import streamlit as st

KEY = "_letter_keys"

# Fetched with no-cache for the reason in viewer.py.
_START = """
const NAMES = ["elements.js", "keys.js", "letter_keys.js"];
const base = new URL("app/static/viewer/", document.baseURI);
export default function ({ parentElement }) {
  const place = parentElement.querySelector(".place");
  let end = () => {};
  let ended = false;
  Promise.all(NAMES.map((name) => fetch(new URL(name, base), { cache: "no-cache" })))
    .then(() => import(new URL("letter_keys.js", base)))
    .then(({ guardLetters, letterSwitch }) => {
      guardLetters();
      if (ended) return;
      const [root, stop] = letterSwitch();
      place.replaceChildren(root);
      end = stop;
    });
  return () => {
    ended = true;
    end();
  };
}
"""

_HTML = """
<details>
  <summary>Keys</summary>
  <div class="place"></div>
  <p>Such as M, 1 and ?. This browser keeps the choice. With the viewer, ? lists all keys.</p>
</details>
"""

_STYLE = """
details { padding-left: 0.5rem; color: var(--st-text-color); font: 0.875rem / 1.4 var(--st-font); }
summary, label { min-height: 24px; cursor: pointer; }
summary { opacity: 0.8; width: max-content; padding-right: 0.5rem; }
label { display: flex; align-items: center; gap: 0.5rem; margin-top: 0.25rem; }
p { margin: 0.25rem 0 0; font-size: 0.8rem; }
input { width: 1rem; height: 1rem; margin: 0; accent-color: var(--st-primary-color); }
"""


def switch() -> None:
    """Draw the switch."""
    _component()(key=KEY)


@cache
def _component() -> Callable:
    return st.components.v2.component("letter_keys", html=_HTML, css=_STYLE, js=_START)
