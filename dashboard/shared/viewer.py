"""The case viewer: a custom component around NiiVue, with its modules in static/viewer.

The browser fetches a case once, packed by :func:`brainseg.exports.payload.case_payload`, and its images
only if it does not show them already. It handles
scrolling, window, layers, threshold, areas and their query parameters; the server hears only of another
case, of a changed threshold, and of measurements that it saves.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime import get_instance

from brainseg import people
from brainseg.exports.payload import CasePayload
from dashboard.shared import keys
from dashboard.shared.case_findings import CaseFindings
from dashboard.shared.drawn import Drawn

PARTS = Path(__file__).resolve().parents[1] / "static"

NEXT, PREVIOUS, RANDOM = "next", "previous", "random"
"""Targets of the viewer's keys."""

LAYERS, MEASUREMENTS, FINDINGS = "layers", "measurements", "findings"
"""Parts of the viewer that a page can place elsewhere; see static/viewer/panels.js."""

_START_PANEL = """
export default function ({ parentElement, data }) {
  const place = parentElement.querySelector(".viewer-panel");
  place.items = data.findings;
  const panels = (globalThis.brainsegPanels ??= new Map());
  panels.set(data.name, place);
  document.dispatchEvent(new CustomEvent("brainseg-panel"));
  return () => {
    if (panels.get(data.name) === place) panels.delete(data.name);
  };
}
"""

# A browser may have cached files of an older version. With no-cache it revalidates them before any
# runs, so that all modules have the same version.
_START = """
const base = new URL("app/static/", document.baseURI);
let module;
async function parts(names) {
  await Promise.all(names.map((name) => fetch(new URL(name, base), { cache: "no-cache" })));
  return import(new URL("viewer/viewer.js", base));
}
const viewers = new WeakMap();
export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  const place = parentElement.querySelector(".place");
  module ??= parts(NAMES);
  if (!viewers.has(place)) {
    viewers.set(place, module.then(({ Viewer }) => new Viewer(place)));
  }
  const failed = (error) => {
    module = undefined;
    viewers.delete(place);
    place.textContent = `The viewer could not start (${error.message}): reload the page.`;
  };
  viewers.get(place).then((viewer) => {
    if ("goes" in place.dataset) viewer.go = (where) => setTriggerValue("go", where);
    if ("reports" in place.dataset) viewer.report.send = (report) => setStateValue("thresholds", report);
    if (data.accepts) viewer.findings.accept = (id, reason) => setTriggerValue("accept", { id, reason });
    if (data.drawn) viewer.measuring.send = (changes) => setTriggerValue("drawn", changes);
    const [parts, images] = [data.case, data.images].map((one) => new URL(one, document.baseURI));
    return viewer.load(parts, images, data.drawn);
  }).catch(failed);
  return () => {
    viewers.get(place)?.then((viewer) => viewer.destroy()).catch(() => {});
    viewers.delete(place);
  };
}
"""


def show(
    payload: CasePayload,
    go: Callable[[str], None] | None = None,
    reports: bool = False,
    panels: Mapping[str, DeltaGenerator] | None = None,
    findings: CaseFindings | None = None,
    drawn: Drawn | None = None,
) -> list[float] | None:
    """Show a case.

    Args:
        payload: see :func:`brainseg.exports.payload.case_payload`.
        go: called with :data:`NEXT`, :data:`PREVIOUS` or :data:`RANDOM` before the page runs again
            when a key asks for another case; None disables these keys.
        reports: whether the viewer reports a changed threshold, once it rests and before the next action
            elsewhere on the page.
        panels: containers for :data:`LAYERS`, :data:`MEASUREMENTS` and :data:`FINDINGS`; a part without
            one is next to or below the picture.
        findings: the open findings of the case, listed with links to their places; None if unknown.
        drawn: keeps the measurements that the reader draws; None leaves them in the browser.

    Returns:
        The chosen threshold, in a comparison also that of the second prediction; None if the viewer
        shows the models' own thresholds or does not report them.
    """

    def asked() -> None:
        where = st.session_state[keys.VIEWER].get("go")
        if go and where in (NEXT, PREVIOUS, RANDOM):
            go(where)

    def changed() -> None:
        if drawn and (changes := st.session_state[keys.VIEWER].get("drawn")):
            drawn.receive(changes)

    def accepted() -> None:
        if findings and (asked := st.session_state[keys.VIEWER].get("accept")):
            findings.accept(asked)

    for name, panel in (panels or {}).items():
        listed = None if findings is None else findings.listed()
        with panel:
            _panel()(
                data={"name": name, "findings": listed if name == FINDINGS else None},
                key=f"{keys.VIEWER}_{name}",
            )
    _component(go is not None, reports)(
        data={
            "case": _address(payload.case, keys.VIEWER),
            "images": _address(payload.images, f"{keys.VIEWER}_images"),
            "drawn": drawn and drawn.state(),
            "accepts": findings is not None and people.may(people.OWNER),
        },
        key=keys.VIEWER,
        on_go_change=asked,
        on_drawn_change=changed,
        on_accept_change=accepted,
        on_thresholds_change=lambda: None,
    )
    return chosen_thresholds(identity(payload))[0]


def chosen_thresholds(of: list[str | None]) -> tuple[list[float] | None, bool]:
    """Return the thresholds that the viewer reported, also from a callback.

    Args:
        of: see :func:`identity`.

    Returns:
        The thresholds of these predictions, or None if it reported none. And whether a report is still
        expected: the last one was of another case or model, or the address contains a threshold.
        Otherwise the viewer shows the models' own thresholds.
    """
    reported = st.session_state.get(keys.VIEWER, {}).get("thresholds")
    # A report on another case or model does not apply to this one.
    if reported and reported["of"] == of:
        return reported["values"], False
    return None, bool(reported) or keys.THRESHOLD in st.query_params


def identity(payload: CasePayload) -> list[str | None]:
    """Return the identity of the viewer's thresholds, as in threshold_report.js."""
    header = json.loads(payload.case[4 : 4 + int.from_bytes(payload.case[:4], "little")])
    other = header.get("other")
    return [header["case"], header["made_by"], other and other["made_by"]]


def _address(block: bytes, place: str) -> str:
    """Return the address of a block, relative to the dashboard's, while a page shows it at this place.

    All visitors of a case share these bytes. A message to each of them would be copied five times.
    """
    files = get_instance().media_file_mgr
    # A type that the server does not compress once more.
    return files.add(block, "application/gzip", place).lstrip("/")


@cache
def _panel() -> Callable:
    return st.components.v2.component(
        "case_viewer_panel",
        html='<div class="viewer-panel"></div>',
        css=(PARTS / "viewer" / "viewer.css").read_text(),
        js=_START_PANEL,
    )


@cache
def _component(goes: bool, reports: bool) -> Callable:
    names = sorted(str(path.relative_to(PARTS)) for path in PARTS.rglob("*.js"))
    flags = (" data-goes" if goes else "") + (" data-reports" if reports else "")
    return st.components.v2.component(
        f"case_viewer{flags.replace(' data-', '_')}",
        html=f'<div class="place"{flags}></div>',
        css=(PARTS / "viewer" / "viewer.css").read_text(),
        js=_START.replace("NAMES", str(names)),
    )
