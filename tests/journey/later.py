"""A gateway that takes calls with deadlines, before a provider that answers at once, in a flex tier and in batches."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import harness
from batch_provider import KEY, BatchProvider
from road import PATIENCE_S, Road, assert_in_order, entries, eventually

CONFIG = """
providers:
  openai: {base_url: "URL", key: SECRET}
  anthropic: {base_url: "URL", key: SECRET}
  plain: {base_url: "URL", key: SECRET, prices: openai}
  own: {base_url: "URL", key: SECRET, prices: openai, selfhosted: true}
models:
  own: {deployments: [own/gpt-4o-mini]}
  plain: {deployments: [plain/gpt-4o-mini]}
  mini: {deployments: [openai/gpt-4o-mini]}
  flexible: {deployments: [openai/gpt-5-mini]}
  clever: {deployments: [anthropic/claude-sonnet-4-5]}
limits:
  - {node: "team:poor", amount: 0.012 usd, window: month}
  - {node: "team:lean", amount: 0.012 usd, window: month}
deferred: {margin: 100ms, batch: 1s, collect: 500ms, waiting: 20, private_webhooks: true}
"""


class LaterRoad(Road):
    """See the module."""

    def ask(self, method: str, path: str, body: object = None, key: str | None = None, **headers: str):
        """Status, headers and JSON."""
        shown = {"Authorization": f"Bearer {key or self.first}", "content-type": "application/json"}
        shown |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, shown, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, dict(answer.headers), json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), json.load(error)

    def later(self, model: str = "mini", deadline: str = "2h", key: str | None = None, cap: int = 100, **headers: str):
        """The id of a chat that has time."""
        body = {"model": model, "max_completion_tokens": cap, "messages": [{"role": "user", "content": "Hello"}]}
        told = self.ask("POST", "/v1/chat/completions", body, key, x_fareway_deadline=deadline, **headers)
        assert told[0] == 202, told
        return told[2]["id"]

    def told(self, name: str, key: str | None = None) -> dict:
        """How it stands."""
        status, _, document = self.ask("GET", f"/v1/requests/{name}", key=key)
        assert status == 200, document
        return document

    def over(self, name: str, key: str | None = None) -> dict:
        """The same once it has ended."""
        eventually(lambda: self.told(name, key)["status"] not in ("waiting", "running"), 60)
        return self.told(name, key)

    def lines(self, name: str) -> list[dict]:
        """Of the ledger, for every time that it was asked."""
        return [line for line in entries(self.gate.home) if line["request_id"].startswith(f"{name}-")]


@contextmanager
def later_road(folder: Path, provider: BatchProvider, config: str = CONFIG, *options: str) -> Iterator[LaterRoad]:
    """For as long as the block runs. `options` are the gateway's."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = folder / "secret"
    secret.write_text(KEY)
    config = config.replace("URL", provider.url).replace("SECRET", f'"${{file:{secret}}}"')
    gate = harness.gateway(folder / "gate", config, *options)
    road = LaterRoad(None, gate, *gate.tokens)
    try:
        yield road
    finally:
        status = road.gate.stop()
    assert status == 0, road.gate.stderr
    assert_in_order(road.gate.stderr)
