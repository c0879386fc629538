// Which page is shown, and to whom.

import { get, logOut, may, onLoggedOut, ownOnly, resume, who } from "./api.js";
import { find, h, say } from "./dom.js";
import { connect, disconnect } from "./live.js";
import { login } from "./login.js";
import { learnNames } from "./names.js";

const PAGES = [
  ["overview", "Overview", () => true],
  ["budgets", "Budgets", () => true],
  ["requests", "Requests", () => true],
  ["health", "Health", () => may("admin", "viewer") && !ownOnly()],
  ["fleet", "GPU fleet", () => fleet],
  ["prices", "Prices", () => may("admin", "viewer") && !ownOnly()],
  ["keys", "Keys", () => !ownOnly()],
  ["limits", "Limits", () => !ownOnly()],
  ["events", "Events", () => may("admin", "viewer") && !ownOnly()],
];

let leave = () => {};
let fleet = false;
let turn = 0; // Of two pages that are asked for in a row the second is shown.

async function show() {
  const mine = ++turn;
  leave();
  leave = () => {};
  const [name, query = ""] = location.hash.replace(/^#\//, "").split("?");
  const allowed = PAGES.filter(([, , shown]) => shown());
  const [page, title] = allowed.find(([page]) => page === name) ?? allowed[0];
  find("nav").replaceChildren(...allowed.map(([each, text]) => h("a", { href: `#/${each}`, "aria-current": each === page ? "page" : null }, text)));
  document.querySelector("header").classList.remove("open");
  find("menu").setAttribute("aria-expanded", "false");
  document.title = `${title} · Fareway`;
  const main = find("main");
  const here = h("div", {});
  try {
    const { open } = await import(`./pages/${page}.js`);
    const left = (await open(here, new URLSearchParams(query))) ?? (() => {});
    if (mine === turn) leave = left;
    else left();
  } catch (error) {
    here.replaceChildren(h("p", { class: "bad", role: "alert" }, error.message));
  }
  if (!who() || mine !== turn) return;
  main.replaceChildren(here);
  main.dataset.page = page;
}

function enter() {
  find("logout").hidden = false;
  find("who").textContent = `${who().alias || who().id} (${who().role})`;
  connect(again);
  Promise.allSettled([probe(), learnNames()]).then(show);
}

/** Live events have ended: whoever is still logged in hears of them again. */
async function again() {
  if (!who()) return;
  try {
    if (await resume()) connect(again);
    else outside();
  } catch {
    setTimeout(again, 2000); // The gateway is away.
  }
}

/** Whether there are engines of ours to be shown. */
async function probe() {
  fleet = may("admin", "viewer") && !ownOnly() && (await get("/fleet")).data.length > 0;
}

function outside() {
  leave();
  leave = () => {};
  disconnect();
  find("logout").hidden = true;
  find("who").textContent = "";
  find("nav").replaceChildren();
  document.title = "Log in · Fareway";
  find("main").replaceChildren(login(enter));
}

const THEMES = ["", "light", "dark"];

function themed(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  find("theme").textContent = `Theme: ${theme || "system"}`;
  localStorage.setItem("fareway-theme", theme);
}

function keys(event) {
  if (event.key !== "/" || event.target.closest("input, select, textarea, dialog")) return;
  const filter = document.querySelector("main input, main select");
  if (filter) {
    event.preventDefault();
    filter.focus();
  }
}

themed(localStorage.getItem("fareway-theme") ?? "");
find("theme").addEventListener("click", () => themed(THEMES[(THEMES.indexOf(localStorage.getItem("fareway-theme")) + 1) % THEMES.length]));
find("logout").addEventListener("click", () => logOut().catch((error) => say(error.message)));
find("menu").addEventListener("click", () => {
  const open = document.querySelector("header").classList.toggle("open");
  find("menu").setAttribute("aria-expanded", String(open));
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // The address says which page is shown.
  find("main").focus();
});
addEventListener("hashchange", () => { if (who()) show(); });
addEventListener("keydown", keys);
onLoggedOut(outside);
resume().then((found) => (found ? enter() : outside()), (error) => { outside(); say(error.message); });
