// Dialogs: asking for words, for a yes, and showing a token once.

import { h, say } from "./dom.js";

export function show(dialog) {
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.showModal();
  return dialog;
}

/** Ask for some fields: [{name, label, value, choices, hint, required}]. `send` may throw what is shown then. */
export function form(title, fields, button, send) {
  const wrong = h("p", { class: "bad", role: "alert" });
  const inputs = fields.map((field) => h("label", {}, field.label,
    field.choices
      ? h("select", { name: field.name }, field.choices.map((choice) => h("option", { value: choice, selected: choice === field.value }, choice || "none")))
      : h("input", { name: field.name, value: field.value ?? "", placeholder: field.hint ?? "", required: field.required, autocomplete: "off" })));
  const dialog = h("dialog", { "aria-label": title });
  dialog.append(h("h2", {}, title), h("form", { class: "fields", onsubmit: sent }, inputs, wrong,
    h("div", { class: "buttons" }, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), h("button", { class: "main" }, button))));

  async function sent(event) {
    event.preventDefault();
    wrong.textContent = "";
    try {
      await send(Object.fromEntries(new FormData(event.target)));
      dialog.close();
    } catch (error) {
      wrong.textContent = error.message;
    }
  }
  return show(dialog);
}

/** Ask whether that is meant. */
export const sure = (title, text, button, then) => form(title, [], button, then).querySelector("form").prepend(h("p", {}, text));

/** A token, which nobody will show again. */
export function once(title, token) {
  const dialog = h("dialog", { "aria-label": title });
  const copy = () => navigator.clipboard?.writeText(token).then(() => say("Copied."));
  dialog.append(h("h2", {}, title), h("p", { class: "quiet" }, "Shown now, and never again."), h("code", { class: "token" }, token),
    h("div", { class: "buttons" }, h("button", { type: "button", onclick: copy }, "Copy"), " ", h("button", { class: "main", type: "button", onclick: () => dialog.close() }, "Done")));
  return show(dialog);
}
