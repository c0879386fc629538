// Elements, made from text and never from markup: whatever a name holds, it is shown as it is.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, given, children) {
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An HTML element with attributes, listeners (`onclick`) and children: nodes or text. */
export const h = (name, given, ...children) => filled(document.createElement(name), given, children);

/** The same in SVG. */
export const s = (name, given, ...children) => filled(document.createElementNS(SVG, name), given, children);

export const find = (id) => document.getElementById(id);

/** Tell something in passing, also to those who cannot see. */
export function say(text) {
  const place = find("said");
  place.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { place.textContent = ""; }, 5000);
}

/** One of several, pressed: for periods and dimensions. */
export function tabs(label, choices, chosen, choose) {
  const buttons = choices.map(([value, text]) => h("button", {
    type: "button",
    "aria-pressed": String(value === chosen),
    onclick: (event) => {
      for (const button of buttons) button.setAttribute("aria-pressed", String(button === event.currentTarget));
      choose(value);
    },
  }, text));
  return h("div", { class: "tabs", role: "group", "aria-label": label }, buttons);
}

/** A card with a heading. */
export const card = (title, beside, ...children) =>
  h("section", { class: "card" }, h("div", { class: "top" }, h("h2", {}, title), beside), ...children);
