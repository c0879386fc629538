// Where money was saved, against what the models that were asked for would have cost.

import { meter } from "../charts.js";
import { card, h } from "../dom.js";
import { picos, share } from "../money.js";
import { money, table } from "../tables.js";

const CAUSES = {
  cache: "Answers given again",
  routing: "Routing",
  prompt_cache: "Providers' prompt caches",
  own_gpus: "Own GPUs",
};

export function saved(told) {
  const baseline = picos(told.baseline_usd);
  const paid = picos(told.paid_usd);
  const rows = Object.entries(CAUSES).map(([cause, name]) => ({ name, amount: picos(told.saved_usd[cause]) }));
  const all = baseline - paid;
  const uncompared = picos(told.uncompared_usd);
  return card("Saved", h("b", { id: "saved" }, money(all)),
    table("Saved by cause", [
      { head: "Cause", cell: (row) => row.name },
      { head: "", kind: "share", cell: (row) => meter(share(row.amount, baseline), 0, "", `${row.name}: its share of the baseline`) },
      { head: "Saved", kind: "n", cell: (row) => h("span", { class: row.amount < 0n ? "bad" : "" }, money(row.amount)) },
    ], rows),
    h("p", { class: "quiet small" }, "Paid ", money(paid), " of ", money(baseline),
      ", which the models that were asked for would have cost uncached, at today's list prices.",
      uncompared ? [" With nothing to compare: ", money(uncompared), "."] : null));
}
