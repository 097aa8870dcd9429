"""The viewer of the case page in a real browser: wait for it, read what it shows."""

WAIT_MS = 60_000

VIEWER = """(() => [...document.querySelectorAll('.st-key-viewer *')]
    .find(element => element.shadowRoot)?.shadowRoot.querySelector('.viewer'))()"""
"""The viewer's element, in JavaScript: inside a shadow root."""


def drawn(page, **data: object) -> dict:
    """Wait until the viewer has drawn and settled with these values in its data; return all values."""
    wanted = {"drawn": None, "settled": None} | {key: str(value) for key, value in data.items()}
    # The values are those of the moment at which they fit: the viewer may be replaced right after it.
    found = page.wait_for_function(
        f"""wanted => {{
            const data = {VIEWER}?.dataset;
            const fits = data && Object.entries(wanted).every(([key, value]) =>
                value === null ? data[key] !== undefined : data[key] === value);
            return fits ? {{...data}} : null;
        }}""",
        arg=wanted,
        timeout=WAIT_MS,
    )
    return found.json_value()


EVERYWHERE = """(selector) => [...document.querySelectorAll('*')]
    .filter(element => element.shadowRoot)
    .flatMap(element => [...element.shadowRoot.querySelectorAll(selector)])"""
"""Elements of the viewer, those of its parts in the tabs included, by a CSS selector, in JavaScript."""


def open_tab(page, name: str) -> None:
    """Open a tab next to the picture."""
    page.get_by_role("tab", name=name, exact=True).click()


def navigate(page, name: str) -> None:
    """Follow a link of the navigation, which is closed on the pages of the viewer."""
    expand = page.get_by_test_id("stExpandSidebarButton")
    if expand.is_visible():
        expand.click()
    page.get_by_test_id("stSidebar").get_by_role("link", name=name).click()


def go(page, key: str, **data: object) -> dict:
    """Press a key and wait until the viewer shows what it should."""
    page.keyboard.press(key)
    return drawn(page, **data)


def numbers_in(page) -> dict[str, list[str]]:
    """Return the cells of the viewer's table by row number and label."""
    rows = page.evaluate(
        f"""() => ({EVERYWHERE})('.measures tr')
            .map(row => [...row.children].map(cell => cell.textContent))"""
    )
    return {f"{place} {row[0]}": row[1:] for place, row in enumerate(rows)}
