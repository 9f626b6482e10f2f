// Which cells of a clip are gone, and what the address says of it, by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./module.js";

const { gone, placeOf, placeText } = await load("removed/order.js");

test("deletion takes the hottest cells away, insertion keeps them alone", () => {
  const order = [2, 0, 3, 1];
  assert.deepEqual(gone(order, 0, "deletion"), [false, false, false, false]);
  assert.deepEqual(gone(order, 2, "deletion"), [true, false, true, false]);
  assert.deepEqual(gone(order, 2, "insertion"), [false, true, false, true]);
  assert.deepEqual(gone(order, 4, "insertion"), [false, false, false, false]);
});

test("the address names a step that the curve has, or nothing", () => {
  assert.deepEqual(placeOf("insertion:5", 13), { way: "insertion", step: 5 });
  assert.equal(placeText({ way: "deletion", step: 12 }), "deletion:12");
  for (const text of [null, "", "deletion", "deletion:13", "deletion:-1", "other:1"])
    assert.equal(placeOf(text, 13), null);
});
