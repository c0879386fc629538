// Who is near a limit: what is spent, held and left, how fast it goes, and when it ends.

import { get, ownOnly } from "../api.js";
import { meter } from "../charts.js";
import { h } from "../dom.js";
import { watch } from "../live.js";
import { amountOf, share, shownAmount } from "../money.js";
import { nodeName } from "../names.js";
import { tag } from "../tables.js";
import { moment, percent, times, until } from "../words.js";

const AGAIN_MS = 1000;

async function budgets() {
  if (!ownOnly()) return get("/budgets");
  const { limits } = await get("/key");
  return { data: limits.map((state) => ({ state, burn: null, runs_out: null, alert: [] })), more: false };
}

export async function open(page) {
  const list = h("section", { class: "card" });
  async function fill() {
    const found = await budgets();
    list.replaceChildren(...(found.data.length ? found.data.map(gauge) : [h("p", { class: "empty" }, "No limit stands over anybody. ", h("code", {}, "fareway limits set team:research 500 usd month"), " makes one.")]),
      found.more ? h("p", { class: "quiet" }, "Others are further from their end.") : "");
  }
  await fill();
  page.append(h("div", { class: "top" }, h("h1", {}, "Budgets"), h("p", { class: "quiet" }, "Nearest to their end first.")), list);
  let stale = false;
  const stop = watch(() => { stale = true; });
  const again = setInterval(() => {
    if (stale && !document.hidden) fill().catch(() => {});
    stale = false;
  }, AGAIN_MS);
  return () => { stop(); clearInterval(again); };
}

function gauge({ state, burn, runs_out }) {
  const [amount, spent, held, left] = ["amount", "spent", "held", "left"].map((name) => amountOf(state[name], state.unit));
  const used = share(spent, amount);
  const look = used >= 1 ? "bad" : used >= 0.8 || runs_out ? "warn" : "";
  const unit = state.unit === "usd" ? "" : ` ${state.unit}`;
  const say = (figure) => shownAmount(figure, state.unit);
  const ends = [
    burn === null ? null : `burns at ${times(burn)}`,
    runs_out ? `gone in ${until(runs_out)} (${moment(runs_out)})` : null,
    state.resets_at ? `resets in ${until(state.resets_at)}` : null,
  ].filter(Boolean).join(" · ");
  return h("div", { class: "gauge" },
    h("div", { class: "line" }, h("b", {}, nodeName(state.node)), h("span", {}, `${say(spent)} of ${say(amount)}${unit} a ${state.window}`, " ", state.mode === "hard" ? null : tag(state.mode))),
    meter(used, share(held, amount), look, `${state.node}: ${percent(used)} spent`),
    h("div", { class: "line" }, h("span", {}, `${say(left)} left, ${say(held)} held`), h("span", { class: look }, ends)));
}
