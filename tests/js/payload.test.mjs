// A packed case arrives in two blocks; the images are fetched once for all views of a case.

import assert from "node:assert/strict";
import test from "node:test";
import { deflateSync } from "node:zlib";

import { CaseSource } from "../../dashboard/static/viewer/case_source.js";
import { VERSION, inflated, opened } from "../../dashboard/static/viewer/payload.js";

const SHAPE = [1, 2, 2];
const FLAIR = Uint8Array.of(1, 2, 3, 4);
const MASK = Uint8Array.of(0, 1, 0, 1);

function blockOf(header, ...arrays) {
  const head = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  return new Uint8Array(Buffer.concat([length, head, ...arrays]));
}

function packed(name) {
  const images = new Uint8Array(deflateSync(FLAIR));
  const mask = deflateSync(MASK);
  const header = {
    version: VERSION,
    case: name,
    shape: SHAPE,
    slice_numbers: [1],
    sequences: ["FLAIR"],
    copies: {},
    images: { FLAIR: { offset: 0, bytes: images.length } },
    blobs: { mask: { offset: 0, bytes: mask.length } },
  };
  return { case: blockOf(header, mask), images };
}

test("each array comes out of its block", async () => {
  const blocks = packed("A");
  const { header, rest } = opened(blocks.case);
  assert.equal(header.case, "A");
  assert.deepEqual(await inflated(rest, header.blobs), { mask: MASK });
  assert.deepEqual(await inflated(blocks.images, header.images), { FLAIR });
});

test("a page of another version than the server's says what to do", () => {
  assert.throws(() => opened(blockOf({ version: VERSION - 1 })), /reload the page/);
});

test("images that are shown already are not fetched again", async (t) => {
  const blocks = packed("A");
  const asked = [];
  t.mock.method(globalThis, "fetch", async (href) => {
    asked.push(String(href));
    return new Response(String(href).startsWith("images") ? blocks.images : blocks.case);
  });
  const source = new CaseSource();
  for (const address of ["case 1", "case 2"]) {
    const data = await source.open(address, "images 1");
    assert.deepEqual([data.pixels("FLAIR"), data.mask], [FLAIR, MASK]);
  }
  assert.deepEqual(asked, ["case 1", "images 1", "case 2"]);
  await source.open("case 3", "images 2");
  assert.deepEqual(asked.slice(3), ["case 3", "images 2"]);
});
