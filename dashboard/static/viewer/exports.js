// Exports of the viewer: the table as text or CSV, the picture as PNG.

import { save } from "./elements.js";
import { composed } from "./picture.js";
import { csvOf } from "./table.js";
import { cornersOf } from "./texts.js";

/** Copies rows of text to the clipboard, and returns a message about it. */
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

/** Saves the panes as shown, with captions, warnings and the research-use notice. */
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
