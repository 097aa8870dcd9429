// What the viewer showed last in this tab: it opens alike on the next page, unless the address asks otherwise.

const STAYS = [
  ...["sequence", "view", "second", "beside", "mask", "prediction", "hidden_labels", "agreement", "uncertainty", "removed"],
  ...["opacity", "preset", "invert", "smooth"],
];

/** What the browser keeps for the next visit: a default, as the address rules. */
const LAYOUT = ["view", "sequence", "second", "beside"];
const KEY = "brainseg-layout";

/** Returns the layout of the last visit: some of LAYOUT, `tool` and `tab`. */
export function layout() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {}; // no storage, or not ours
  }
}

/** Keeps values of the layout for the next visit. */
export function keepLayout(values) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...layout(), ...values }));
  } catch {
    // A browser that keeps nothing starts with the defaults.
  }
}

let last = { name: null, parameters: null };

/** Remembers the parameters of a view of a case; null for a default. */
export function remember(name, parameters) {
  last = { name, parameters };
  keepLayout(Object.fromEntries(LAYOUT.map((key) => [key, parameters[key] ?? null])));
}

/** Returns the remembered parameters for a case: the display, and the slice of the same case. */
export function remembered(name) {
  const parameters = last.parameters ?? Object.fromEntries(LAYOUT.map((key) => [key, layout()[key]]));
  const names = name === last.name ? [...STAYS, "slice"] : STAYS;
  const known = names.filter((key) => (parameters[key] ?? null) !== null);
  return Object.fromEntries(known.map((key) => [key, parameters[key]]));
}
