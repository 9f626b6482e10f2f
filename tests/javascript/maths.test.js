// What a patch sees, by hand: numbers that can be checked on paper.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./module.js";

const maths = await load("viewer/maths.js");
const { extent, headAt, headRow, isSigned, layerTop, massCut, matrixOf } = maths;
const { merge, parse, patchRow, prominence, shares, storedMap, strongest } = maths;

/** A payload as core/draw/payload.py writes it, of a header and arrays in order. */
function payload(header, arrays = []) {
  const text = new TextEncoder().encode(JSON.stringify({ layouts: [], layers: [], ...header }));
  const length = Math.ceil(text.length / 4) * 4;
  const body = arrays.reduce((sum, array) => sum + Math.ceil(array.byteLength / 4) * 4, 0);
  const bytes = new Uint8Array(4 + length + body).fill(32, 4, 4 + length);
  new DataView(bytes.buffer).setUint32(0, length, true);
  bytes.set(text, 4);
  let at = 4 + length;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer), at);
    at += Math.ceil(array.byteLength / 4) * 4;
  }
  return bytes;
}

const scaled = (values, scale, shape) => ({
  values: { array: Int16Array.from(values), shape },
  scale: { array: Float32Array.from(scale), shape: shape.slice(0, -1) },
});

/** A layout of groups of tokens that attend among themselves. */
function layout(groups) {
  const shape = [groups.length, groups[0].length];
  const tokens = { array: Int32Array.from(groups.flat()), shape };
  const places = new Map();
  groups.forEach((group, g) =>
    group.forEach((token, i) => {
      if (token >= 0) places.set(token, [...(places.get(token) ?? []), [g, i]]);
    }),
  );
  return { queries: tokens, keys: tokens, places };
}

/** An attention whose map is given, (groups, heads, queries, keys), each row with a scale of 1. */
function mapped(groups, rows, heads = 1, signed = false) {
  const n = groups[0].length;
  const shape = [groups.length, heads, n, n];
  const ones = Array(groups.length * heads * n).fill(1);
  return { shape: [...shape, 2], layout: layout(groups), signed, rows: scaled(rows, ones, shape) };
}

/** Numbers that single precision keeps about. */
function near(actual, expected) {
  assert.equal(actual.length, expected.length);
  [...actual].forEach((value, i) => {
    if (Number.isNaN(expected[i])) assert.ok(Number.isNaN(value), `${i}: ${value} is no NaN`);
    else assert.ok(Math.abs(value - expected[i]) < 1e-6, `${i}: ${value} is not ${expected[i]}`);
  });
}

/** One query (1, 0) and two keys: (0, 0) and (1, 0) times `stretch`. */
const factors = (finish, stretch, eps = 0) => ({
  shape: [1, 1, 1, 2, 2],
  q: scaled([1, 0], [1], [1, 1, 1, 2]),
  k: scaled([0, 0, 1, 0], [1, stretch], [1, 1, 2, 2]),
  finish,
  eps,
});

test("a softmax row: logits 0 and ln 3 are weights 1/4 and 3/4", () => {
  const row = new Float64Array(2);
  headRow(factors("softmax", Math.log(3)), 0, 0, 0, row);
  near(row, [0.25, 0.75]);
});

test("a softmax of large logits does not overflow", () => {
  const row = new Float64Array(2);
  headRow(factors("softmax", 1e5), 0, 0, 0, row);
  near(row, [0, 1]);
});

test("a row that is divided by its sum, and one that is not", () => {
  const row = new Float64Array(2);
  headRow(factors("sum", 3, 1), 0, 0, 0, row);
  near(row, [0, 3 / 4]);
  headRow(factors("none", 3), 0, 0, 0, row);
  near(row, [0, 3]);
});

test("a signed row keeps its signs", () => {
  const block = { ...mapped([[0, 1]], [-2, 1, 4, 8], 1, true) };
  block.rows.scale.array.set([0.25, 0.125]);
  const layer = { main: block, top: 1 };
  near(patchRow(layer, "joint", [0, 0, 0], 0, [1, 1, 2]), [-0.5, 0.25]);
  near(patchRow(layer, "joint", [0, 0, 1], 0, [1, 1, 2]), [0.5, 1]);
  assert.ok(isSigned(layer, "joint"));
});

test("what the class token gets lies on no patch", () => {
  const third = [1, 1, 1, 1, 2, 3, 3, 2, 1]; // class token first, as a query and as a key
  const layer = { main: mapped([[-1, 0, 1]], third) };
  near(patchRow(layer, "space", [0, 0, 0], 0, [1, 1, 2]), [2, 3]);
});

test("a patch outside the group cannot be seen", () => {
  const groups = [
    [0, 2],
    [1, 3],
  ];
  const layer = { main: mapped(groups, [1, 2, 3, 4, 5, 6, 7, 8]) };
  near(patchRow(layer, "joint", [0, 1, 1], 0, [1, 2, 2]), [NaN, 7, NaN, 8]);
});

test("mean and maximum over heads", () => {
  const layer = { main: mapped([[0, 1]], [1, 2, 0, 0, 3, -4, 0, 0], 2) };
  near(patchRow(layer, "joint", [0, 0, 0], "mean", [1, 1, 2]), [2, -1]);
  near(patchRow(layer, "joint", [0, 0, 0], "max", [1, 1, 2]), [3, 2]);
});

// two frames of two places each: tokens 0 and 1, then 2 and 3
const frames = [
  [0, 1],
  [2, 3],
];
const places = [
  [0, 2],
  [1, 3],
];
const divided = {
  main: mapped(frames, [1, 2, 3, 4, 5, 6, 7, 8]),
  time: mapped(places, [1, -1, 2, 3, 4, 5, 6, 7], 1, true),
  top: 8,
  time_top: 7,
};

test("space x time: first places, then from each place the frames", () => {
  // patch (0, 0, 1) looks at places with 3 and 4; from there in time with 1, -1 and 4, 5
  const row = patchRow(divided, "space x time", [0, 0, 1], 0, [2, 1, 2]);
  near(row, [3 * 1, 4 * 4, 3 * -1, 4 * 5]);
  near(patchRow(divided, "time", [0, 0, 1], 0, [2, 1, 2]), [NaN, 4, NaN, 5]);
  near(patchRow(divided, "space", [0, 0, 1], 0, [2, 1, 2]), [3, 4, NaN, NaN]);
});

test("each frame separately: the same place asks in every frame", () => {
  const row = patchRow(divided, "each frame separately", [1, 0, 0], 0, [2, 1, 2]);
  near(row, [1, 2, 5, 6]);
});

test("signs and the end of a shared scale follow from the attentions of a view", () => {
  assert.deepEqual(
    ["space", "time", "space x time"].map((view) => isSigned(divided, view)),
    [false, true, true],
  );
  assert.deepEqual(
    ["space", "time", "space x time"].map((view) => layerTop(divided, view)),
    [8, 7, 56],
  );
});

test("a stored map: the least number is NaN", () => {
  const maps = scaled([1, -32768, 3, 4, 5, -6], [1, 0.5], [2, 3]);
  near(storedMap(maps, 0), [1, NaN, 3]);
  near(storedMap(maps, 1), [2, 2.5, -3]);
});

test("heads are followed by their mean and their maximum", () => {
  assert.deepEqual(
    [0, 2, "mean", "max"].map((head) => headAt(head, 3)),
    [0, 2, 3, 4],
  );
  const values = { array: Float32Array.from([1, 2, 3]), shape: [3, 1, 1] }; // one head
  assert.deepEqual(
    [0, "mean", "max", 5].map((head) => matrixOf({ values }, head)[0]),
    [1, 2, 3, 2],
  );
});

test("mass, extent, shares and the strongest leave out what cannot be seen", () => {
  const row = Float32Array.from([0.5, -0.25, NaN, 0.125, 0.125, 0]);
  assert.deepEqual(
    [1, 0.9, 0.75, 0.5, 0.1].map((share) => massCut(row, share)),
    [0, 0.125, 0.25, 0.5, 0.5],
  );
  assert.deepEqual(extent(row), { low: -0.25, high: 0.5, top: 0.5 });
  assert.deepEqual(extent(row, 1, 3), { low: -0.25, high: -0.25, top: 0.25 });
  assert.deepEqual(extent(Float32Array.from([NaN])), { low: 0, high: 0, top: 0 });
  near(shares(row, 2), [0.75, 0.25]);
  assert.equal(strongest(Float32Array.from([NaN, 1, -2])), 2);
  assert.equal(prominence({ low: 0.9, high: 1 }), 0.35);
});

test("a payload is read, also from bytes that begin between whole words", () => {
  const header = {
    layouts: [{ queries: { at: 8, type: "i32", shape: [1, 2] }, keys: null }],
    layers: [{ main: { layout: 0 } }],
    row: { at: 0, type: "i16", shape: [3] },
  };
  const bytes = payload(header, [Int16Array.from([1, -2, 3]), Int32Array.from([-1, 5])]);
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  for (const data of [parse(bytes), parse(shifted.subarray(1))]) {
    assert.deepEqual([...data.row.array], [1, -2, 3]);
    assert.deepEqual([...data.layouts[0].places], [[5, [[0, 1]]]]);
    assert.equal(data.layers[0].main.layout, data.layouts[0]);
  }
});

test("a later payload adds what is new", () => {
  const before = { layers: [{ tap: "a", layer: 0 }], matrices: [], gradcams: [{ target: 1 }] };
  const more = {
    layers: [
      { tap: "a", layer: 0 },
      { tap: "b", layer: 0 },
    ],
    matrices: [{ tap: "", layer: 2 }],
    gradcams: [{ target: 1 }],
  };
  merge(before, more);
  assert.deepEqual(
    before.layers.map(({ tap }) => tap),
    ["a", "b"],
  );
  assert.equal(before.matrices.length, 1);
  assert.equal(before.gradcams.length, 1);
});
