// Gives the keys back to the picture after a click or a tap on a control.

import { TYPED_IN } from "./keys.js";

const CONTROLS = "button, [role=tab], [role=option], [role=menuitem], label, input, summary";

/**
 * Calls a function after each click on a control that takes no text, until the returned function is called.
 *
 * The keyboard alone never moves the focus: a click by it has no pointer.
 */
export function afterControls(act) {
  const clicked = (event) => {
    if (event.detail === 0) return; // by the keyboard
    const path = event.composedPath();
    if (path.some((node) => node.matches?.(TYPED_IN) || node.matches?.("[role=combobox], [role=dialog], dialog"))) return;
    if (path.some((node) => node.matches?.(CONTROLS))) setTimeout(act);
  };
  // In the capturing phase: some controls keep their clicks to themselves.
  document.addEventListener("click", clicked, true);
  return () => document.removeEventListener("click", clicked, true);
}
