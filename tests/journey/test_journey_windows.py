"""Rolling windows and thresholds in a running gateway: what is told, where, how often, and what a restart finds."""

import json
import time
from decimal import Decimal

import openai
import pytest
from road import NANOS, PROVIDERS, eventually, road, spent
from test_journey_pages import Watcher, said

CALL = {"model": "sim-small", "messages": said("Hello!")}
LIMITS = """limits:
  - {node: "team:*", amount: $1, window: rolling 1h, alert: [1%, 2%]}
  - {node: "team:*", amount: 4 requests, window: month, start: 15 09:00, alert: [50%, 100%]}
  - {node: "key:*", amount: 2 requests, window: rolling 10s}
"""


def call(way, key):
    with way.client(key) as client:
        return client.chat.completions.create(**CALL)


def events(way):
    return json.loads(way.command("limits", "events", "--config", "fareway.yaml", "--format", "json"))


def test_a_threshold_is_told_once_on_every_channel_and_not_again_after_a_restart(tmp_path):
    with road(tmp_path, PROVIDERS + LIMITS) as way:
        keys = [way.key("--team", "told") for _ in range(3)]
        admin, own = Watcher(way, way.admin), Watcher(way, keys[0])
        call(way, keys[0])
        assert events(way) == []
        call(way, keys[0])
        eventually(lambda: any("percent" in event for event in admin.events))
        call(way, keys[1])
        call(way, keys[1])
        eventually(lambda: sum("percent" in event for event in admin.events) == 2)
        for watcher in (admin, own):
            watcher.close()
        assert not any("percent" in event for event in own.events), "only admins watch limits"
        seen = [event for event in admin.events if "percent" in event]
        assert [(event["percent"], event["spent"]) for event in seen] == [(50, "2 requests"), (100, "4 requests")]
        assert [event["name"] for event in events(way)] == [event["name"] for event in seen]
        for threshold in ("50%", "100%"):
            assert way.metric("fareway_limit_thresholds_total", limit="team:*/requests/month", threshold=threshold) == 1
        assert "team:told has spent 50 % of its limit (month): 2 requests of 4 requests." in way.gate.stderr
        assert seen[0]["resets_at"].endswith("-15T09:00:00+00:00")
        table = way.command("limits", "events", "--config", "fareway.yaml")
        assert "team:told" in table
        assert "50%" in table
        assert way.gate.stop() == 0
        way.gate.start()
        with pytest.raises(openai.RateLimitError):
            call(way, keys[2])
        eventually(lambda: way.metric("fareway_limit_spent", limit="team:*/requests/month") == 4)
        time.sleep(1)
        assert len(events(way)) == 2
        assert way.metric("fareway_limit_thresholds_total", limit="team:*/requests/month", threshold="50%") == 0


def test_a_rolling_window_frees_what_it_leaves_behind_and_outlives_a_kill(tmp_path):
    with road(tmp_path, PROVIDERS + LIMITS) as way:
        key = way.key("--team", "rolling")
        call(way, key)
        begun = time.monotonic()
        call(way, key)
        way.rest()
        way.gate.kill()
        way.gate.start()
        if time.monotonic() - begun < 8:  # Unless the machine is too busy to tell.
            with pytest.raises(openai.RateLimitError) as refused:
                call(way, key)
            assert "rolling 10s" in refused.value.message
            assert refused.value.body["code"] == "rate_limit_exceeded"
            assert 1 <= int(refused.value.response.headers["retry-after"]) <= 12

        def free():
            try:
                return call(way, key)
            except openai.RateLimitError:
                return False

        waited = eventually(free)
        assert time.monotonic() - begun > 9.9, waited
        way.rest()
        assert way.metric("fareway_drift_units") == 0
        own = [amount for name, amount in way.balances().items() if name.startswith("team:rolling/usd/rolling 1h@")]
        assert sum(own) == spent(way.entries()) * NANOS > Decimal(0)
