// Where the step-through of the lab stands, in its link and out of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./module.js";

const { FILM_RATE, filmPositions } = await load("lab/film.js");
const { FRESH, searchWith, standingOf, standingText } = await load("lab/address.js");

test("a fresh visit opens at step 0 with the answers hidden, and needs no parameter", () => {
  assert.deepEqual(standingOf(null), { step: 0, answers: false, centred: false });
  assert.deepEqual(standingOf(""), FRESH);
  assert.equal(standingText(FRESH), null);
});

test("a link says the step, whether the answers are shown, and the colours", () => {
  const standing = { step: 9, answers: true, centred: true };
  assert.equal(standingText(standing), "step:9,answers,centred");
  assert.deepEqual(standingOf("step:9,answers,centred"), standing);
  assert.deepEqual(standingOf("step:3"), { ...FRESH, step: 3 });
});

test("what is wrong in a link is as on a fresh visit", () => {
  for (const text of ["step:-1", "step:two", "step:1.5", "answer", "__proto__", ",,"])
    assert.deepEqual(standingOf(text), FRESH, text);
});

test("the other parameters of the address stay as they are", () => {
  const search = "?model=RViT&how=By%20hand&lab=step:2";
  assert.equal(searchWith(search, "step:3"), "?model=RViT&how=By%20hand&lab=step:3");
  assert.equal(searchWith(search, null), "?model=RViT&how=By%20hand");
  assert.equal(searchWith("?lab=step:2", null), "");
  assert.equal(searchWith("?label=star", "answers"), "?label=star&lab=answers");
});

test("a film rests and moves as the step-through plays, and its end stays", () => {
  const pace = (step) => (step === 1 ? { move: 500, rest: 250 } : { move: 1000, rest: 0 });
  const positions = filmPositions(2, pace);
  assert.equal(FILM_RATE, 8);
  assert.deepEqual(
    positions.slice(0, 8),
    [0, 1, 2, 3, 4, 5, 6, 7].map((i) => i / 8),
  );
  assert.deepEqual(positions.slice(8, 14), [1, 1, 1, 1.25, 1.5, 1.75]);
  assert.deepEqual(positions.slice(14, 16), [2, 2.125]);
  assert.deepEqual(positions.slice(22), Array(16).fill(3));
});
