// What people were told of, and who changed what.

import { get } from "../api.js";
import { card, h } from "../dom.js";
import { table, tag } from "../tables.js";
import { moment } from "../words.js";

const ALERTS = [
  { head: "When", cell: (alert) => moment(alert.at) },
  { head: "Kind", cell: (alert) => alert.kind },
  { head: "What happened", cell: (alert) => alert.sentence },
  { head: "Told", cell: (alert) => alert.target },
  { head: "", cell: (alert) => (alert.delivered ? tag("arrived", "good") : alert.again_at ? tag("tried again", "warn") : tag("given up", "bad")) },
];
const CHANGES = [
  { head: "When", cell: (line) => moment(line.at) },
  { head: "Who", cell: (line) => line.alias || line.actor },
  { head: "By", kind: "wide", cell: (line) => line.via },
  { head: "What", cell: (line) => line.action },
  { head: "Of", cell: (line) => h("code", {}, line.of) },
];

export async function open(page) {
  const [alerts, audit] = await Promise.all([get("/alerts"), get("/audit", { limit: 50 })]);
  page.append(h("div", { class: "top" }, h("h1", {}, "Events")),
    card("Alerts", null, table("Alerts", ALERTS, alerts.data, { empty: "Nobody was told anything yet. `alerts` in the configuration says whom." })),
    card("Changes", null, table("Changes", CHANGES, audit.data)));
}
