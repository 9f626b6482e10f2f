// A ZIP byte by byte, as far as it can be worked out by hand; a browser test lets Python open one.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./module.js";

const { crc32, dosTime, zipParts } = await load("slides/zip.js");
const bytes = (text) => new TextEncoder().encode(text);

test("the CRC-32 of nine digits is the check value of its standard", () => {
  assert.equal(crc32(bytes("123456789")), 0xcbf43926);
  assert.equal(crc32(new Uint8Array()), 0);
});

test("a moment is packed into the bits that the format gives it", () => {
  const { time, date } = dosTime(new Date(2026, 10, 30, 7, 13, 43));
  assert.deepEqual([time >> 11, (time >> 5) & 63, (time & 31) * 2], [7, 13, 42]);
  assert.deepEqual([(date >> 9) + 1980, (date >> 5) & 15, date & 31], [2026, 11, 30]);
});

test("a ZIP ends with where its directory is, which leads to each file", () => {
  const parts = zipParts(
    [
      { name: "a.txt", bytes: bytes("one") },
      { name: "é.txt", bytes: bytes("two!") },
    ],
    new Date(2026, 0, 1),
  );
  const file = new Uint8Array(parts.flatMap((part) => [...part]));
  const view = new DataView(file.buffer);
  const end = file.length - 22;
  assert.equal(view.getUint32(end, true), 0x06054b50);
  assert.equal(view.getUint16(end + 10, true), 2);
  const directory = view.getUint32(end + 16, true);
  assert.equal(directory, 30 + 5 + 3 + 30 + 6 + 4); // headers, names (é takes two bytes), contents
  assert.equal(directory + view.getUint32(end + 12, true), end);
  assert.equal(view.getUint32(directory, true), 0x02014b50);
  const second = directory + 46 + 5;
  const local = view.getUint32(second + 42, true);
  assert.equal(local, 30 + 5 + 3);
  assert.equal(view.getUint32(local, true), 0x04034b50);
  assert.equal(view.getUint32(local + 14, true), crc32(bytes("two!")));
  const content = file.slice(local + 30 + 6, local + 30 + 6 + 4);
  assert.equal(new TextDecoder().decode(content), "two!");
});
