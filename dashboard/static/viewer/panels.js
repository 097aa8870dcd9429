// Parts of the viewer that a page places elsewhere, such as in its tabs beside the picture.

/**
 * Keeps elements in the page's places for them, by name; elsewhere they stay where they are.
 *
 * A place is an element that the page's component puts into `globalThis.brainsegPanels`; it announces
 * itself with the event "brainseg-panel".
 *
 * `data-panels` of the whole is "away" where one is not at home.
 *
 * @param {Object<string, HTMLElement>} parts by name, each in its home
 * @param {HTMLElement} whole the viewer
 * @param {(items: object[]|null) => void} onItems called with the findings that the page sends along
 */
export class Panels {
  constructor(parts, whole, onItems) {
    Object.assign(this, { parts, whole, onItems });
    this.homes = Object.fromEntries(
      Object.entries(parts).map(([name, part]) => [name, part.parentElement]),
    );
    this.settle = this.settle.bind(this);
    document.addEventListener("brainseg-panel", this.settle);
    this.settle();
  }

  /** Moves each part to where it belongs. */
  settle() {
    for (const [name, part] of Object.entries(this.parts)) {
      const place = globalThis.brainsegPanels?.get(name);
      const target = place?.isConnected ? place : this.homes[name];
      if (part.parentElement !== target) target.append(part);
    }
    this.onItems(globalThis.brainsegPanels?.get("findings")?.items ?? null);
    const away = Object.entries(this.parts).some(([name, part]) => part.parentElement !== this.homes[name]);
    this.whole.dataset.panels = away ? "away" : "home";
  }

  /** Returns whether an event's path runs through the viewer or one of its parts. */
  contain(path) {
    return [this.whole, ...Object.values(this.parts)].some((part) => path.includes(part));
  }

  destroy() {
    document.removeEventListener("brainseg-panel", this.settle);
    for (const part of Object.values(this.parts)) part.remove();
  }
}
