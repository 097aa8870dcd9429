// What leaves the viewer: the table as text or CSV, the picture as PNG.

import { save } from "./elements.js";
import { composed } from "./picture.js";
import { csvOf } from "./table.js";
import { cornersOf } from "./words.js";

/** Copies rows of text to the clipboard, and returns what to say of it. */
export async function copied(rows) {
  try {
    await navigator.clipboard.writeText(rows.map((row) => row.join("\t")).join("\n"));
    return "Table copied.";
  } catch {
    return "The browser does not allow copying: use the CSV.";
  }
}

export function saveTable({ data, measures, state }) {
  save(csvOf(measures, state.look), "text/csv", `${data.name}_slices.csv`);
}

/** Offers the panes as they are shown, with what they show and what it may be used for. */
export function savePicture({ data, panes, state }) {
  const words = panes.flatMap((pane) =>
    Object.values(cornersOf(data, state, pane.sequence, pane.shows)),
  );
  const what = [...new Set(words.filter(Boolean))].join(", ").replaceAll("\n", ", ");
  const canvas = composed(
    panes.map((pane) => pane.picture()),
    [what, data.header.research_use],
    data.header.warnings,
  );
  const name = `${data.name}_slice${data.sliceNumbers[state.position[2]]}.png`;
  canvas.toBlob((blob) => save(blob, "image/png", name));
}
