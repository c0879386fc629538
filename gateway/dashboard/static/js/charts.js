// Charts of our own, in SVG. Lengths are parts of the whole; the amounts stay whole numbers.

import { h, s } from "./dom.js";
import { exact, share, sum, usd } from "./money.js";

const SERIES_MAX = 6;
const HEIGHT = 170;
const FOOT = 18;
const ROUND = [1n, 2n, 5n, 10n, 12n, 15n, 20n, 25n, 30n, 40n, 50n, 60n, 80n, 100n];
const part = (value) => `${(value * 100).toFixed(3)}%`;

/** Small columns, one for each amount. */
export function spark(amounts, label) {
  const most = amounts.reduce((most, one) => (one > most ? one : most), 1n);
  const width = 1 / amounts.length;
  const columns = amounts.map((one, at) => {
    const height = one > 0n ? Math.max(0.06, share(one, most)) : 0;
    return s("rect", { x: part(at * width), y: part(1 - height), width: part(width * 0.72), height: part(height), rx: 1 });
  });
  return s("svg", { class: "spark", role: "img", "aria-label": label }, columns);
}

/** The dearest five by name, and all others as one. */
export function dearest(series) {
  const sorted = [...series].sort((a, b) => (sum(b.amounts) > sum(a.amounts) ? 1 : -1));
  if (sorted.length <= SERIES_MAX) return sorted;
  const kept = sorted.slice(0, SERIES_MAX - 1);
  const rest = sorted.slice(SERIES_MAX - 1);
  return [...kept, { name: `${rest.length} others`, amounts: rest[0].amounts.map((_, at) => sum(rest.map((one) => one.amounts[at]))) }];
}

/** Stacked columns, one for each label. `series`: [{name, amounts}], an amount for each label. */
export function stacked(labels, series, title) {
  const shown = dearest(series);
  const totals = labels.map((_, at) => sum(shown.map((one) => one.amounts[at])));
  const top = ceiling(totals.reduce((most, one) => (one > most ? one : most), 0n));
  const area = 1 - FOOT / HEIGHT;
  const width = 1 / labels.length;
  const columns = labels.map((label, at) => {
    let y = area;
    const pieces = shown.map((one, number) => {
      const height = share(one.amounts[at], top) * area;
      y -= height;
      return height ? s("rect", { class: `s${number}`, x: part(at * width + width * 0.12), width: part(width * 0.76), y: part(y), height: part(height) }) : null;
    });
    const told = [`${label}: ${exact(totals[at])}`, ...shown.filter((one) => one.amounts[at]).map((one) => `${one.name} ${usd(one.amounts[at])}`)];
    return s("g", {}, s("title", {}, told.join("\n")), s("rect", { x: part(at * width), width: part(width), y: 0, height: part(area), fill: "transparent" }), pieces);
  });
  const step = Math.ceil(labels.length / 6);
  const names = labels.map((label, at) => at % step ? null : s("text", { x: part(at * width), y: HEIGHT - 4 }, label));
  return h("div", {},
    s("svg", { class: "bars", role: "img", "aria-label": title },
      s("line", { x1: 0, x2: "100%", y1: part(area), y2: part(area) }),
      s("line", { x1: 0, x2: "100%", y1: 0.5, y2: 0.5, "stroke-dasharray": "2 4" }),
      columns, names,
      s("text", { x: "100%", y: 13, "text-anchor": "end" }, top ? usd(top) : "")),
    legend(shown.map((one) => [one.name, usd(sum(one.amounts))])));
}

/** The next round amount above, so that the highest column nearly fills the chart. */
function ceiling(amount) {
  if (amount <= 0n) return 0n;
  const tenth = 10n ** BigInt(Math.max(0, amount.toString().length - 2));
  return ROUND.map((factor) => factor * tenth).find((round) => round >= amount) ?? amount;
}

export const legend = (entries) =>
  h("div", { class: "legend" }, entries.map(([name, figure], at) => h("span", {}, h("i", { class: `s${at}` }), `${name} `, h("b", {}, figure))));

/** What is spent, and held besides, of a limit: parts of 1. */
export function meter(spent, held, look, label) {
  return s("svg", { class: `meter ${look}`, role: "img", "aria-label": label },
    s("rect", { class: "ground", width: "100%", height: "100%", rx: 4 }),
    s("rect", { class: "held", x: 0, width: part(Math.min(1, spent + held)), height: "100%", rx: 4 }),
    s("rect", { class: "spent", x: 0, width: part(Math.min(1, spent)), height: "100%", rx: 4 }));
}
