// Numbers other than money, moments and lengths of time, as people read them.

const NUMBER = new Intl.NumberFormat("en");
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const count = (number) => NUMBER.format(number);
export const compact = (number) => (number < 10000 ? NUMBER.format(number) : SHORT.format(number));
export const percent = (part) => `${(part * 100).toFixed(part && part < 0.1 ? 1 : 0)} %`;
export const times = (factor) => `${factor.toFixed(factor < 10 ? 2 : 0)}×`;

export function millis(ms) {
  if (ms === null || ms === undefined) return "–";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`;
}

const two = (number) => String(number).padStart(2, "0");

/** The time of day here, with the date where that is another one. */
export function moment(text) {
  if (!text) return "–";
  const at = new Date(text);
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return at.toDateString() === new Date().toDateString() ? time : `${day(at)} ${time.slice(0, 5)}`;
}

export function day(at) {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** How long until then. */
export function until(text) {
  const seconds = Math.max(0, (new Date(text) - Date.now()) / 1000);
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

export const DIMENSIONS = [
  ["team", "Team"], ["key", "Key"], ["model", "Model"], ["provider", "Provider"], ["tier", "Tier"], ["deployment", "Deployment"],
];

export const PERIODS = [["24h", "24 h"], ["7d", "7 days"], ["30d", "30 days"]];

/** Outcomes of entries that are no call: what corrects others, a machine's idle time, training. */
export const NO_CALLS = ["adjusted", "idle", "trained"];

/** A word for an outcome, and how it looks. */
export function outcome(word) {
  const look = { ok: "good", cached: "good", failed: "bad", cut: "bad", unresolved: "bad", stopped: "warn", hung_up: "warn" };
  return [word.replace("_", " "), look[word] ?? ""];
}
