// What the viewer showed last in this tab: it opens alike on the next page, unless the address asks otherwise.

const STAYS = [
  ...["sequence", "view", "second", "mask", "prediction", "agreement", "uncertainty", "removed"],
  ...["opacity", "preset", "invert", "smooth"],
];

let last = { name: null, parameters: {} };

/** Remembers the parameters of a view of a case; null for a default. */
export function remember(name, parameters) {
  last = { name, parameters };
}

/** Returns the remembered parameters for a case: the display, and the slice of the same case. */
export function remembered(name) {
  const names = name === last.name ? [...STAYS, "slice"] : STAYS;
  const known = names.filter((key) => (last.parameters[key] ?? null) !== null);
  return Object.fromEntries(known.map((key) => [key, last.parameters[key]]));
}
