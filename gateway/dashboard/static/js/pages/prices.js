// Which prices count, what waits for a yes, and what models cost.

import { get, may, post } from "../api.js";
import { sure } from "../dialogs.js";
import { card, h, say } from "../dom.js";
import { table } from "../tables.js";
import { count } from "../words.js";

export async function open(page) {
  const [feed, waiting] = await Promise.all([get("/prices"), get("/prices/quarantine")]);
  const models = h("div", {});
  const providers = Object.keys(feed.providers);
  const filter = h("input", { type: "search", placeholder: "Filter models", "aria-label": "Filter models" });
  const select = h("select", { "aria-label": "Provider", onchange: () => list() }, providers.map((name) => h("option", { value: name }, `${name} (${count(feed.providers[name])})`)));
  let rows = [];
  const show = () => models.replaceChildren(table("Prices", COLUMNS, rows.filter((row) => row.model.includes(filter.value))));
  async function list() {
    if (!select.value) return;
    rows = (await get(`/prices/${encodeURIComponent(select.value)}`, { limit: 200 })).data;
    show();
  }
  filter.addEventListener("input", show);
  await list();
  page.append(h("div", { class: "top" }, h("h1", {}, "Prices")),
    card("In use", null, h("p", {}, `${feed.id} of ${feed.date}${feed.pinned ? ", pinned" : ""}`)),
    quarantine(waiting),
    card("Models", h("div", { class: "filters" }, select, filter), models));
}

const dollars = (rate) => `$${rate.usd} / ${rate.per}`;
const rate = (name) => (row) => {
  const found = row.rates.find((one) => one.rate === name && one.tier === "standard" && one.above_tokens === 0);
  return found ? dollars(found) : "–";
};
const COLUMNS = [
  { head: "Model", cell: (row) => row.model },
  { head: "Input", kind: "n", cell: rate("input") },
  { head: "Cached", kind: "n wide", cell: rate("cache_read") },
  { head: "Output", kind: "n", cell: rate("output") },
  { head: "Price", kind: "wide", cell: (row) => h("code", { class: "quiet" }, row.price) },
];

function quarantine(waiting) {
  if (!waiting.waiting) return card("Quarantine", null, h("p", { class: "quiet" }, "No feed waits for a yes."));
  const ask = () => sure("Approve these prices?", `${waiting.id} of ${waiting.date} will count from now on, for all workers.`, "Approve", async () => {
    const { approved } = await post("/prices/approve", { sha256: waiting.sha256 });
    say(approved ? "Approved." : "Nothing waited any more.");
    location.reload();
  });
  return card("Quarantine", may("admin") ? h("button", { class: "main", type: "button", onclick: ask }, "Approve") : null,
    h("p", { class: "warn" }, `${waiting.id} of ${waiting.date} waits for a yes:`), h("ul", {}, waiting.reasons.map((reason) => h("li", {}, reason))));
}
