"""A running gateway tells what happens: budgets, deployments that fail, keys; and the command line tries it."""

import json

import openai
import pytest
from hook import Hook
from road import PROVIDERS, eventually, road

CONFIG = f"""{PROVIDERS}
models:
  gone: {{deployments: [away/x]}}
routing: {{retry: {{rounds: 0}}, breaker: {{failures: 1, open: 60s}}}}
prices:
  overrides: [{{provider: away, model: x, input: 1/M, output: 1/M}}]
limits:
  - {{node: all, amount: 0.0001 usd, window: lifetime, mode: soft, alert: [1%, 100%]}}
alerts:
  - {{to: "HOOK", secret: "${{SIGN}}", private: true, name: ops}}
""".replace("providers:\n", "providers:\n  away: {base_url: 'http://127.0.0.1:9/v1'}\n", 1)


@pytest.fixture
def hook():
    found = Hook()
    yield found
    found.stop()


def test_what_happens_is_told(tmp_path, hook, monkeypatch):
    monkeypatch.setenv("SIGN", "a secret")
    with road(tmp_path, CONFIG.replace("HOOK", hook.url)) as way:
        client = way.client()
        client.chat.completions.create(model="sim-large", messages=[{"role": "user", "content": "hi " * 50}])
        with pytest.raises(openai.APIError):
            client.chat.completions.create(model="gone", messages=[{"role": "user", "content": "hi"}], max_tokens=1)
        way.key("bob")

        def kinds():
            return {json.loads(body)["type"] for _, body in hook.got}

        wanted = {"budget.threshold", "budget.exceeded", "provider.down", "key.created"}
        eventually(lambda: wanted <= kinds())
        assert all(headers["webhook-signature"].startswith("v1,") for headers, _ in hook.got)
        assert len({headers["webhook-id"] for headers, _ in hook.got}) == len(hook.got)
        told = way.command("alerts", "history", "--format", "json", output=True)
        assert wanted <= {row["kind"] for row in json.loads(told) if row["state"] == "delivered"}
        assert way.metric("fareway_alerts_total", kind="budget.exceeded", outcome="sent") == 1


def test_a_trial_goes_to_every_target_and_says_what_went_wrong(tmp_path, hook):
    config = f"""{PROVIDERS}
alerts:
  - {{to: "{hook.url}", private: true, name: here}}
  - {{to: "http://127.0.0.1:9/", private: true, name: there}}
"""
    with road(tmp_path, config) as way:
        out = way.command("alerts", "test", status=1, output=True)
        assert "here: sent" in out
        assert "there: not reached" in out
        assert "test" in {json.loads(body)["type"] for _, body in hook.got}
        way.command("alerts", "test", "here")
        way.command("alerts", "test", "nobody", status=3)
