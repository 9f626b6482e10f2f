// The table that is sorted and searched, and who sees whom in the drawings of designs, by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./module.js";

const { sorted, holds } = await load("table/table.js");
const { isSeen, neighbour } = await load("designs/designs.js");

const row = (name, value, note = "") => ({
  kind: "",
  cells: [{ text: name, note }, value === null ? { text: "" } : { text: `${value}`, value }],
});
const rows = [row("S3D", 8.8), row("TDD", null), row("MVD", 87.8, "of ViT-H"), row("I3D", 25)];
const names = (some) => some.map(({ cells }) => cells[0].text).join(" ");

test("numbers are sorted as numbers, and what is empty stays last both ways", () => {
  assert.equal(names(sorted(rows, 1, true)), "MVD I3D S3D TDD");
  assert.equal(names(sorted(rows, 1, false)), "S3D I3D MVD TDD");
  assert.equal(names(sorted(rows, 0, false)), "I3D MVD S3D TDD");
  assert.equal(names(rows), "S3D TDD MVD I3D", "the rows as they came are left alone");
});

test("a search takes every word, in any place, note and case", () => {
  assert.deepEqual(
    ["", "3d", "VIT-h mvd", "vit-h i3d"].map((words) =>
      names(rows.filter((one) => holds(one, words))),
    ),
    ["S3D TDD MVD I3D", "S3D I3D", "MVD", ""],
  );
});

test("a bit of a row says who is seen", () => {
  // three tokens, a byte a row: 0 sees 2; 1 sees 0 and 1; 2 sees nobody
  const sees = "20c000";
  const seen = [0, 1, 2].map((asks) => [0, 1, 2].filter((key) => isSeen(sees, 3, asks, key)));
  assert.deepEqual(seen, [[2], [0, 1], []]);
});

test("arrows move within a frame and stop at its edge, shift goes to another frame", () => {
  const grid = [2, 3, 5];
  const step = (key, shift = false) => neighbour(grid, 17, key, shift); // frame 1, row 0, col 2
  assert.deepEqual(
    [step("ArrowLeft"), step("ArrowRight"), step("ArrowUp"), step("ArrowDown")],
    [16, 18, 17, 22],
  );
  assert.deepEqual([step("ArrowLeft", true), step("ArrowRight", true)], [2, 17]);
});
