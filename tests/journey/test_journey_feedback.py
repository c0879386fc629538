"""Callers rate answers; the ledger keeps what they say, and a router that does not pay is switched off by it."""

import json
import sqlite3
import sys
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from gateway.core.rating import Decided
from gateway.difficulty.model import CLUSTERS
from gateway.journey.booking import Booking

sys.path[:0] = [str(Path(__file__).parents[1] / "admin")]

from api import Api  # noqa: E402
from road import PATIENCE_S, PROVIDERS, eventually, road, said  # noqa: E402

POLICY = '''
"""Everything to the cheapest, as if it were as good."""

from gateway.core.route import Decision

READS = ("success",)


def choose(request, candidates, context):
    plan = sorted(candidates, key=lambda c: (c.cost_likely, c.name))
    return Decision(tuple(plan), f"careless: {plan[0].name}, success {plan[0].success}")
'''
CONFIG = """
providers: {sim: {base_url: SIM_URL/v1}}
tiers: {premium: [sim/sim-large], economy: [sim/sim-small]}
auto: {policy: careless_policy}
"""
GUARDED = CONFIG + "routing: {guard: {hold_back: 50%, worth: 0.01 usd}}\n"


def careless(folder, config):
    """A gateway whose policy is somebody's own."""
    (folder / "gate").mkdir(parents=True)
    (folder / "gate" / "careless_policy.py").write_text(POLICY)
    return road(folder, config)


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with careless(tmp_path_factory.mktemp("feedback"), GUARDED) as found:
        yield found


def rate(way, key, body, *, method="POST", google=False, **headers):
    """The status and the document that feedback is answered with."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    shown = {"x-goog-api-key": key} if google else {"Authorization": f"Bearer {key}"}
    headers = shown | {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"{way.url}/v1/feedback", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def call(way, model="auto", key=None):
    """The name of a request, and its answer."""
    with way.client(key) as client:
        answer = client.chat.completions.with_raw_response.create(model=model, messages=said("Hello"))
    return answer.headers["x-fareway-request-id"], answer


def kept(way):
    """What the ledger has, by request."""
    with closing(sqlite3.connect(way.gate.home / "ledger.db")) as database:
        database.row_factory = sqlite3.Row
        return {row["request_id"]: dict(row) for row in database.execute("SELECT * FROM feedback")}


def test_an_answer_is_rated_and_the_last_word_counts(way):
    name, _ = call(way)
    (line,) = way.entries_of(name)
    model, arm = line["model"], line["entry"]["arm"]
    for score, number in ((True, 1.0), (0.25, 0.25), (0.25, 0.25)):
        status, told = rate(way, way.first, {"request_id": name, "score": score})
        expected = {
            "object": "fareway.feedback",
            "request_id": name,
            "score": number,
            "provider": "sim",
            "model": model,
        }
        assert (status, told) == (200, expected)
    row = kept(way)[name]
    assert (row["score"], row["cost_picos"], row["arm"]) == (0.25, line["cost_picos"], arm)
    assert row["cluster"] == line["entry"]["cluster"] in range(CLUSTERS)
    assert way.metric("fareway_feedback_total", arm=arm) >= 3


def test_an_entry_says_who_decided_and_what_was_compared(way):
    arms = {}
    for _ in range(20):
        name, answer = call(way)
        (line,) = way.entries_of(name)
        entry, reason = line["entry"], answer.headers["x-fareway-route-reason"]
        assert entry["policy"] == "careless_policy"
        assert reason == entry["reason"]
        arms[entry["arm"]] = (line["model"], reason)
    assert {arm: model for arm, (model, _) in arms.items()} == {"routed": "sim-small", "held back": "sim-large"}
    assert arms["routed"][1].startswith("careless: sim/sim-small")
    assert arms["held back"][1].startswith("held back to compare: sim/sim-large; router on")
    document = way.document(name)["entries"][0]
    assert (document["policy"], document["arm"]) == ("careless_policy", entry["arm"])
    assert document["cluster"] == entry["cluster"] in range(CLUSTERS)


def test_a_call_for_one_model_is_not_compared_and_may_be_rated(way):
    name, answer = call(way, "sim-small")
    assert rate(way, way.first, {"request_id": answer.parse().id, "score": 1})[1]["request_id"] == name
    assert kept(way)[name]["arm"] == ""


def test_only_who_sees_a_call_may_rate_it(way):
    name, _ = call(way)
    assert rate(way, way.key(), {"request_id": name, "score": 1})[0] == 404
    assert name not in kept(way)
    assert rate(way, way.admin, {"request_id": name, "score": 1})[0] == 200
    assert rate(way, "fw-nobody", {"request_id": name, "score": 1})[0] == 401


@pytest.mark.parametrize(
    ("body", "status", "part"),
    [
        (b"{", 400, "like"),
        (b'{"request_id": "\xd6", "score": 1}', 400, "like"),
        ({"request_id": "req_1"}, 400, "score"),
        ({"request_id": "req_1", "score": 2}, 400, "0 to 1"),
        ({"request_id": "req_1", "score": -0.1}, 400, "0 to 1"),
        ({"request_id": "req_1", "score": "good"}, 400, "score"),
        ({"request_id": "req_1", "score": 1, "comment": "…"}, 400, "comment"),
        ({"request_id": "req_1", "score": 1}, 404, "No such request"),
        ({"request_id": "", "score": 1}, 404, "No such request"),
        ({"request_id": "r" * 5000, "score": 1}, 413, "body"),
    ],
)
def test_what_is_wrong_is_said_in_the_dialect_of_who_asks(way, body, status, part):
    code, told = rate(way, way.first, body)
    assert (code, "error" in told) == (status, True)
    assert part in told["error"]["message"]
    code, told = rate(way, way.first, body, anthropic_version="2023-06-01")
    assert (code, told["type"]) == (status, "error")
    code, told = rate(way, way.first, body, google=True)
    assert (code, told["error"]["code"]) == (status, status)


def test_it_is_posted(way):
    assert rate(way, way.first, b"", method="GET")[0] == 405


def test_what_was_given_no_answer_cannot_be_rated(tmp_path):
    with road(tmp_path, PROVIDERS) as way:
        with way.client() as client, pytest.raises(Exception):  # noqa: B017 - whichever error the client makes of it
            client.chat.completions.create(model="sim-small", messages=said("[[sim: cut=1]]"))
        lines = way.entries()
        for line in lines:
            assert line["outcome"] == "failed"
            assert rate(way, way.first, {"request_id": line["request_id"], "score": 0})[0] == 400


def test_a_router_that_does_not_pay_is_switched_off_and_stays_off_over_a_restart(tmp_path):
    with careless(tmp_path, GUARDED) as way:
        assert way.metric("fareway_router_on") == 1
        for number in range(300):
            name, answer = call(way)
            large = answer.headers["x-fareway-model"] == "sim-large"
            rate(way, way.first, {"request_id": name, "score": large})
            if number % 20 == 0 and way.metric("fareway_router_on") == 0:
                break
        assert way.metric("fareway_router_on") == 0
        assert "The router is switched off" in way.gate.stderr
        told = Api.of(way, way.admin).get("/router")
        assert (told["guarded"], told["on"], told["fixed"]) == (True, False, "sim-large")
        assert told["verdict"].startswith("router on, $-0.0")
        reasons = [call(way)[1].headers["x-fareway-route-reason"] for _ in range(20)]
        assert any(reason.startswith("the best fixed model: sim/sim-large; router off") for reason in reasons)
        assert any(reason.startswith("careless") for reason in reasons), "a share is still routed"
        assert way.gate.stop() == 0
        way.gate.start()
        eventually(lambda: way.metric("fareway_router_on") == 0)


OWN = """
providers: {sim: {base_url: SIM_URL/v1}}
models:
  quick: {deployments: [sim/sim-small, sim/sim-large], policy: policies.fastest}
  checked: {deployments: [sim/sim-small, sim/sim-large], policy: policies.cascade}
routing: {guard: {hold_back: 100%}}
"""


def test_a_cascade_is_compared_and_a_policy_that_neither_predicts_nor_checks_is_not(tmp_path):
    with road(tmp_path, OWN) as way:
        name, _ = call(way, "quick")
        (line,) = way.entries_of(name)
        assert (line["entry"]["policy"], line["entry"]["arm"]) == ("policies.fastest", "")
        name, _ = call(way, "checked")
        (line,) = way.entries_of(name)  # Nothing is asked before it.
        assert (line["model"], line["entry"]["policy"], line["entry"]["arm"]) == (
            "sim-large", "policies.cascade", "held back",
        )  # fmt: skip


def test_an_attempt_beside_another_says_the_same_of_the_decision():
    booking = Booking(None, None)
    booking.decided = Decided("policies.hedged", 3, "routed")
    assert booking.beside().decided == booking.decided


def test_without_a_guard_the_policy_decides_and_feedback_is_what_it_reads(tmp_path):
    with careless(tmp_path, CONFIG) as way:
        assert "\nfareway_router_on " not in way.metrics()
        chances = []
        for _ in range(21):
            name, answer = call(way)
            chances.append(float(answer.headers["x-fareway-route-reason"].rpartition("success ")[2]))
            rate(way, way.first, {"request_id": name, "score": 1})
        assert chances == sorted(chances)
        assert chances[-1] == pytest.approx((chances[0] + 1) / 2, abs=0.001), "as many scores as a prediction is worth"
