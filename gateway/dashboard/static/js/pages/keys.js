// Keys: made, changed, given another secret, and ended.

import { all, may, patch, post } from "../api.js";
import { form, once, sure } from "../dialogs.js";
import { card, h, say } from "../dom.js";
import { table, tag } from "../tables.js";
import { moment } from "../words.js";

const words = (text) => text.split(",").map((word) => word.trim()).filter(Boolean);
const changing = () => may("admin", "team-admin");

export async function open(page) {
  const place = h("div", {});
  const filter = h("input", { type: "search", placeholder: "Filter keys", "aria-label": "Filter keys" });
  let keys = [];
  const show = () => place.replaceChildren(table("Keys", columns(fill), keys.filter((key) => `${key.id} ${key.alias} ${key.team} ${key.user}`.includes(filter.value))));
  async function fill() {
    keys = await all("/keys");
    show();
  }
  filter.addEventListener("input", show);
  await fill();
  page.append(h("div", { class: "top" }, h("h1", {}, "Keys"),
    changing() ? h("button", { class: "main", type: "button", onclick: () => made(fill) }, "New key") : null),
  card("All keys", filter, place));
}

const LOOKS = { good: "good", expired: "warn", revoked: "bad" };

const columns = (fill) => [
  { head: "Key", cell: (key) => [h("div", {}, key.alias || h("span", { class: "quiet" }, "without a name")), h("code", { class: "quiet" }, key.id)] },
  { head: "Team", cell: (key) => key.team || "–" },
  { head: "User", kind: "wide", cell: (key) => key.user || "–" },
  { head: "Role", kind: "wide", cell: (key) => key.role },
  { head: "Models", kind: "wide", cell: (key) => (key.models.length ? key.models.join(", ") : "all") },
  { head: "Expires", kind: "wide", cell: (key) => (key.expires ? moment(key.expires) : "never") },
  { head: "", cell: (key) => tag(key.state, LOOKS[key.state]) },
  { head: "", kind: "actions", cell: (key) => (changing() && key.state !== "revoked" ? actions(key, fill) : null) },
];

const plain = (text, onclick, look = "") => h("button", { type: "button", class: `plain ${look}`, onclick }, text);

function actions(key, fill) {
  const path = `/keys/${encodeURIComponent(key.id)}`;
  const name = key.alias || key.id;
  return [
    plain("Edit", () => edited(key, path, fill)),
    plain("Rotate", () => form(`Another secret for ${name}`, [{ name: "grace", label: "How long the one before stays good", value: "1h" }], "Rotate", async ({ grace }) => {
      const { token } = await post(`${path}/rotate`, { grace: grace || "0s" });
      once(`The new token of ${name}`, token);
      fill();
    })),
    plain("Revoke", () => sure(`Revoke ${name}?`, "It ends everywhere within a second, and for good.", "Revoke", async () => {
      await post(`${path}/revoke`);
      say(`${name} is revoked.`);
      fill();
    }), "bad"),
  ];
}

function made(fill) {
  const fields = [
    { name: "alias", label: "Name, for people" },
    { name: "team", label: "Team" },
    { name: "user", label: "User" },
    { name: "role", label: "Role", value: "caller", choices: may("admin") ? ["caller", "viewer", "team-admin", "admin"] : ["caller"] },
    { name: "models", label: "Models that it may ask for, with commas between", hint: "all" },
  ];
  form("New key", fields, "Make it", async ({ models, ...body }) => {
    const { token, key } = await post("/keys", { ...body, models: words(models) });
    once(`The token of ${key.alias || key.id}`, token);
    fill();
  });
}

function edited(key, path, fill) {
  const fields = [
    { name: "alias", label: "Name, for people", value: key.alias },
    { name: "models", label: "Models that it may ask for, with commas between", value: key.models.join(", "), hint: "all" },
    { name: "networks", label: "Networks that it may be used from", value: key.networks.join(", "), hint: "anywhere" },
    { name: "expires", label: "Expires", value: key.expires ?? "", hint: "2027-01-01T00:00:00Z, or never" },
  ];
  form(`Change ${key.alias || key.id}`, fields, "Save", async ({ alias, models, networks, expires }) => {
    await patch(path, { alias, models: words(models), networks: words(networks), expires: expires || null });
    fill();
  });
}
