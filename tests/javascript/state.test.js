// What is wanted of the viewer, from one model to another: a meaning, not a number.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./module.js";

const { carried, fitted, linked, meaning, nearest, toText } = await load("viewer/state.js");

/** A model as a payload describes it, looking at so many frames of a clip of three seconds. */
function model(frames, unit, layers, tap, clip = "render:carret:13") {
  return {
    clip,
    frames: Array(frames),
    times: [...Array(frames).keys()].map((frame) => (3 * (frame + 0.5)) / frames),
    grid: [frames / unit, 6, 6],
    unit,
    labels: ["left", "right"],
    taps: [{ views: ["joint"], heads: 4, layers: [...Array(layers).keys()], cls: false, ...tap }],
    time_taps: [],
    colours: { inferno: 0, turbo: 0 },
  };
}
const views = ["space x time", "space", "time"];
const direcformer = model(8, 1, 8, { name: "space", views, heads: 5, cls: true });
const far = model(16, 2, 7, { name: "global" });

/** What the viewer shows, as it opens a model. */
function opened(data, wish) {
  const frame = typeof wish.at === "number" ? nearest(data.times, wish.at) : undefined;
  return fitted(data, { ...wish, frame });
}

/** The viewer's state after changes, and what it wants since. */
function changed(data, text, ...changes) {
  const wish = linked(data, text);
  let state = opened(data, wish);
  for (const change of changes) {
    Object.assign(wish, meaning(data, state, change));
    state = fitted(data, { ...wish, frame: change.frame ?? state.frame });
  }
  return { wish, state };
}

test("the state over DirecFormer, FAR and DirecFormer is the same", () => {
  for (const changes of [
    [],
    [{ layer: 3 }, { head: 4 }, { frame: 6 }],
    [{ layer: 3 }, { layer: 7 }, { query: [7, 2, 3] }, { view: "time" }],
    [{ query: "mean" }, { colours: "turbo" }],
  ]) {
    const { wish, state } = changed(direcformer, "", ...changes);
    const away = carried(far, direcformer, wish);
    const shown = opened(far, away);
    const last = state.layer === 7 ? 6 : state.layer;
    assert.equal(shown.layer, last, "the last layer is the last of each");
    assert.equal(shown.query, Array.isArray(state.query) ? shown.query : "mean");
    assert.deepEqual(opened(direcformer, carried(direcformer, far, away)), state);
  }
});

test("a frame that was chosen is the one of the same time, and is of its clip alone", () => {
  const { wish } = changed(direcformer, "", { frame: 6 });
  assert.equal(opened(far, carried(far, direcformer, wish)).frame, 12);
  const other = model(8, 1, 8, { name: "space", views, cls: true }, "render:star:4");
  assert.equal(carried(other, direcformer, wish).at, null);
  assert.equal(linked(direcformer, "frame:5", "render:star:4").at, null);
  assert.equal(linked(direcformer, "frame:5").at, direcformer.times[5]);
});

test("a link says what is meant and opens the same view again", () => {
  const { wish, state } = changed(direcformer, "", { layer: 7 }, { frame: 2 }, { head: 3 });
  const text = toText(wish, state);
  assert.equal(text, "tap:space,view:space-x-time,layer:last,head:3,query:cls,frame:2");
  assert.deepEqual(opened(direcformer, linked(direcformer, text)), state);
  assert.equal(opened(direcformer, linked(direcformer, "layer:4,frame:1")).layer, 4);
  const away = carried(far, direcformer, wish);
  assert.match(toText(away, opened(far, away)), /layer:last,head:3,query:cls,frame:4/);
});
