// How large a chart is drawn and enlarged in the presenter view, by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./module.js";

const { sizeOf } = await load("guide/figures.js");
const PLACE = { width: 1200, height: 600 };

test("a chart of pictures keeps its shape, and fills the width or the height", () => {
  const wide = { width: 800, height: 300 };
  assert.deepEqual(sizeOf(PLACE, wide, true), { ...wide, zoom: 1.5 });
  const high = { width: 500, height: 750 };
  assert.deepEqual(sizeOf(PLACE, high, true), { ...high, zoom: 0.8 });
});

test("a chart of lines is drawn narrower, so that enlarged it fills the place", () => {
  const drawn = sizeOf(PLACE, { width: 800, height: 300 }, false);
  assert.deepEqual(drawn, { width: 720, height: 360, zoom: 1200 / 720 });
});

test("a chart of lines that is higher than the place is drawn lower, at its own size", () => {
  assert.deepEqual(sizeOf(PLACE, { width: 800, height: 900 }, false), { ...PLACE, zoom: 1 });
});
