"""Whether the browser's window is too narrow for the navigation next to a page.

Streamlit's own "auto" folds the navigation only up to 768 px. A component of no size tells the server
once, and again when the window crosses the limit. It also lets the navigation fold again after it was
opened on a page, which Streamlit would remember for all pages and visits. In a narrow window it folds
once a link in it was followed. And it says to screen readers that the sidebar is
the navigation, and which page is open: Streamlit's page links do not.
"""

from collections.abc import Callable
from functools import cache

import streamlit as st

LIMIT_PX = 1100
"""Narrower windows start with the navigation folded."""

WIDE_PX = 1400
"""Windows of this width have room for the largest pictures beside each other."""

_ASK_WHETHER_WIDE = ("browser",)
"""Pages whose layout depends on it; on others, the answer would run the page again for nothing."""

KEY = "_narrow_window"

_REPORT = """
const query = matchMedia("(max-width: LIMITpx)");
const wide = matchMedia("(min-width: WIDEpx)");
export default function ({ data, setStateValue }) {
  let known = data.narrow;
  let knownWide = data.wide;
  const report = () => {
    if (query.matches !== known) setStateValue("narrow", (known = query.matches));
    if (knownWide !== null && wide.matches !== knownWide)
      setStateValue("wide", (knownWide = wide.matches));
  };
  const forget = () => {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith("stSidebarCollapsed-"));
    for (const key of keys)
      if (query.matches || localStorage[key] === "false") localStorage.removeItem(key);
  };
  const clicked = ({ target }) => {
    if (query.matches && target.closest?.("[data-testid=stSidebar] a"))
      document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click();
    setTimeout(forget);
  };
  const sidebar = document.querySelector("[data-testid=stSidebar]");
  const mark = () => {
    for (const link of sidebar.querySelectorAll("a[data-testid=stPageLink-NavLink]")) {
      // The link to the default page has no path.
      const page = link.getAttribute("href").split("?")[0].split("/").at(-1);
      if (page === data.page) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  };
  const changes = new MutationObserver(mark);
  if (sidebar) {
    sidebar.setAttribute("role", "navigation");
    sidebar.setAttribute("aria-label", "Pages");
    changes.observe(sidebar, { childList: true, subtree: true });
    mark();
  }
  query.addEventListener("change", report);
  wide.addEventListener("change", report);
  document.addEventListener("click", clicked);
  report();
  forget();
  return () => {
    changes.disconnect();
    query.removeEventListener("change", report);
    wide.removeEventListener("change", report);
    document.removeEventListener("click", clicked);
  };
}
"""


def is_narrow() -> bool:
    """Return whether the window is narrower than :data:`LIMIT_PX`; False until the browser tells."""
    return bool(st.session_state.get(KEY, {}).get("narrow"))


def is_wide() -> bool:
    """Return whether the window has :data:`WIDE_PX`; True until a page asks and the browser tells."""
    return st.session_state.get(KEY, {}).get("wide") is not False


def watch(page: str) -> bool:
    """Start to watch the window, once per run of a page with this address; return :func:`is_narrow`."""
    wide = is_wide() if page in _ASK_WHETHER_WIDE else None
    _component()(
        key=KEY,
        data={"narrow": is_narrow(), "wide": wide, "page": page},
        height=1,
        on_narrow_change=lambda: None,
        on_wide_change=lambda: None,
    )
    return is_narrow()


@cache
def _component() -> Callable:
    return st.components.v2.component(
        "window_width",
        js=_REPORT.replace("LIMIT", str(LIMIT_PX - 1)).replace("WIDE", str(WIDE_PX)),
    )
