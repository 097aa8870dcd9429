"""The case viewer: NiiVue in a component of our own; the parts it is made of stand in static/viewer.

A case is sent to the browser once, as :func:`brainseg.exports.payload.case_payload` packs it.
Scrolling, window, layers, threshold and measurements run there, and so does the part of the address
that they stand in; this server hears again only where a person wants another case.
"""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import streamlit as st

from dashboard.shared import keys

PARTS = Path(__file__).resolve().parents[1] / "static"

NEXT, PREVIOUS, RANDOM = "next", "previous", "random"
"""Where the viewer's keys may ask to go."""

# A browser may keep files that an older version served; asked with no-cache it looks for newer ones
# before any is run. Only then are the parts of one version.
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
    if ("tells" in place.dataset) viewer.telling.tell = (told) => setStateValue("thresholds", told);
    return viewer.load(data);
  }).catch(failed);
  return () => {
    viewers.get(place)?.then((viewer) => viewer.destroy()).catch(() => {});
    viewers.delete(place);
  };
}
"""


def show(
    payload: bytes, go: Callable[[str], None] | None = None, tells: bool = False
) -> list[float] | None:
    """Show a case.

    Args:
        payload: see :func:`brainseg.exports.payload.case_payload`.
        go: called with :data:`NEXT`, :data:`PREVIOUS` or :data:`RANDOM` where a key asked for another
            case, before the page runs again; without it no key asks.
        tells: whether this server hears of a threshold that a person chose, once it rests, and
            before whatever a person does next outside of the viewer.

    Returns:
        The chosen threshold, and where two predictions are compared that of the second; None where
        the viewer stands at the models' own, or does not tell.
    """

    def asked() -> None:
        where = st.session_state[keys.VIEWER].get("go")
        if go and where in (NEXT, PREVIOUS, RANDOM):
            go(where)

    _component(go is not None, tells)(
        data=payload, key=keys.VIEWER, on_go_change=asked, on_thresholds_change=lambda: None
    )
    return chosen_thresholds(identity(payload))[0]


def chosen_thresholds(of: list[str | None]) -> tuple[list[float] | None, bool]:
    """Return what the viewer reported of its thresholds, also from a callback.

    Args:
        of: see :func:`identity`.

    Returns:
        The thresholds that it shows of these predictions, or None where it reported none of them.
        And whether a report is still to come: it reported of another case or another model, and will
        of this one, or the address asks for a threshold. Where none is, it shows the models' own.
    """
    told = st.session_state.get(keys.VIEWER, {}).get("thresholds")
    # What was told of another case or another model is not said of this one.
    if told and told["of"] == of:
        return told["values"], False
    return None, bool(told) or keys.THRESHOLD in st.query_params


def identity(payload: bytes) -> list[str | None]:
    """Return what the viewer's thresholds belong to; telling.js has the same."""
    header = json.loads(payload[4 : 4 + int.from_bytes(payload[:4], "little")])
    other = header.get("other")
    return [header["case"], header["made_by"], other and other["made_by"]]


@cache
def _component(goes: bool, tells: bool) -> Callable:
    names = sorted(str(path.relative_to(PARTS)) for path in PARTS.rglob("*.js"))
    flags = " data-goes" * goes + " data-tells" * tells
    return st.components.v2.component(
        f"case_viewer{flags.replace(' data-', '_')}",
        html=f'<div class="place"{flags}></div>',
        css=(PARTS / "viewer" / "viewer.css").read_text(),
        js=_START.replace("NAMES", str(names)),
    )
