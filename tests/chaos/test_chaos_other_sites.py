"""S8: what a page of another site can do in the browser of an admin who is logged in. Debian's Chromium, and its rules.

Twice: from `localhost`, which is another site, and from another port of 127.0.0.1, which is another origin of the same
site, so that the browser sends the cookie along in spite of SameSite.
"""

import pytest
from api import Api
from browsers import LACKING, another_site
from dashboard import CONFIG, chat, chromium, look
from road import road

TARGET = "0 state changes, 0 answers read, 0 CORS headers"

ATTACKS = """async ({admin, calls, key}) => {
    const tried = [], read = [];
    const body = JSON.stringify({alias: "stolen", role: "admin"});
    const limit = JSON.stringify({node: "all", amount: "1 usd", window: "day"});
    async function ask(url, options) {
        for (const mode of ["cors", "no-cors"]) {
            tried.push(`${mode} ${options.method || "GET"} ${url}`);
            try {
                const answer = await fetch(url, {credentials: "include", mode, ...options});
                if (answer.type !== "opaque") read.push([url, mode, answer.status]);
            } catch (error) { /* As it should be. */ }
        }
    }
    for (const base of [`${admin}/dashboard/api`, `${admin}/admin/v1`, `${calls}/dashboard/api`]) {
        for (const path of ["/keys", "/limits", "/usage", "/requests", "/live", "/audit"]) await ask(base + path, {
            signal: AbortSignal.timeout(2000)});
        for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/json"]) {
            await ask(`${base}/keys`, {method: "POST", body, headers: {"Content-Type": type}});
            await ask(`${base}/keys/${key}/revoke`, {method: "POST", body: "", headers: {"Content-Type": type}});
            await ask(`${base}/keys/${key}/rotate`, {method: "POST", body: "{}", headers: {"Content-Type": type}});
        }
        await ask(`${base}/limits`, {method: "PUT", body: limit});
        await ask(`${base}/keys/${key}`, {method: "PATCH", body});
        await ask(`${base}/keys`, {method: "POST", body, headers: {"x-fareway-csrf": "0".repeat(64)}});
        await ask(`${base}/keys`, {method: "POST", body, headers: {"X-HTTP-Method-Override": "GET"}});
        navigator.sendBeacon(`${base}/keys`, body);
        navigator.sendBeacon(`${base}/keys/${key}/revoke`, new Blob(["{}"], {type: "text/plain"}));
        tried.push("beacons", "beacons");
    }
    for (const base of [admin, calls]) {
        await ask(`${base}/dashboard/session`, {});
        await ask(`${base}/dashboard/session`, {method: "DELETE"});
        await ask(`${base}/dashboard/session`, {method: "POST", body: JSON.stringify({token: "fw-x"})});
    }
    await ask(`${calls}/v1/chat/completions`, {method: "POST", body: '{"model": "assistant", "messages": []}'});
    await ask(`${calls}/v1/key`, {});
    function form(action, name, value, target) {
        const made = document.createElement("form");
        Object.assign(made, {action, method: "post", enctype: "text/plain", target});
        const input = document.createElement("input");
        Object.assign(input, {name, value, type: "hidden"});
        made.append(input);
        document.body.append(made);
        made.submit();
        tried.push(`form ${action}`);
    }
    for (const base of [`${admin}/dashboard/api`, `${calls}/dashboard/api`]) {
        form(`${base}/keys`, '{"alias": "stolen", "x": "', '"}', "sink");
        await new Promise((done) => setTimeout(done, 300));
        form(`${base}/keys/${key}/revoke`, "", "", "sink");
        await new Promise((done) => setTimeout(done, 300));
    }
    for (const kind of ["img", "script", "link"]) {
        for (const path of ["/keys", `/keys/${key}/revoke`, `/keys/${key}/rotate`]) {
            const made = document.createElement(kind);
            const arrived = new Promise((done) => {
                made.onload = () => { read.push([path, kind, "loaded"]); done(); };
                made.onerror = done;
                setTimeout(done, 1000);
            });
            if (kind === "link") Object.assign(made, {rel: "stylesheet", href: `${admin}/dashboard/api${path}`});
            else made.src = `${admin}/dashboard/api${path}`;
            document.body.append(made);
            await arrived;
            tried.push(`${kind} ${path}`);
        }
    }
    for (const url of [`${admin}/dashboard/api/live`, `${calls}/live`, `${calls}/dashboard/api/live`]) {
        const feed = new EventSource(url, {withCredentials: true});
        feed.onopen = () => read.push([url, "EventSource", "opened"]);
        await new Promise((done) => setTimeout(done, 500));
        feed.close();
        const socket = new WebSocket(url.replace("http", "ws"));
        socket.onopen = () => read.push([url, "WebSocket", "opened"]);
        await new Promise((done) => setTimeout(done, 500));
        socket.close();
        tried.push(`EventSource ${url}`, `WebSocket ${url}`);
    }
    const popup = window.open(`${admin}/dashboard`);
    const frame = document.createElement("iframe");
    frame.src = `${admin}/dashboard`;
    document.body.append(frame);
    await new Promise((done) => setTimeout(done, 1500));
    if (popup && !popup.closed) read.push(["window.open", "popup", "kept its opener"]);
    tried.push("popup", "frame");
    return {tried, read};
}"""

INLINE = """() => {
    const script = document.createElement("script");
    script.textContent = "window.__ran = 1";
    document.body.append(script);
    const image = document.createElement("img");
    image.setAttribute("onerror", "window.__ran = 1");
    image.src = "/nothing";
    document.body.append(image);
    return new Promise((done) => setTimeout(() => done(Boolean(window.__ran)), 500));
}"""


def state(admin):
    """All that an admin could change, and how often that was done."""
    return {name: admin.get(f"/{name}?limit=200")["data"] for name in ("keys", "limits", "teams", "audit")}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_page_of_another_site_changes_and_reads_nothing(tmp_path, shown, full, host):
    if host == "localhost" and not full:
        pytest.skip("the page that gets the cookie sent along is the harder one")
    how = f"a page at {host}, another {'site' if host == 'localhost' else 'origin of the same site'}"
    if LACKING:
        shown.untried("S8", how, target=TARGET, lacking=LACKING)
    with road(tmp_path, CONFIG) as way, another_site() as port, chromium() as browser:
        admin = Api.of(way, way.admin)
        key, token = admin.key(alias="victim")
        with way.client(token) as client:
            chat(client)
        url = admin.url.removesuffix("/admin/v1")
        looked = look(browser, f"{url}/dashboard")
        looked.log_in(way.admin)
        allowed, statuses = [], set()
        evil = looked.page.context.new_page()
        evil.on("response", lambda answer: statuses.add((answer.url.removeprefix(url), answer.status)))
        evil.on("response", lambda answer: allowed.extend(h for h in answer.headers if h.startswith("access-control")))
        before = state(admin)
        evil.goto(f"http://{host}:{port}/")
        found = evil.evaluate(ATTACKS, {"admin": url, "calls": way.url, "key": key["id"]})
        frames = [frame.url for frame in evil.frames if "/dashboard" in frame.url and frame.title()]
        changed = [name for name, was in state(admin).items() if was != before[name]]
        read = found["read"] + frames
        looked.page.reload()
        looked.page.locator("main[data-page] h1").wait_for()  # Still logged in.
        cookie = next(one for one in looked.page.context.cookies() if one["name"] == "fareway_session")
        ran = looked.page.evaluate(INLINE)
        policy = looked.page.request.get(f"{url}/dashboard").headers["content-security-policy"]
        looked.page.context.close()
    with_cookie = ("/dashboard/api/keys", 200) in statuses  # Answered, and not shown to the page.
    assert with_cookie is (host == "127.0.0.1"), statuses
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/dashboard")
    assert "unsafe" not in policy
    assert not ran, "an inline script ran in the dashboard"
    figure = f"{len(changed)} state changes, {len(read)} answers read, {len(allowed)} CORS headers "
    figure += f"in {len(found['tried'])} attacks; inline scripts run: {int(ran)}"
    met = not (changed or read or allowed)
    shown("S8", how, figure, target=TARGET, met=met, read=read, changed=changed, allowed=allowed)
