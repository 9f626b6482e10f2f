// Loads a module of the app that imports nothing: node would take a .js file without a package.json
// beside it for another kind of module.

import { readFile } from "node:fs/promises";

/** @param {string} path from assets/ */
export async function load(path) {
  const file = new URL(`../../assets/${path}`, import.meta.url);
  const source = await readFile(file, "base64");
  return import(`data:text/javascript;base64,${source}`);
}
