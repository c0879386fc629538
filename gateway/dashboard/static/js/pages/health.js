// How deployments do: how quick they are, what failed, and whether the books agree.

import { get } from "../api.js";
import { card, h } from "../dom.js";
import { table, tag } from "../tables.js";
import { count, millis, percent } from "../words.js";

const FAILED = ["failed", "cut", "unresolved"];

export async function open(page) {
  const [health, doing, usage, router] = await Promise.all([
    get("/health"), get("/deployments"), get("/usage", { by: "provider,model,outcome", since: "24h" }), get("/router"),
  ]);
  const rows = together(doing.data, usage.data);
  page.append(
    h("div", { class: "top" }, h("h1", {}, "Health"), tag(health.status, health.status === "ok" ? "good" : "bad")),
    h("div", { class: "cards" },
      figure("Workers", `${health.workers} of ${health.workers_expected}`),
      figure("Drift of the books", count(health.drift_units)),
      figure("Left alone", count(health.deployments_left_alone.length)),
      figure("Version", health.version)),
    card("Deployments, of late", h("span", { class: "quiet small" }, "Counts: the last 24 hours"), table("Deployments", COLUMNS, rows, { empty: "Nothing was asked yet." })),
    card("Routing", null, h("p", { class: "quiet" }, router.guarded ? `The guard has it ${router.on ? "on" : "off"}. ${router.verdict}` : "No guard compares it with a fixed model (routing.guard).")));
}

const figure = (title, value) => h("section", { class: "card figure" }, h("h2", { class: "quiet" }, title), h("span", { class: "value" }, value));

const COLUMNS = [
  { head: "Deployment", cell: (row) => row.name },
  { head: "", cell: (row) => (row.doing ? tag(row.doing.working ? "working" : "left alone", row.doing.working ? "good" : "bad") : null) },
  { head: "In flight", kind: "n", cell: (row) => row.doing?.in_flight ?? "–" },
  { head: "Errors of late", kind: "n", cell: (row) => (row.doing ? percent(row.doing.error_rate) : "–") },
  { head: "First token", kind: "n", cell: (row) => millis(row.doing?.first_token_ms) },
  { head: "p95", kind: "n", cell: (row) => millis(row.doing?.first_token_p95_ms) },
  { head: "Whole answer", kind: "n", cell: (row) => millis(row.doing?.answer_ms) },
  { head: "p95", kind: "n", cell: (row) => millis(row.doing?.answer_p95_ms) },
  { head: "Calls", kind: "n", cell: (row) => count(row.calls) },
  { head: "Failed", kind: "n", cell: (row) => h("span", { class: row.failed ? "bad" : "" }, count(row.failed)) },
  { head: "Outrun", kind: "n", cell: (row) => count(row.outrun) },
];

function together(doing, usage) {
  const rows = new Map();
  const row = (name) => {
    if (!rows.has(name)) rows.set(name, { name, doing: null, calls: 0, failed: 0, outrun: 0 });
    return rows.get(name);
  };
  for (const one of doing) row(one.name).doing = one;
  for (const { by, calls } of usage) {
    const found = row(`${by.provider}/${by.model}`);
    found.calls += calls;
    if (FAILED.includes(by.outcome)) found.failed += calls;
    if (by.outcome === "outrun") found.outrun += calls;
  }
  return [...rows.values()].sort((a, b) => b.calls - a.calls);
}
