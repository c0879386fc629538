// What keys are called by people: a key's id says little.

import { all, ownOnly } from "./api.js";

let names = new Map();

/** Learn the names of all keys that may be seen. */
export async function learnNames() {
  names = new Map(ownOnly() ? [] : (await all("/keys")).map((key) => [key.id, key.alias]));
}

export const keyName = (id) => names.get(id) || id;

/** A node of a limit, with its keys by name. */
export const nodeName = (node) => node.replace(/key:(\w+)/g, (whole, id) => (names.get(id) ? `${whole} (${names.get(id)})` : whole));
