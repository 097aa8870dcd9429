// Actions of the viewer's keys; their labels are in keys.js.

import { copyLink } from "./exports.js";
import { PASS } from "./keys.js";
import { VIEWS } from "./panel.js";
import { TOOLS } from "./rail.js";

/** Returns key -> function; nothing happens before a case is shown. */
export function actionsOf(viewer) {
  const last = () => viewer.data.sliceNumbers.length - 1;
  const views = () => VIEWS.map(([view]) => view).filter((view) => viewer.views.includes(view));
  const threshold = (by) => () => viewer.has("prediction") && viewer.moveThreshold(by);
  const actions = {
    ArrowUp: () => viewer.scroll(-1),
    ArrowDown: () => viewer.scroll(1),
    PageUp: () => viewer.scroll(-10),
    PageDown: () => viewer.scroll(10),
    Home: () => viewer.goToSlice(0),
    End: () => viewer.goToSlice(last()),
    ArrowLeft: () => viewer.leave("previous"),
    ArrowRight: () => viewer.leave("next"),
    x: () => viewer.leave("random"),
    s: () => viewer.cycle("sequence", viewer.data.sequences),
    m: () => viewer.toggle("mask"),
    p: () => viewer.toggle("prediction"),
    a: () => viewer.has("mask") && viewer.has("prediction") && viewer.toggleLayer("agreement"),
    h: () => viewer.has("prediction") && viewer.toggleLayer("removed"),
    u: () => viewer.has("spread") && viewer.toggleLayer("spread"),
    ",": threshold(-1),
    ".": threshold(1),
    v: () => viewer.cycle("view", views()),
    w: () => viewer.nextPreset(),
    i: () => viewer.invert(),
    g: () => viewer.magnify(),
    l: () => copyLink(viewer),
    " ": () => viewer.cine.toggle(),
    ...Object.fromEntries(TOOLS.map(([tool, , , key]) => [key, () => viewer.useTool(tool)])),
    "+": () => viewer.zoomBy(1.25),
    "=": () => viewer.zoomBy(1.25),
    "-": () => viewer.zoomBy(0.8),
    0: () => viewer.fit(),
    f: () => viewer.fullScreen(),
    "?": () => viewer.showKeys(),
    Backspace: () => viewer.back(),
    d: () => viewer.measuring.start(),
    n: () => viewer.measuring.selectNext(),
    z: () => viewer.measuring.undo(),
    Delete: () => viewer.measuring.remove(),
    Enter: () => viewer.measuring.enter(),
    Escape: () => viewer.measuring.leave(),
    Tab: ({ shiftKey }) => viewer.measuring.nextHandle(shiftKey),
  };
  return Object.fromEntries(
    Object.entries(actions).map(([key, action]) => [
      key,
      (event = {}) => {
        if (!viewer.state) return PASS;
        return viewer.measuring?.step(key, event.shiftKey) ? null : action(event);
      },
    ]),
  );
}
