// Which key does what in the viewer, and where it is left to others.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./module.js";

const { keyAction } = await load("viewer/keys.js");

/** What a key did, as words. */
function pressed(key, place = {}, shiftKey = false) {
  const done = [];
  const actions = Object.fromEntries(
    ["free", "step", "show", "play", "ask", "move"].map((name) => [
      name,
      (...values) => done.push([name, ...values].join(" ")),
    ]),
  );
  const here = { inside: true, typing: false, onStage: false, locked: false, last: 7, ...place };
  keyAction({ key, shiftKey }, here, actions)?.();
  return done.join();
}

test("arrows step, Home and End go to the ends, the space bar plays, Escape lets go", () => {
  assert.deepEqual(
    ["ArrowLeft", "ArrowRight", "Home", "End", " ", "Escape", "x"].map((key) => pressed(key)),
    ["step -1", "step 1", "show 0", "show 7", "play", "free", ""],
  );
});

test("Shift and an arrow move a patch that is kept, and step where none is", () => {
  assert.equal(pressed("ArrowUp", { locked: true }, true), "move -1 0");
  assert.equal(pressed("ArrowRight", { locked: true }, true), "move 0 1");
  assert.equal(pressed("ArrowRight", {}, true), "step 1");
  assert.equal(pressed("ArrowUp", {}, true), "");
});

test("Enter lets a patch ask on the stage alone", () => {
  assert.equal(pressed("Enter", { onStage: true }), "ask");
  assert.equal(pressed("Enter"), "");
});

test("outside the viewer and in its controls, keys are left to the page", () => {
  assert.equal(pressed("ArrowLeft", { inside: false }), "step -1");
  assert.equal(pressed(" ", { inside: false }), "");
  assert.equal(pressed("ArrowLeft", { typing: true }), "");
  assert.equal(pressed("Escape", { typing: true }), "free");
});
