// What is spent now, today and this month; by whom and at what; and what was saved.

import { get, ownOnly } from "../api.js";
import { meter, spark, stacked } from "../charts.js";
import { card, h, say, tabs } from "../dom.js";
import { before, lately, pace, watch } from "../live.js";
import { exact, picos, share, sum, usd } from "../money.js";
import { keyName } from "../names.js";
import { story } from "../story.js";
import { money, outcomeTag, table, tr } from "../tables.js";
import { DIMENSIONS, NO_CALLS, PERIODS, compact, count, moment } from "../words.js";
import { saved } from "./saved.js";

const TAIL = 8;
const AGAIN_MS = 10000;
const DAY_MS = 86400000;

export const CALLS = [
  { head: "When", cell: (call) => moment(call.at) },
  { head: "Team", kind: "wide", cell: (call) => call.team || "–" },
  { head: "Asked for", cell: (call) => h("div", { class: "cut" }, call.asked_model) },
  { head: "Answered by", kind: "wide", cell: (call) => h("div", { class: "cut" }, `${call.provider}/${call.model}`) },
  { head: "Tokens", kind: "n wide", cell: (call) => `${compact(call.tokens.input)} → ${compact(call.tokens.output)}` },
  { head: "Cost", kind: "n", cell: (call) => money(picos(call.cost_usd)) },
  { head: "", kind: "n", cell: (call) => outcomeTag(call.outcome) },
];

export async function open(page) {
  const chosen = { since: "24h", by: ownOnly() ? "model" : "team" };
  const figures = started();
  const shown = h("div", {});
  const beside = h("div", {});
  const tail = await latest();
  const dimensions = ownOnly() ? DIMENSIONS.filter(([name]) => !["team", "key"].includes(name)) : DIMENSIONS;

  async function fill() {
    const query = { since: chosen.since };
    const hourly = chosen.since === "24h" ? "hour" : "day";
    shown.setAttribute("aria-busy", "true");
    if (!ownOnly()) get("/savings", query).then((told) => beside.replaceChildren(saved(told)), failed);
    const usage = await get("/usage", { ...query, by: `${hourly},${chosen.by}` });
    if (chosen.since !== query.since) return; // Another period was chosen meanwhile.
    shown.replaceChildren(over(usage, hourly, chosen.by), h("div", { class: "two" }, by(usage.data, chosen.by), beside));
    shown.removeAttribute("aria-busy");
  }
  const choose = (name) => (value) => { chosen[name] = value; fill().catch(failed); };
  await fill();
  page.append(
    h("div", { class: "top" }, h("h1", {}, "Overview")), figures.place,
    h("div", { class: "top" },
      tabs("By", dimensions, chosen.by, choose("by")), tabs("Period", PERIODS, chosen.since, choose("since"))),
    shown, tail.place);

  let stale = false;
  const stop = watch((call) => {
    figures.add(call);
    tail.add(call);
    stale = true;
  });
  const second = setInterval(figures.tick, 1000);
  const again = setInterval(() => {
    if (stale && !document.hidden) fill().catch(failed);
    stale = false;
  }, AGAIN_MS);
  return () => { stop(); clearInterval(second); clearInterval(again); };
}

const failed = (error) => say(error.message);

/** The figures on top, which move with every call, and begin anew with the day. They are known a little later than the
 * rest: a month may be long. */
function started() {
  let all;
  get("/requests", { since: "60s", limit: 200 }).then((recent) => { before(recent.data); tick(); }, failed);
  const value = (id) => h("span", { class: "value", id }, "…");
  const figure = (title, ...rest) => h("section", { class: "card figure" }, h("h2", { class: "quiet" }, title), ...rest);
  const second = value("now");
  const day = value("today");
  const whole = value("month");
  const calls = value("calls");
  const forecast = h("span", { class: "quiet small" });
  const minute = h("div", {});

  function read() {
    const mine = { day: today(), today: 0n, month: 0n, calls: 0, known: false };
    all = mine;
    for (const place of [day, whole, calls]) place.textContent = "…";
    forecast.textContent = "";
    get("/usage", { by: "day", since: `${monthOf(mine.day)}-01` }).then((month) => {
      for (const row of month.data) {
        const cost = picos(row.cost_usd) ?? 0n;
        mine.month += cost;
        if (row.by.day !== mine.day) continue;
        mine.today += cost;
        mine.calls += row.calls;
      }
      mine.known = true;
      show();
    }, failed);
  }
  function tick() {
    if (today() !== all.day) read();
    second.textContent = `${usd(pace())}/s`;
    minute.replaceChildren(spark(lately(), "Spend in each second of the last minute"));
    if (all.known) forecast.textContent = `${usd(atThisPace(all.month))} by its end, at its pace so far`;
  }
  function show() {
    tick();
    if (!all.known) return;
    day.textContent = usd(all.today);
    day.title = exact(all.today);
    whole.textContent = usd(all.month);
    whole.title = exact(all.month);
    calls.textContent = count(all.calls);
  }
  read();
  return {
    place: h("div", { class: "cards" },
      figure("Now", second, minute), figure("Today (UTC)", day), figure("This month", whole, forecast), figure("Calls today", calls)),
    tick,
    add(call) {
      const cost = picos(call.cost_usd) ?? 0n;
      const on = dayOf(call.at); // What corrects an earlier call has the moment of that one.
      if (monthOf(on) === monthOf(all.day)) all.month += cost;
      if (on === all.day) {
        all.today += cost;
        if (!NO_CALLS.includes(call.outcome)) all.calls += 1;
      }
      show();
    },
  };
}

const dayOf = (at) => at.slice(0, 10); // UTC, as the gateway writes it.
const monthOf = (at) => at.slice(0, 7);
const today = () => dayOf(new Date().toISOString());

/** What a month comes to that goes on as it began. */
function atThisPace(spent) {
  const now = new Date();
  const begin = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1);
  const end = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1);
  return (spent * BigInt(end - begin)) / BigInt(Math.max(1, Date.now() - begin));
}

function over(usage, hourly, by) {
  const step = hourly === "hour" ? DAY_MS / 24 : DAY_MS;
  const labels = [];
  for (let at = Math.floor(Date.parse(usage.since) / step) * step; at < Date.parse(usage.until); at += step) {
    labels.push(new Date(at).toISOString().slice(0, hourly === "hour" ? 13 : 10));
  }
  const series = new Map();
  for (const row of usage.data) {
    const name = row.by[by];
    if (!series.has(name)) series.set(name, { name: shownAs(by, name), amounts: labels.map(() => 0n) });
    const at = labels.indexOf(row.by[hourly].slice(0, hourly === "hour" ? 13 : 10));
    if (at >= 0) series.get(name).amounts[at] += picos(row.cost_usd) ?? 0n;
  }
  const short = labels.map((label) => (hourly === "hour" ? `${label.slice(11)}:00` : label.slice(5)));
  return card(hourly === "hour" ? "Spend by hour (UTC)" : "Spend by day (UTC)", null, stacked(short, [...series.values()], "Spend over time"));
}

const shownAs = (dimension, name) => (dimension === "key" ? keyName(name) : name) || "none";

function by(rows, dimension) {
  const groups = new Map();
  for (const row of rows) {
    const name = row.by[dimension];
    const group = groups.get(name) ?? { name, calls: 0, tokens: 0, unpriced: 0, cost: 0n };
    group.calls += row.calls;
    group.tokens += row.input_tokens + row.output_tokens;
    group.unpriced += row.unpriced_calls;
    group.cost += picos(row.cost_usd) ?? 0n;
    groups.set(name, group);
  }
  const sorted = [...groups.values()].sort((a, b) => (b.cost > a.cost ? 1 : -1)).slice(0, 100);
  const whole = sum(sorted.map((group) => group.cost));
  const leads = ["tier", "deployment"].includes(dimension) || ownOnly() ? null : (group) => { location.hash = `#/requests?${new URLSearchParams({ [dimension]: group.name })}`; };
  const title = DIMENSIONS.find(([name]) => name === dimension)[1];
  return card(`By ${dimension}`, null, table(`Spend by ${dimension}`, [
    { head: title, cell: (group) => shownAs(dimension, group.name) },
    { head: "", kind: "share", cell: (group) => meter(share(group.cost, whole), 0, "", `${group.name}: its share`) },
    { head: "Calls", kind: "n", cell: (group) => compact(group.calls) },
    { head: "Tokens", kind: "n wide", cell: (group) => compact(group.tokens) },
    { head: "Spent", kind: "n", cell: (group) => [money(group.cost), group.unpriced ? h("span", { class: "warn small" }, ` +${group.unpriced} unpriced`) : null] },
  ], sorted, { open: leads, empty: "No calls in that time. Make one: the first start printed how." }));
}

/** The latest calls, newest first. */
async function latest() {
  const rows = (await get("/requests", { limit: TAIL })).data;
  const open = (call) => story(call.request_id);
  const place = h("div", {});
  const show = () => place.replaceChildren(card("Latest calls", h("a", { href: "#/requests", class: "small" }, "All"), table("Latest calls", CALLS, rows, { open, empty: "No call yet." })));
  show();
  return {
    place,
    add(call) {
      rows.unshift(call);
      rows.length = Math.min(rows.length, TAIL);
      const body = place.querySelector("tbody");
      if (!body) {
        show();
        return;
      }
      const row = tr(CALLS, call, open);
      row.classList.add("new");
      body.prepend(row);
      while (body.rows.length > TAIL) body.lastElementChild.remove();
    },
  };
}
