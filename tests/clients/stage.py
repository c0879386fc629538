"""One gateway, one simulated provider that speaks every dialect, the tap before it; and what is known of each call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import harness
from api import Api
from road import Road, eventually, road
from tap import Seen, Tap

MODELS = {
    "chat-sim": ("gpt-5-mini", "openai", "openai-chat"),
    "responses-sim": ("gpt-5-mini", "openai", "openai-responses"),
    "claude-sim": ("claude-haiku-4-5", "anthropic", "anthropic-messages, anthropic-count-tokens"),
    "gemini-sim": ("gemini-2.5-flash", "google", "gemini"),
    "converse-sim": ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "aws", "bedrock-converse"),
    "invoke-sim": ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "aws", "bedrock-invoke"),
}
"""By deployment, a name that edges know what to make of, whose prices it has, and what its provider speaks."""

PROVIDERS = "".join(
    f"  {name}: {{kind: sim, base_url: SIM_URL/v1, key: SECRET, prices: {prices}, dialects: [{dialects}]}}\n"
    for name, (_, prices, dialects) in MODELS.items()
)
CONFIG = f"""
providers:
{PROVIDERS}
models: {{{", ".join(f'{name}: {{deployments: ["{name}/{model}"]}}' for name, (model, *_) in MODELS.items())}}}
routing: {{breaker: {{failures: 1000, open: 1s}}}} # Streams that break here break on purpose.
limits:
  - {{node: "key:*", amount: 5 usd, window: lifetime}}
  - {{node: "team:spent", amount: 1 usd, window: lifetime}}
"""
BAD_KEY = "fw-000000000000-{:043d}"


@dataclass(frozen=True)
class Evidence:
    """What was seen of one key's calls, not by the client."""

    requests: list[Seen]
    entries: list[dict]
    bill: list[dict]
    held: str  # By the key's limit, afterwards.


@dataclass
class Stage:
    """See the module. Keys are made one for each cell of the table, so that evidence can be told apart."""

    way: Road
    tap: Tap
    admin: Api
    ids: dict[str, str] = field(default_factory=dict)  # By key.
    bad: int = 0

    def key(self, kind: str) -> str:
        """A new key of that kind: good, spent or bad."""
        if kind == "bad":
            self.bad += 1
            return BAD_KEY.format(self.bad)
        shown, token = self.admin.key(alias="client", team="spent" if kind == "spent" else "default")
        self.ids[token] = shown["id"]
        return token

    def spend(self) -> None:
        """Exhaust the budget of the team "spent"."""
        self.admin.post("/teams", {"id": "spent"})
        with self.way.client(self.key("spent")) as client:
            said = [{"role": "user", "content": "[[sim: tokens=20]]"}]
            client.chat.completions.create(model="chat-sim", messages=said, max_tokens=20)
        self.way.rest()
        limit = {"node": "team:spent", "amount": "0.000000001 usd", "window": "lifetime"}
        self.admin.ask("PUT", "/limits", limit)

    def evidence(self, keys: list[str]) -> dict[str, Evidence]:
        """By key, once no call is under way."""
        entries, bill = defaultdict(list), defaultdict(list)
        for line in self.way.entries():
            entries[line["key_id"]].append(line)
        eventually(lambda: len(self.way.bill()) >= sum(map(len, entries.values())))
        for line in self.way.bill():
            bill[line["gateway_request_id"]].append(line)
        return {key: self._of(key, entries[self.ids.get(key)], bill) for key in keys}

    def _of(self, key: str, entries: list[dict], bill: dict[str, list[dict]]) -> Evidence:
        billed = [line for entry in entries for line in bill[entry["request_id"]]]
        return Evidence(self.tap.seen[key], entries, billed, self._held(key))

    def _held(self, key: str) -> str:
        if key not in self.ids:
            return "0"
        limits = harness.get(f"{self.way.url}/v1/key", key)["limits"]
        return next(limit["held"] for limit in limits if limit["node"].startswith("key:"))


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """For as long as the block runs."""
    with road(folder, CONFIG) as way:
        tap = Tap(way.url).start()
        try:
            made = Stage(way, tap, Api.of(way, way.admin))
            made.spend()
            yield made
        finally:
            tap.stop()
