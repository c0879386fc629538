"""Engines of one's own on the screen: two simulated ones, one of which is drained there."""

from contextlib import ExitStack

import harness
import pytest
from api import Api
from dashboard import told
from road import road

ENGINE = r"(http://127\.0\.0\.1:\d+)"

CONFIG = """
providers:
  sim: {{base_url: SIM_URL/v1}}
  local:
    kind: vllm
    base_urls: ["{0}/v1", "{1}/v1"]
    gpu: {{type: h100, price: 2.50/h}}
models:
  llama: {{deployments: [local/sim-8b]}}
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """A gateway with two engines that it knows to be ready, and some calls there."""
    folder = tmp_path_factory.mktemp("fleet")
    with ExitStack() as stack:
        engines = []
        for number in range(2):
            arguments = ["sim", "--engine", "vllm", "--port", "0", "--speed", "200"]
            engine = harness.Process(arguments, folder / f"engine-{number}", ENGINE).start()
            stack.callback(engine.stop)
            engines.append(engine.url)
        way = stack.enter_context(road(folder, CONFIG.format(*engines)))
        yield way, Api.of(way, way.admin)


def test_engines_are_seen_and_drained(fleet, open_as):
    way, admin = fleet
    looked = open_as(admin.url.removesuffix("/admin/v1") + "/dashboard", way.admin)
    page = looked.page
    looked.open("fleet")
    page.locator("main tbody .tag.good").nth(1).wait_for()
    with way.client() as client:
        for _ in range(4):
            client.chat.completions.create(model="llama", messages=[{"role": "user", "content": "Hi"}], max_tokens=20)
    page.get_by_text("$5.00").wait_for()
    first = page.locator("main tbody tr").first
    first.get_by_text("1 × ").wait_for()
    first.get_by_role("button", name="Drain").click()
    page.locator("dialog").get_by_role("button", name="Drain").click()
    first.get_by_text("draining").wait_for()
    first.get_by_role("button", name="Resume").click()
    first.get_by_text("ready").wait_for()
    page.set_viewport_size({"width": 360, "height": 740})
    width, shown = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width <= shown
    assert not looked.violations
    assert not looked.errors, told(looked.errors)
