// Engines of one's own: what they do, what their machines cost, used or idle.

import { get, may, post } from "../api.js";
import { meter } from "../charts.js";
import { sure } from "../dialogs.js";
import { card, h, say } from "../dom.js";
import { picos, sum } from "../money.js";
import { money, table, tag } from "../tables.js";
import { compact, percent } from "../words.js";

const AGAIN_MS = 2000;
const MILLION = 1000000n;
const LOOKS = { ready: "good", down: "bad", draining: "warn", starting: "warn", warming: "warn" };

export async function open(page) {
  const place = h("div", {});
  const figures = h("div", { class: "cards" });
  const spent = await day();
  async function fill() {
    const { data, capacity } = await get("/fleet");
    const hour = sum(data.map((one) => picos(one.machine?.usd_per_hour ?? "0")));
    figures.replaceChildren(figure("Machines, an hour", money(hour)), ...spent.map(([title, value]) => figure(title, value)));
    place.replaceChildren(
      card("Backends", null, table("Backends", columns(fill), data)),
      capacity.length ? card("Capacity", h("span", { class: "quiet small" }, "What the bill would change by, an hour"), table("Capacity", CAPACITY, capacity)) : "");
  }
  await fill();
  page.append(h("div", { class: "top" }, h("h1", {}, "GPU fleet")), figures, place);
  const again = setInterval(() => { if (!document.hidden) fill().catch(() => {}); }, AGAIN_MS);
  return () => clearInterval(again);
}

const figure = (title, value) => h("section", { class: "card figure" }, h("h2", { class: "quiet" }, title), h("span", { class: "value" }, value));

/** What own engines came to in a day: booked on calls, left idle, and for a million tokens of what they wrote. */
async function day() {
  const { data } = await get("/usage", { by: "deployment,outcome", since: "24h" });
  const own = data.filter((row) => row.by.deployment === "selfhosted");
  const cost = (rows) => sum(rows.map((row) => picos(row.cost_usd)));
  const calls = own.filter((row) => row.by.outcome !== "idle");
  const written = BigInt(calls.reduce((all, row) => all + row.output_tokens, 0));
  return [
    ["Booked on calls, 24 h", money(cost(calls))],
    ["Idle, 24 h", money(cost(own.filter((row) => row.by.outcome === "idle")))],
    ["Loaded, 1M tokens written", written ? money((cost(calls) * MILLION) / written) : "–"],
  ];
}

const or = (value, shown) => (value === null || value === undefined ? "–" : shown(value));
const columns = (fill) => [
  { head: "Backend", cell: (one) => [h("div", {}, one.id), h("span", { class: "quiet small" }, `${one.engine} · ${(one.models ?? ["any model"]).join(", ")}`)] },
  { head: "", cell: (one) => h("span", { title: one.why }, tag(one.state, LOOKS[one.state] ?? "")) },
  { head: "Machine", kind: "wide", cell: (one) => (one.machine ? `${one.machine.count} × ${one.machine.hardware}, ${one.machine.tier}` : "–") },
  { head: "An hour", kind: "n", cell: (one) => (one.machine ? money(picos(one.machine.usd_per_hour)) : "–") },
  { head: "Running", kind: "n", cell: (one) => or(one.load.running, compact) },
  { head: "Waiting", kind: "n", cell: (one) => or(one.load.waiting, compact) },
  { head: "KV cache", kind: "share wide", cell: (one) => or(one.load.cache_used, (used) => meter(used, 0, "", `KV cache: ${percent(used)} used`)) },
  { head: "Tokens/s", kind: "n wide", cell: (one) => or(one.load.generated_tokens_per_second, (rate) => compact(Math.round(rate))) },
  { head: "", kind: "actions", cell: (one) => (may("admin") ? action(one, fill) : null) },
];

const change = (text) => or(text, (usd) => money(picos(usd)));
const CAPACITY = [
  { head: "Provider", cell: (one) => one.provider },
  { head: "Engines", kind: "n", cell: (one) => `${one.replicas} of ${one.desired} wanted` },
  { head: "Asked, tokens/s", kind: "n wide", cell: (one) => compact(Math.round(one.tokens_per_second_asked)) },
  { head: "Carried", kind: "n wide", cell: (one) => compact(Math.round(one.tokens_per_second_carried)) },
  { head: "One more", kind: "n", cell: (one) => change(one.usd_per_hour_one_more) },
  { head: "One less", kind: "n", cell: (one) => change(one.usd_per_hour_one_less) },
  { head: "Spilled to an API", kind: "n", cell: (one) => money(picos(one.usd_per_hour_spilled)) },
];

function action(one, fill) {
  const path = `/fleet/${encodeURIComponent(one.id)}`;
  const button = (text, onclick) => h("button", { type: "button", class: "plain", onclick }, text);
  if (one.state === "draining") {
    return button("Resume", async () => { await post(`${path}/resume`); fill(); });
  }
  return button("Drain", () => sure(`Drain ${one.id}?`, "It gets no new call; those in flight end.", "Drain", async () => {
    await post(`${path}/drain`);
    say(`${one.id} gets no new calls.`);
    fill();
  }));
}
