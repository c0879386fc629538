// What happens, as it happens: one event for each settled call, and what the last minute came to.

import { find } from "./dom.js";
import { picos, sum } from "./money.js";

const WINDOW_S = 60;
const AGAIN_MS = 2000;

let source = null;
const watchers = new Set();
let spent = []; // Of the last minute: when it was heard, and how much.

function heard(call) {
  const cost = picos(call.cost_usd);
  if (cost) spent.push([Date.now(), cost]);
  for (const watcher of watchers) watcher(call);
}

function shows(on) {
  const place = find("live");
  place.classList.toggle("on", on);
  place.textContent = on ? "Live" : "Reconnecting…";
}

/** `lost`: called where the gateway does not want us any more, or is not there. */
export function connect(lost) {
  disconnect();
  source = new EventSource("/dashboard/api/live");
  source.addEventListener("settled", (event) => heard(JSON.parse(event.data)));
  source.onopen = () => shows(true);
  source.onerror = () => {
    shows(false);
    if (source.readyState === EventSource.CLOSED) setTimeout(lost, AGAIN_MS);
  };
}

export function disconnect() {
  source?.close();
  source = null;
  find("live").textContent = "";
}

/** Hear of every settled call until the page is left: returns what stops it. */
export function watch(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** Calls of the last minute that were settled before anybody watched. */
export function before(calls) {
  const known = calls.map((call) => [Date.parse(call.at) + call.duration_ms, picos(call.cost_usd) ?? 0n]);
  spent = [...known, ...spent];
}

/** Pico-dollars in each second of the last minute, oldest first. */
export function lately() {
  const now = Date.now();
  spent = spent.filter(([at]) => at > now - WINDOW_S * 1000);
  const seconds = Array(WINDOW_S).fill(0n);
  for (const [at, cost] of spent) {
    seconds[Math.max(0, WINDOW_S - 1 - Math.max(0, Math.floor((now - at) / 1000)))] += cost;
  }
  return seconds;
}

/** Pico-dollars a second, over the last minute. */
export const pace = () => sum(lately()) / BigInt(WINDOW_S);
