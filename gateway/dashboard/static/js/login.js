// Logging in, with a token that is sent once and kept nowhere.

import { logIn } from "./api.js";
import { h } from "./dom.js";

export function login(then) {
  const wrong = h("p", { class: "bad", role: "alert" });
  const input = h("input", { name: "token", type: "password", autocomplete: "off", required: true, placeholder: "fw-…", "aria-label": "Token" });
  const button = h("button", { class: "main" }, "Log in");

  async function sent(event) {
    event.preventDefault();
    wrong.textContent = "";
    button.disabled = true;
    try {
      await logIn(input.value);
      input.value = "";
      then();
    } catch (error) {
      wrong.textContent = error.message;
      input.select();
    } finally {
      button.disabled = false;
    }
  }
  const own = "Any key sees what it did at the port of calls; one with a role sees more at the port of admins.";
  const page = h("section", { class: "card login" }, h("h1", {}, "Log in"),
    h("p", { class: "quiet" }, "With the token of a key: the first start printed an admin's."),
    h("form", { class: "fields", onsubmit: sent }, h("label", {}, "Token", input), wrong, button),
    h("h3", {}, own));
  queueMicrotask(() => input.focus());
  return page;
}
