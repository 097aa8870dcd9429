// The keys of the viewer. Streamlit itself binds R and C, so the viewer does not.

const BETWEEN_CASES = [
  ["← →", "previous, next case of the worklist"],
  ["X", "random case of the worklist"],
  ["Backspace", "back to the case before, for five seconds"],
];

export const KEYS = [
  ["↑ ↓, wheel", "previous, next slice"],
  ["Page up, Page down", "ten slices"],
  ["Home, End", "first slice, last slice"],
  ...BETWEEN_CASES,
  ["S", "next sequence"],
  ["M", "mask: on, off"],
  ["P", "prediction: on, off"],
  ["A", "mask vs prediction: on, off"],
  ["H", "removed components: on, off"],
  ["U", "uncertainty: on, off"],
  [", .", "threshold lower, higher"],
  ["V", "next view"],
  ["W", "next window preset"],
  ["I", "invert grey values"],
  ["G", "magnifier at the pointer: on, off"],
  ["+ − 0", "zoom in, zoom out, fit"],
  ["Space", "play the slices: on, off"],
  ["1 to 7", "mouse: scroll, window, move, ruler, ellipse, angle, two diameters"],
  ["D", "draw with the tool at the crosshair: arrows move a point, Tab takes the next, Enter ends, Escape leaves"],
  ["N", "next measurement; Enter edits it"],
  ["Delete", "delete the measurement, or the last one on this slice"],
  ["Z", "undo the last change of the measurements"],
  ["L", "copy link to this view"],
  ["F", "full screen"],
  ["?", "show this list"],
];

/** Returns the keys of a page with a single case. */
export function keysOfOneCase() {
  return KEYS.filter((key) => !BETWEEN_CASES.includes(key));
}

/** Returned by an action that leaves its key to the page. */
export const PASS = Symbol("pass");

/** Elements that take text. */
export const TYPED_IN =
  "input:not([type=radio], [type=checkbox], [type=range]), textarea, select, [contenteditable=''], [contenteditable=true]";
const roles = (...names) => names.map((name) => `[role=${name}]`).join(", ");
/** Elements that keys move or that search by letters. */
export const HAS_ITS_OWN_KEYS = roles(
  ...["combobox", "listbox", "option", "grid", "gridcell", "menu", "menuitem"],
  ...["spinbutton", "textbox", "tree", "dialog"],
);
const MOVES_BY_KEYS = `${roles("slider", "tab", "radio")}, input`;
const PRESSED = "button, a, summary, input, [role=button], [role=tab]";
const MOVES = /^(Arrow.*|Page.*|Home|End)$/;

/** Returns whether a key press belongs to the focused element instead of the viewer. */
export function isForAnother(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return true;
  // A control that has the focus is pressed with these.
  const presses = event.key === " " || event.key === "Enter";
  if (presses && event.composedPath().some((node) => node.matches?.(PRESSED))) return true;
  // With Shift a letter belongs to the page: the review's verdicts.
  if (event.shiftKey && /^[a-z]$/i.test(event.key)) return true;
  const others = [TYPED_IN, HAS_ITS_OWN_KEYS, ...(MOVES.test(event.key) ? [MOVES_BY_KEYS] : [])].join(", ");
  return event.composedPath().some((node) => node.matches?.(others));
}

/**
 * Calls an action for each key until the returned function is called.
 *
 * @param actions key (as in KeyboardEvent.key, letters in lower case) -> function of the event, which may return PASS
 */
export function listen(actions) {
  const press = (event) => {
    if (isForAnother(event)) return;
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || action(event) === PASS) return;
    event.preventDefault();
    event.stopPropagation();
  };
  // In the capturing phase, because the page scrolls with the same keys.
  document.addEventListener("keydown", press, true);
  return () => document.removeEventListener("keydown", press, true);
}
