// Words of others in a drawing to keep: a name or a label is letters there, whatever it holds.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./module.js";

const MARKUP = `"/><script>alert(1)</script><image href='http://host.example/a.png'/>&amp;`;
const canvas = {
  measureText: () => ({ width: 10, actualBoundingBoxAscent: 5 }),
  clearRect() {},
  fillRect() {},
  getImageData: () => ({ data: [1, 2, 3, 255] }),
};
globalThis.document = { createElement: () => ({ getContext: () => canvas }) };
globalThis.DOMMatrix = class {
  isIdentity = true;
};
const { Vector } = await load("download/vector.js");

test("a name with markup is text, in a line and in an attribute", () => {
  const vector = new Vector();
  vector.font = `700 16px ${MARKUP}`;
  vector.fillText(MARKUP, 1, 2);
  vector.drawImage(MARKUP, 0, 0, 3, 4);
  const [words, picture] = vector.made;
  assert.match(words, /^<text [^<>]*>[^<>]*<\/text>$/);
  assert.match(picture, /^<image [^<>]*\/>$/);
  assert.equal(words.match(/<|>/g)?.length, 4, "of its own tag alone");
  const back = (text) => text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code));
  assert.equal(back(words.slice(words.indexOf(">") + 1, -"</text>".length)), MARKUP);
  assert.ok(back(picture).includes(`href="${MARKUP}"`));
});
