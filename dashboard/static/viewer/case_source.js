// Fetches the two blocks of a case; see payload.js.

import { CaseData, inflated, opened } from "./payload.js";

/** Returns the bytes at an address. */
async function fetched(href) {
  const answer = await fetch(href);
  if (!answer.ok) throw new Error(`the case was not received: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

export class CaseSource {
  /** Address and arrays of the images that were opened last. */
  images = null;

  /** Returns the case at two addresses; images that were opened last are not fetched again. */
  async open(address, images) {
    const pixels = images === this.images?.href ? this.images.arrays : null;
    const [bytes, packed] = await Promise.all([fetched(address), pixels ? null : fetched(images)]);
    const { header, rest } = opened(bytes);
    const [arrays, own] = await Promise.all([
      pixels ?? inflated(packed, header.images),
      inflated(rest, header.blobs),
    ]);
    this.images = { href: images, arrays };
    return new CaseData(header, { ...arrays, ...own });
  }
}
