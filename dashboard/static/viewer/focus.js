// Gives the keys back to the picture after a click or a tap on a control.

import { TYPED_IN } from "./keys.js";

const TAB = "[role=tab]";
const TAKES_FOCUS_AGAIN_MS = 1000;
const CONTROLS = `button, ${TAB}, [role=option], [role=menuitem], label, input, summary`;

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
    if (!path.some((node) => node.matches?.(CONTROLS))) return;
    setTimeout(act);
    // A tab takes the focus once more when its panel is drawn, which may be later.
    const tab = path.find((node) => node.matches?.(TAB));
    if (!tab) return;
    const again = () => setTimeout(act);
    tab.addEventListener("focus", again, { once: true });
    setTimeout(() => tab.removeEventListener("focus", again), TAKES_FOCUS_AGAIN_MS);
  };
  // In the capturing phase: some controls keep their clicks to themselves.
  document.addEventListener("click", clicked, true);
  return () => document.removeEventListener("click", clicked, true);
}
