"""A gateway with something to look at, and a browser that looks at it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

try:
    from playwright.sync_api import Browser, Page, sync_playwright
except ImportError:  # Without it these tests are skipped.
    sync_playwright = None

CHROMIUM = shutil.which("chromium")
PATIENCE_MS = 20_000
PAGES = ("overview", "budgets", "requests", "health", "prices", "keys", "limits", "events")

CONFIG = """
providers:
  sim: {base_url: SIM_URL/v1}
models:
  assistant: {deployments: [sim/sim-large, sim/sim-medium, sim/sim-small]}
limits:
  - {node: all, amount: 1000 usd, window: month}
  - {node: "team:*", amount: 40 usd, window: month}
  - {node: "key:*", amount: 5 usd, window: day}
  - {node: all, amount: 5000000 tokens, window: day, mode: soft}
"""

LISTENING = """
window.cspViolations = [];
document.addEventListener("securitypolicyviolation", (event) => window.cspViolations.push(event.violatedDirective));
"""


GO = """(hash) => {
    document.getElementById("main").removeAttribute("data-page");
    if (location.hash === hash) dispatchEvent(new HashChangeEvent("hashchange"));
    else location.hash = hash;
}"""
"""Whoever waits for the page then waits for the one that is asked for."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's, without a window. The tests are skipped where it is not installed, and fail in CI."""
    if sync_playwright is None or CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("playwright or chromium is not installed: scripts/setup-browser.sh")
        pytest.skip("playwright or chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Looked:
    """A page of a browser, and what it did that it should not have."""

    page: Page
    url: str  # Where the dashboard is.
    errors: list[str] = field(default_factory=list)  # Of the console, and what was thrown.
    foreign: list[str] = field(default_factory=list)  # Requests that left the gateway.
    sizes: dict[str, int] = field(default_factory=dict)  # Bytes that came over the wire, by URL.

    def log_in(self, token: str) -> None:
        """Through the form."""
        self.page.goto(self.url)
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Log in", exact=True).click()
        self.page.locator("main[data-page] h1").wait_for()

    def open(self, name: str) -> None:
        """One of the pages, once it is there."""
        self.page.evaluate(GO, f"#/{name}")
        self.page.locator(f'main[data-page="{name}"] h1').wait_for()

    @property
    def violations(self) -> list[str]:
        """Of the content security policy, on the page that is open."""
        return self.page.evaluate("window.cspViolations")


def look(browser: Browser, url: str, **options) -> Looked:
    """A browser of its own: no cookie of another one."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, **options)
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(LISTENING)
    page = context.new_page()
    looked = Looked(page, url)
    host = url.split("/dashboard", maxsplit=1)[0]

    def asked(request) -> None:
        if not request.url.startswith((host, "data:")):
            looked.foreign.append(request.url)

    def answered(request) -> None:
        sizes = request.sizes()
        looked.sizes[request.url] = sizes["responseBodySize"] + sizes["responseHeadersSize"]

    page.on("request", asked)
    page.on("requestfinished", answered)
    page.on("console", lambda said: looked.errors.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: looked.errors.append(str(error)))
    return looked


def chat(client, model: str = "sim-small", words: str = "Hello!", **more) -> None:
    """One small call, whose answer nobody reads."""
    client.chat.completions.create(model=model, messages=[{"role": "user", "content": words}], **more)


def told(value: object) -> str:
    """For a message."""
    return json.dumps(value, indent=1)[:2000]
