// Tables: columns that say how a row is shown, and rows that can be walked through with the keyboard.

import { h } from "./dom.js";
import { exact, usd } from "./money.js";
import { outcome } from "./words.js";

/** `columns`: [{head, cell, kind}]; `cell` gives text or nodes for a row. `open`: what a row leads to, if anything. */
export function table(label, columns, rows, { open = null, empty = "Nothing here yet." } = {}) {
  if (!rows.length) return h("p", { class: "empty" }, empty);
  const head = h("tr", {}, columns.map((column) => h("th", { class: column.kind, scope: "col" }, column.head)));
  const body = h("tbody", {}, rows.map((row) => tr(columns, row, open)));
  if (open) body.addEventListener("keydown", walk);
  return h("div", { class: "scroll" }, h("table", { "aria-label": label }, h("thead", {}, head), body));
}

export function tr(columns, row, open) {
  const cells = columns.map((column) => h("td", { class: column.kind }, column.cell(row)));
  if (!open) return h("tr", {}, cells);
  return h("tr", {
    tabindex: 0,
    onclick: () => open(row),
    onkeydown: (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // Else it would press the button that has the focus next.
      open(row);
    },
  }, cells);
}

const STEPS = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 };

function walk(event) {
  const step = STEPS[event.key];
  const row = event.target.closest("tr");
  if (!step || !row || event.target !== row) return;
  event.preventDefault();
  (step > 0 ? row.nextElementSibling : row.previousElementSibling)?.focus();
}

/** An amount, with every digit for whoever points at it. */
export const money = (amount) => h("span", { title: exact(amount) }, usd(amount));

export function tag(text, look = "") {
  return h("span", { class: `tag ${look}` }, text);
}

export const outcomeTag = (word) => tag(...outcome(word));
