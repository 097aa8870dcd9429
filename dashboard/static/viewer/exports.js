// Exports of the viewer: the table as text or CSV, the picture as PNG.

import { save } from "./elements.js";
import { parametersOf, viewParametersOf } from "./state.js";
import { composed } from "./picture.js";
import { asParameter } from "./measurement_link.js";
import { csvOf, measurementsCsvOf } from "./table.js";

/** Copies rows of text to the clipboard, and returns a message about it. */
export async function copied(rows) {
  try {
    await navigator.clipboard.writeText(rows.map((row) => row.join("\t")).join("\n"));
    return "Table copied.";
  } catch {
    return "The browser does not allow copying: use the CSV.";
  }
}

/** Copies an address that reopens exactly this view. */
export async function copyLink(viewer) {
  const { data, measures, measuring, state, stepChosen } = viewer;
  const address = new URL(location.href);
  const drawn = asParameter(measuring.items, data);
  const parameters = {
    ...parametersOf(state, data, measures, stepChosen),
    ...viewParametersOf(state, data),
    drawn: drawn ?? null,
  };
  for (const [name, value] of Object.entries(parameters)) {
    if (value === null) address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  }
  // In full, because another browser has other defaults.
  for (const name of ["view", "sequence"]) address.searchParams.set(name, state[name]);
  address.searchParams.set("slice", data.sliceNumbers[state.position[2]]);
  address.searchParams.set("case", address.searchParams.get("case") ?? data.name);
  try {
    await navigator.clipboard.writeText(String(address));
    viewer.say(drawn === undefined ? "Link copied, without the measurements: they are too many." : "Link copied.");
  } catch {
    viewer.say("The browser does not allow copying.");
  }
}

export function saveTable({ data, measures, state }) {
  save(csvOf(measures, state.look), "text/csv", `${data.name}_slices.csv`);
}

export function saveMeasurements({ data, measuring }) {
  save(measurementsCsvOf(data, measuring.items, measuring.drawings.reader ?? ""), "text/csv", `${data.name}_drawn_measurements.csv`);
}

/** Offers the panes as they are shown, with what they show and what it may be used for. */
export function savePicture(viewer) {
  const { data, panes, state } = viewer;
  const words = panes.flatMap((pane) => Object.values(viewer.cornersOf(pane)));
  const what = [...new Set(words.filter(Boolean))].join(", ").replaceAll("\n", ", ");
  const canvas = composed(
    panes.map((pane) => pane.picture()),
    [what, data.header.research_use],
    data.header.warnings,
  );
  const name = `${data.name}_slice${data.sliceNumbers[state.position[2]]}.png`;
  canvas.toBlob((blob) => save(blob, "image/png", name));
}
