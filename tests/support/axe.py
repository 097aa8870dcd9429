"""Rules of accessibility on a page: axe-core in the browser, without the faults of Streamlit itself."""

from axe_playwright_python.sync_playwright import Axe

STREAMLITS_OWN = {
    # The area of a file uploader has a name, but no role that could have one; no issue was found.
    "presentation-role-conflict": "[data-testid=stFileUploaderDropzone]",
}
"""Rules that the markup of Streamlit 1.67 breaks, and where."""

BACKGROUNDS = {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 23, 29)"}
"""Colour of the page by theme, see dashboard/.streamlit/config.toml."""

IS_WITHIN = """([target, part]) => {
    const found = typeof target === "string" ? document.querySelector(target) : null;
    return found?.closest(part) != null;
}"""


def theme(page) -> str | None:
    """Return the theme that a page shows."""
    app = "getComputedStyle(document.querySelector('[data-testid=stApp]'))"
    shown = page.evaluate(f"() => {app}.backgroundColor")
    return next((name for name, colour in BACKGROUNDS.items() if colour == shown), None)


def violations(page, but: dict[str, str] = STREAMLITS_OWN) -> list[str]:
    """Return what axe-core finds on a page by all its rules, one line per element.

    Args:
        page: a Playwright ``Page``.
        but: a CSS selector by rule; elements within it may break this rule.
    """
    found = []
    for violation in Axe().run(page).response["violations"]:
        for node in violation["nodes"]:
            part = but.get(violation["id"])
            # The target of an element in a shadow root is a list of selectors.
            if part and page.evaluate(IS_WITHIN, [node["target"][0], part]):
                continue
            reasons = [check["message"] for check in [*node["any"], *node["all"], *node["none"]]]
            found.append(f"{violation['id']}: {'; '.join(reasons)}: {node['html'][:200]}")
    return found
