"""Use a page by keyboard alone: Tab to a control by its role and name, as a screen reader tells them."""

import re

from playwright.sync_api import TimeoutError

from support.browsing import WAIT_MS, settled

MOST_TABS = 120
WAITS_MS = 30
GONE_AFTER_MS = 2000
SETTLES_MS = (40, 400)
"""Time for a page to show a focus; only a stop that is at fault after the first is given the second."""


def focused(page) -> str:
    """Return role and name of the element with the focus, such as 'button "Next case"'.

    Roles and names are those of the accessibility tree, in the viewer's shadow roots, too. Without a
    focus, or where the element disappears while it is read, the text is empty.
    """
    found = page.locator(":focus")
    if not found.count():
        return ""
    try:
        line = found.last.aria_snapshot(timeout=GONE_AFTER_MS).partition("\n")[0]
    except TimeoutError:  # the page was drawn anew just now, without the element
        return ""
    return line.removeprefix("- ").strip("'").removesuffix(":")


def tab_to(page, role: str, name: str, back: bool = False) -> None:
    """Press Tab, or Shift+Tab, until a control with this role and name has the focus.

    Args:
        page: a Playwright ``Page``.
        role: such as "button".
        name: the whole accessible name, but for its shortcut.
        back: whether to go backwards.
    """
    wanted = re.compile(rf'{role} "{re.escape(name)}( Shortcut [^"]+)?"')
    for _ in range(MOST_TABS):
        if wanted.match(focused(page)):
            return
        page.keyboard.press("Shift+Tab" if back else "Tab")
        page.wait_for_timeout(WAITS_MS)
    raise AssertionError(f"Tab does not reach {role} “{name}”; it ends on {focused(page)}")


def tab_to_table(page) -> None:
    """Press Tab until a cell of a table has the focus."""
    for _ in range(MOST_TABS):
        if page.evaluate("() => document.activeElement.dataset.testid") == "data-grid-canvas":
            return
        page.keyboard.press("Tab")
        page.wait_for_timeout(WAITS_MS)
    raise AssertionError(f"Tab does not reach a table; it ends on {focused(page)}")


def press(page, role: str, name: str, key: str = "Enter") -> None:
    """Tab to a control and press a key on it."""
    tab_to(page, role, name)
    page.keyboard.press(key)


def choose(page, label: str, words: str) -> None:
    """Tab to a list, type some words of an option, and choose it."""
    tab_to(page, "combobox", label)
    page.keyboard.press("ArrowDown")
    page.keyboard.type(words)
    page.get_by_role("option").first.wait_for(timeout=WAIT_MS)
    page.wait_for_timeout(300)
    page.keyboard.press("Enter")


SEEN = """element => {
    const around = node => node && [node, ...around(node.parentNode ?? node.host)] || [];
    const box = element.getBoundingClientRect();
    let top = document;
    for (let next; (next = (top.shadowRoot ?? top).elementFromPoint?.(
        box.x + Math.min(box.width / 2, 12), box.y + box.height / 2)) && next !== top;) top = next;
    return {x: Math.max(0, box.x - 5), y: Math.max(0, box.y - 5), width: box.width + 10,
        height: box.height + 10, seen: around(top).includes(element) || around(element).includes(top)};
}"""
"""The box of an element with a margin, and whether something else covers it."""


def stops_out_of_sight(page) -> list[str]:
    """Return the stops of Tab that are covered, out of the window, or look alike with and without focus.

    Cells of tables are left out, because they are drawn on a canvas and have no boxes.
    """
    faults = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        fault = None
        for settles_ms in SETTLES_MS:
            page.wait_for_timeout(settles_ms)
            if name := focused(page):
                fault = _fault_in_sight(page, settles_ms)
            elif page.evaluate("() => document.activeElement === document.body"):
                return faults
            if fault is None:
                break
        else:
            faults.append(f"{name} {fault}")
    return faults


def _fault_in_sight(page, settles_ms: int) -> str | None:
    """Return what keeps the element with the focus from being seen, or its focus from showing."""
    found = page.locator(":focus").last.element_handle()
    box = found.evaluate(SEEN)
    if not box.pop("seen"):
        return "is covered or out of the window"
    box["height"] = min(box["height"], page.viewport_size["height"] - box["y"])
    # Streamlit fades shadows and toolbars in and out: without animations, each shot shows the end.
    with_focus = page.screenshot(clip=box, animations="disabled")
    found.evaluate("element => element.blur()")
    page.wait_for_timeout(settles_ms)
    without = page.screenshot(clip=box, animations="disabled")
    found.evaluate("element => element.focus({preventScroll: true})")
    return "looks alike without focus" if without == with_focus else None


def says(page, text: str) -> None:
    """Wait until a text is visible, and the page has settled."""
    page.get_by_text(text).locator("visible=true").first.wait_for(timeout=WAIT_MS)
    settled(page)
