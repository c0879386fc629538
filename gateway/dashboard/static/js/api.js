// Asking the gateway: below one address, by the session's cookie, and what proves that a change is meant.

const API = "/dashboard/api";
const SESSION = "/dashboard/session";

let session = null;
let loggedOut = () => {};

/** Something was refused: its text is for people. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, method = "GET", body = undefined) {
  const headers = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET" && session) headers["x-fareway-csrf"] = session.csrf;
  const said = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  if (said.status === 204) return null;
  const told = await said.json().catch(() => ({}));
  if (said.ok) return told;
  if (said.status === 401 && path !== SESSION) loggedOut();
  throw new Refused(said.status, told.error?.message ?? `The gateway answered ${said.status}.`);
}

const queried = (path, query) => {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
};

export const get = (path, query) => ask(API + queried(path, query));
export const post = (path, body = {}) => ask(API + path, "POST", body);
export const put = (path, body) => ask(API + path, "PUT", body);
export const patch = (path, body) => ask(API + path, "PATCH", body);
export const remove = (path) => ask(API + path, "DELETE");

/** All pages of a list; of a very long one the first thousand. */
export async function all(path, query = {}) {
  const found = [];
  let cursor = "";
  do {
    const page = await get(path, { ...query, limit: 200, cursor });
    found.push(...page.data);
    cursor = page.next;
  } while (cursor && found.length < 1000);
  return found;
}

export const who = () => session;
export const may = (...roles) => roles.includes(session?.role);
export const ownOnly = () => session?.pages === "own";

export function onLoggedOut(then) {
  loggedOut = () => {
    session = null;
    then();
  };
}

/** Who is logged in; null for nobody. */
export async function resume() {
  const found = await ask(SESSION);
  session = found;
  return session;
}

export async function logIn(token) {
  session = await ask(SESSION, "POST", { token });
  return session;
}

export async function logOut() {
  await ask(SESSION, "DELETE");
  loggedOut();
}
