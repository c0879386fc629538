"""Conversations are spread over places that cost the same, and stay where their prompt is cached: over sockets."""

from __future__ import annotations

from road import road, said

CONFIG = """
providers: {one: {kind: sim, base_url: SIM_URL/v1}, two: {kind: sim, base_url: SIM_URL/v1}}
models: {talk: {deployments: [one/sim-large, two/sim-large], policy: policies.sticky}}
"""
LONG = "Once upon a time there was a gateway that kept its word. " * 400


def told(client, session, messages):
    asking = {"model": "talk", "messages": messages, "max_tokens": 20, "extra_headers": {"x-fareway-session": session}}
    answer = client.chat.completions.with_raw_response.create(**asking)
    spoken = {"role": "assistant", "content": answer.parse().choices[0].message.content}
    place = f"{answer.headers['x-fareway-provider']}/{answer.headers['x-fareway-model']}"
    return place, answer.headers["x-fareway-route-reason"], spoken


def test_a_conversation_begins_somewhere_and_stays_there(tmp_path):
    homes = set()
    options = ("--tokens-per-second", "0", "--first-token-ms", "0")
    with road(tmp_path, CONFIG, *options) as way, way.client() as client:
        for number in range(10):
            messages = said(f"{number}. {LONG}")
            home, reason, spoken = told(client, f"talk-{number}", messages)
            assert reason.startswith(f"begins at {home}: about $")
            homes.add(home)
            for turn in range(2):
                messages += [spoken, *said(f"And then, {turn}?")]
                place, reason, spoken = told(client, f"talk-{number}", messages)
                assert place == home
                assert reason.startswith(f"stays at {home}: about $")
    assert homes == {"one/sim-large", "two/sim-large"}
