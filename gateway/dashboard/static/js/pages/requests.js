// Every call, newest first: filtered, page by page, and each with its story.

import { get, ownOnly } from "../api.js";
import { h, say } from "../dom.js";
import { watch } from "../live.js";
import { keyName } from "../names.js";
import { story } from "../story.js";
import { table } from "../tables.js";
import { PERIODS, millis } from "../words.js";
import { CALLS } from "./overview.js";

const FILTERS = ["team", "key", "model", "provider", "outcome"];
const COLUMNS = [
  ...CALLS.slice(0, 1),
  { head: "Key", kind: "wide", cell: (call) => h("div", { class: "cut" }, keyName(call.key_id)) },
  ...CALLS.slice(1, -1),
  { head: "Took", kind: "n wide", cell: (call) => millis(call.duration_ms) },
  ...CALLS.slice(-1),
];

export async function open(page, query) {
  const wanted = { since: "30d" };
  for (const name of [...FILTERS, "since"]) if (query.get(name)) wanted[name] = query.get(name);
  const filters = FILTERS.filter((name) => !ownOnly() || !["team", "key"].includes(name));
  const place = h("section", { class: "card" });
  const arrived = h("button", { type: "button", hidden: true, onclick: () => first() });
  let pages = [""]; // Cursors of the pages up to this one.
  let came = 0;

  async function fill() {
    const found = await get("/requests", { ...wanted, limit: 50, cursor: pages.at(-1) });
    const older = h("button", { type: "button", disabled: !found.next, onclick: () => { pages.push(found.next); fill(); } }, "Older");
    const newer = h("button", { type: "button", disabled: pages.length === 1, onclick: () => { pages.pop(); fill(); } }, "Newer");
    place.replaceChildren(
      table("Calls", COLUMNS, found.data, { open: (call) => story(call.request_id), empty: "No call of that kind in that time." }),
      h("div", { class: "top" }, h("span", { class: "quiet small" }, "j and k walk, Enter opens, Escape closes, / filters."), h("span", {}, newer, " ", older)));
  }
  function first() {
    pages = [""];
    came = 0;
    arrived.hidden = true;
    return fill();
  }
  const changed = (name) => (event) => {
    wanted[name] = event.target.value;
    first();
  };
  const selects = Object.fromEntries(filters.map((name) => [name, h("select", { name, onchange: changed(name) })]));
  const choices = (name, values) => selects[name].replaceChildren(option("", "all", !wanted[name]), ...values.map((value) => option(value, name === "key" ? keyName(value) : value, value === wanted[name])));
  for (const name of filters) choices(name, wanted[name] ? [wanted[name]] : []);
  await first();
  known(filters).then((values) => filters.forEach((name) => choices(name, values[name])), (error) => say(error.message));
  page.append(h("div", { class: "top" }, h("h1", {}, "Requests"), arrived),
    h("div", { class: "filters card" }, filters.map((name) => h("label", {}, name, selects[name])),
      h("label", {}, "since", h("select", { name: "since", onchange: changed("since") }, PERIODS.map(([value, text]) => option(value, text, value === wanted.since))))),
    place);
  const keys = (event) => enterTable(event, place);
  addEventListener("keydown", keys);
  const stop = watch(() => {
    came += 1;
    arrived.hidden = false;
    arrived.textContent = `${came} new: show`;
  });
  return () => { stop(); removeEventListener("keydown", keys); };
}

const option = (value, text, selected) => h("option", { value, selected }, text);

/** What there is to choose from: all that was seen in a month, which may take a moment to be found. */
async function known(names) {
  const { data } = await get("/usage", { by: names.join(","), since: "30d" });
  return Object.fromEntries(names.map((name) => [name, [...new Set(data.map((row) => row.by[name]))].filter(Boolean).sort()]));
}

/** j and k begin at the top of the table, wherever the focus is. */
function enterTable(event, place) {
  if (!["j", "k"].includes(event.key) || event.defaultPrevented || event.target.closest("input, select, dialog, tbody")) return;
  place.querySelector("tbody tr")?.focus();
}
