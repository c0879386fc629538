// The whole story of one call, in a drawer.

import { get } from "./api.js";
import { show } from "./dialogs.js";
import { h } from "./dom.js";
import { picos } from "./money.js";
import { keyName } from "./names.js";
import { money, outcomeTag, table, tag } from "./tables.js";
import { count, millis, moment } from "./words.js";

const LINES = [
  { head: "Class", cell: (line) => line.class.replaceAll("_", " ") },
  { head: "Count", kind: "n", cell: (line) => count(line.count) },
  { head: "Rate", kind: "n", cell: (line) => (line.rate_usd === null ? "–" : `$${line.rate_usd} / ${line.per === 1 ? "one" : "1M"}`) },
  { head: "Amount", kind: "n", cell: (line) => money(picos(line.amount_usd)) },
];
const BOOKS = [
  { head: "Account", cell: ([account]) => h("code", {}, account) },
  { head: "Booked", kind: "n", cell: ([account, amount]) => (account.includes("/usd/") ? money(BigInt(amount) * 1000n) : count(amount)) },
];

const ELSEWHERE = [
  { head: "Could have answered", cell: (one) => [one.deployment, " ", one.chosen ? tag("answered", "good") : null] },
  { head: "Tier", kind: "wide", cell: (one) => one.tier },
  { head: "These tokens there, now", kind: "n", cell: (one) => money(picos(one.cost_usd)) },
];

const facts = (pairs) => h("dl", {}, pairs.filter(([, value]) => value !== null && value !== "" && value !== undefined)
  .map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

/** Open the drawer for a request. */
export async function story(id) {
  const dialog = h("dialog", { class: "drawer", "aria-label": `Request ${id}` });
  const close = h("button", { type: "button", onclick: () => dialog.close() }, "Close");
  const body = h("div", {});
  dialog.append(h("div", { class: "top" }, h("h2", {}, "Request"), close), h("code", { class: "quiet" }, id), body);
  show(dialog);
  try {
    const told = await get(`/requests/${encodeURIComponent(id)}`);
    body.replaceChildren(whole(told));
  } catch (error) {
    body.replaceChildren(h("p", { class: "bad", role: "alert" }, error.message));
  }
}

function whole(told) {
  const entries = told.entries;
  const last = entries.at(-1);
  return h("div", {},
    h("div", { class: "figure" }, h("span", { class: "value" }, money(picos(told.cost_usd))),
      h("span", { class: "quiet" }, `${last.asked_model} → ${last.provider}/${last.served_model}`)),
    h("h3", {}, "Why it went there"),
    h("p", {}, last.route_reason || "–"),
    last.attempts.length ? h("ol", {}, last.attempts.map((text) => h("li", { class: "warn" }, text))) : null,
    told.elsewhere?.length ? table("What the same tokens cost elsewhere", ELSEWHERE, told.elsewhere) : null,
    facts([["Policy", last.policy], ["Comparison", last.arm], ["Session", last.session]]),
    h("h3", {}, "Who asked"),
    facts([["Key", `${keyName(last.key_id)}, ${last.key_id}`], ["Org", last.org], ["Team", last.team], ["User", last.user], ["Tags", last.tags.join(", ")]]),
    entries.map((entry, at) => chapter(entry, at + 1, entries.length)));
}

function chapter(entry, number, of) {
  const held = picos(entry.held_usd);
  return h("section", {},
    h("h3", {}, of > 1 ? `Entry ${number} of ${of}` : "What it came to"),
    h("p", {}, outcomeTag(entry.outcome), " ", tag(entry.cost_status), " ", entry.service_tier ? tag(entry.service_tier) : null),
    facts([
      ["When", moment(entry.at)],
      ["Answered by", `${entry.provider}/${entry.served_model}`],
      ["Tier", `${entry.tier}, ${entry.deployment}`],
      ["First token", entry.first_token_ms === null ? null : millis(entry.first_token_ms)],
      ["Took", millis(entry.duration_ms)],
      ["Held", money(held)],
      ["Cost", money(picos(entry.cost_usd))],
      ["Saved", money(picos(entry.saved_usd))],
      ["Tokens", `${count(entry.tokens.input)} in, of these ${count(entry.tokens.cache_read)} cached; ${count(entry.tokens.output)} out`],
      ["Price", entry.price_id === null ? null : h("code", {}, entry.price_id)],
      ["Adjusts", entry.adjusts],
      ["Provider's id", entry.answer_id === null ? null : h("code", {}, entry.answer_id)],
    ]),
    h("h3", {}, "Tokens by class, and what each cost"),
    table("Cost by class", LINES, entry.lines ?? [], { empty: "Its rates are not known, or nothing was charged." }),
    h("h3", {}, "Books"),
    table("Accounts that paid", BOOKS, Object.entries(entry.charges), { empty: "No limit stands over this call." }));
}
