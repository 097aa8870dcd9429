// Keys of one character, such as M or 1, act unless the reader has switched them off in this browser.

import { make } from "./elements.js";
import { HAS_ITS_OWN_KEYS, TYPED_IN } from "./keys.js";

const STORED = "brainseg-letter-keys";
const CHANGED = "brainseg-letter-keys";
let chosen = null;

/** Returns whether keys of one character act. */
export function lettersAct() {
  try {
    return (localStorage.getItem(STORED) ?? chosen) !== "off";
  } catch {
    return chosen !== "off"; // no storage
  }
}

/** Lets keys of one character act, or rest, on every page and visit. */
export function letLettersAct(act) {
  chosen = act ? "on" : "off";
  try {
    localStorage.setItem(STORED, chosen);
  } catch {
    // Until the page is loaded anew.
  }
  document.dispatchEvent(new Event(CHANGED));
}

/** Keeps a key press from all that listens for it, if such keys rest and no field takes it. */
export function holdBack(event) {
  if (event.key.length !== 1 || event.key === " " || event.ctrlKey || event.altKey || event.metaKey) return;
  if (lettersAct()) return;
  const fields = `${TYPED_IN}, ${HAS_ITS_OWN_KEYS}`;
  if (!event.composedPath().some((node) => node.matches?.(fields))) event.stopImmediatePropagation();
}

/** Starts to hold keys back, once; before all others, as the window's capturing phase is the first. */
export function guardLetters() {
  globalThis.removeEventListener("keydown", holdBack, true);
  globalThis.addEventListener("keydown", holdBack, true);
}

/** Returns a checkbox for the choice, and a function that ends it. */
export function letterSwitch() {
  const box = make("input", { type: "checkbox", onchange: () => letLettersAct(box.checked) });
  const show = () => (box.checked = lettersAct());
  const title = "M, 1, ? and other keys of one character, on all pages. This browser keeps the choice.";
  const root = make("label", { class: "letter-keys", title }, box, " Single-letter keys");
  document.addEventListener(CHANGED, show);
  show();
  return [root, () => document.removeEventListener(CHANGED, show)];
}
