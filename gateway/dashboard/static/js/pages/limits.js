// Limits: those of the configuration, which stay as they are, and those that are set here.

import { all, may, put, remove } from "../api.js";
import { form, sure } from "../dialogs.js";
import { card, h } from "../dom.js";
import { amountOf, shownAmount } from "../money.js";
import { table, tag } from "../tables.js";

const changing = () => may("admin", "team-admin");
const UNITS = ["usd", "tokens", "input_tokens", "output_tokens", "requests", "concurrent"];
const WINDOWS = ["minute", "hour", "day", "week", "month", "quarter", "lifetime"];

export async function open(page) {
  const place = h("div", {});
  async function fill() {
    place.replaceChildren(table("Limits", columns(fill), await all("/limits"), { empty: "No limit yet." }));
  }
  await fill();
  page.append(h("div", { class: "top" }, h("h1", {}, "Limits"),
    changing() ? h("button", { class: "main", type: "button", onclick: () => set(fill) }, "Set a limit") : null),
  card("In force", h("span", { class: "quiet small" }, "One that counts the same takes the place of the configuration's."), place));
}

const columns = (fill) => [
  { head: "Node", cell: (limit) => h("code", {}, limit.node) },
  { head: "Amount", kind: "n", cell: (limit) => `${shownAmount(amountOf(limit.amount, limit.unit), limit.unit)}${limit.unit === "usd" ? "" : ` ${limit.unit}`}` },
  { head: "Window", cell: (limit) => limit.window },
  { head: "Time zone", kind: "wide", cell: (limit) => limit.timezone },
  { head: "Mode", kind: "wide", cell: (limit) => tag(limit.mode) },
  { head: "From", kind: "wide", cell: (limit) => (limit.source === "api" ? `set by ${limit.set_by}` : "configuration") },
  { head: "", kind: "actions", cell: (limit) => (changing() && limit.source === "api" ? [
    h("button", { type: "button", class: "plain", onclick: () => set(fill, limit) }, "Change"),
    h("button", { type: "button", class: "plain bad", onclick: () => forget(limit, fill) }, "Forget"),
  ] : null) },
];

function set(fill, limit = null) {
  const fields = [
    { name: "node", label: "Whom it stands over: all, team:research, key:*, …", value: limit?.node, required: true },
    { name: "amount", label: "Amount", value: limit?.amount, required: true },
    { name: "unit", label: "Unit", value: limit?.unit ?? "usd", choices: UNITS },
    { name: "window", label: "Window", value: limit?.window ?? "month", choices: WINDOWS },
    { name: "timezone", label: "Time zone", value: limit?.timezone ?? "UTC" },
    { name: "mode", label: "Mode", value: limit?.mode ?? "hard", choices: ["hard", "soft", "shadow"] },
  ];
  form(limit ? `Change ${limit.id}` : "Set a limit", fields, "Set it", async ({ amount, unit, window, ...rest }) => {
    await put("/limits", { ...rest, amount: `${amount} ${unit}`, ...(unit === "concurrent" ? {} : { window }) });
    fill();
  });
}

const forget = (limit, fill) => sure(`Forget ${limit.id}?`, "The configuration's counts again, if there is one.", "Forget", async () => {
  await remove(`/limits/${limit.id.split("/").map(encodeURIComponent).join("/")}`);
  fill();
});
