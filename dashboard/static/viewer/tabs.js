// The tab beside the picture that the reader opened last, opened again on the next visit.

import { keepLayout, layout } from "./memory.js";

const TABS = ".st-key-viewer_side [role=tab]";

/** Keeps the tab of each click until the returned function is called. */
export function keepTab() {
  const clicked = (event) => {
    const tab = event.composedPath().find((node) => node.matches?.(TABS));
    if (tab) keepLayout({ tab: tab.textContent });
  };
  document.addEventListener("click", clicked, true);
  return () => document.removeEventListener("click", clicked, true);
}

/** Opens the tab of the last visit, if the page has it. */
export function openTab() {
  const wanted = layout().tab;
  const tab = wanted && [...document.querySelectorAll(TABS)].find((one) => one.textContent === wanted);
  if (tab && tab.getAttribute("aria-selected") !== "true") tab.click();
}
