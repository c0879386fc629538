// Money is a whole number of pico-dollars, as in the gateway: no float comes near it.

const DIGITS = 12;
export const DOLLAR = 10n ** 12n;
export const NANO = 1000n;

/** Decimal text of dollars as pico-dollars; null stays null. */
export function picos(text) {
  if (text === null || text === undefined) return null;
  const [, sign, whole, fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  const found = BigInt(whole + fraction.slice(0, DIGITS).padEnd(DIGITS, "0"));
  return sign ? -found : found;
}

function grouped(digits) {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

function rounded(amount, places) {
  const step = 10n ** BigInt(DIGITS - places);
  const units = (amount + step / 2n) / step;
  const text = units.toString().padStart(places + 1, "0");
  const whole = grouped(text.slice(0, text.length - places));
  return places ? `${whole}.${text.slice(text.length - places)}` : whole;
}

/** For reading: two decimals from a dollar on, else enough that three digits tell something. */
export function usd(amount) {
  if (amount === null) return "unknown";
  const sign = amount < 0n ? "−" : "";
  const size = amount < 0n ? -amount : amount;
  if (size === 0n) return "$0.00";
  if (size >= DOLLAR) return `${sign}$${rounded(size, 2)}`;
  const leading = DIGITS - size.toString().length;
  return `${sign}$${rounded(size, Math.min(DIGITS, Math.max(4, leading + 3))).replace(/(\.\d\d\d*?)0+$/, "$1")}`;
}

/** Every digit. */
export function exact(amount) {
  if (amount === null) return "No price is known.";
  const size = amount < 0n ? -amount : amount;
  const text = size.toString().padStart(DIGITS + 1, "0");
  const fraction = text.slice(-DIGITS).replace(/0+$/, "").padEnd(2, "0");
  return `${amount < 0n ? "−" : ""}$${grouped(text.slice(0, -DIGITS))}.${fraction}`;
}

export const sum = (amounts) => amounts.reduce((all, one) => all + (one ?? 0n), 0n);

/** How much of the whole, 0 to 1: for lengths on the screen alone. */
export function share(part, whole) {
  if (whole <= 0n || part <= 0n) return 0;
  return Math.min(1, Number((part * 100000n) / whole) / 100000);
}

/** An amount of a limit as a whole number of its smallest unit: pico-dollars, or a count. */
export const amountOf = (text, unit) => (unit === "usd" ? picos(text) : BigInt(text));

export const shownAmount = (amount, unit) => (unit === "usd" ? usd(amount) : `${grouped(amount.toString())}`);
