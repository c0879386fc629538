"""Calls with a deadline: answered later, by the cheapest way that ends in time, and booked at what that way cost."""

import base64
import hmac
import json
import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from batch_provider import batch_provider
from later import later_road
from road import eventually

MINI = (Decimal("0.15") / 10**6, Decimal("0.60") / 10**6)  # Dollars a token at once: input, output.
SONNET = (Decimal(3) / 10**6, Decimal(15) / 10**6)
FLEXIBLE = (Decimal("0.25") / 10**6, Decimal(2) / 10**6)
HALF = Decimal("0.5")  # Of that, in a batch and in the flex tier.
GIVEN, MADE = 11, 7  # Tokens of every answer.


def cost(rates, share=Decimal(1)):
    return (GIVEN * rates[0] + MADE * rates[1]) * share


@pytest.fixture(scope="module")
def provider():
    with batch_provider() as found:
        yield found


@pytest.fixture(scope="module")
def way(tmp_path_factory, provider):
    """It has seen how long a call takes."""
    with later_road(tmp_path_factory.mktemp("deferred"), provider) as found:
        now = {"model": "mini", "messages": [{"role": "user", "content": "Hello"}]}
        for _ in range(8):
            assert found.ask("POST", "/v1/chat/completions", now)[0] == 200
        yield found


@pytest.fixture
def key(way):
    """A key that nobody has used."""
    return way.key()


def the_batch(provider, before):
    """The one that was made since."""
    eventually(lambda: set(provider.batches) - before, 60)
    (name,) = set(provider.batches) - before
    return name


def check_paid(document, rates, share):
    assert Decimal(document["cost_usd"]) == cost(rates, share)
    assert Decimal(document["headers"]["x-fareway-cost-usd"]) == cost(rates, share)
    assert Decimal(document["headers"]["x-fareway-saved-usd"]) == cost(rates) - cost(rates, share)


def test_calls_of_one_kind_share_a_batch_and_each_pays_its_own(way, provider, key):
    before = set(provider.batches)
    names = [way.later(key=key) for _ in range(3)]
    batch = the_batch(provider, before)
    eventually(lambda: all(way.told(name, key)["status"] == "running" for name in names))
    eventually(lambda: len(way.lines(names[0])) == 1)
    (pending,) = way.lines(names[0])
    assert (pending["outcome"], pending["cost_status"]) == ("pending", "uncertain")
    provider.end(batch)
    for name in names:
        document = way.over(name, key)
        assert (document["status"], document["way"], document["status_code"]) == ("done", "batch", 200)
        assert document["answer"]["choices"][0]["message"]["content"] == "Yes."
        check_paid(document, MINI, HALF)
        eventually(lambda name=name: len(way.lines(name)) == 2)
        assert [line["outcome"] for line in way.lines(name)] == ["pending", "adjusted"]
        assert sum(line["saved_nanos"] for line in way.lines(name)) == (cost(MINI) - cost(MINI, HALF)) * 10**9


def test_a_call_of_many_lines_leaves_in_one(way, provider, key):
    before = set(provider.batches)
    body = {"model": "mini", "temperature": 0.7, "messages": [{"role": "user", "content": "Hello\n\u2028"}]}
    written = json.dumps(body, indent=2, ensure_ascii=False).replace("\n", "\r\n").encode()
    written = written.replace(b"0.7", b"7.0e-1")
    told = way.ask("POST", "/v1/chat/completions", written, key, x_fareway_deadline="2h")[2]
    names = [told["id"], way.later(key=key)]
    batch = the_batch(provider, before)
    file = provider.files[provider.batches[batch]["input_file_id"]][1]
    left = {(line := json.loads(text))["custom_id"]: line["body"] for text in file.splitlines()}
    assert left[f"{names[0]}-1"] == body | {"model": "gpt-4o-mini"}
    assert b'"temperature": 7.0e-1,' in file, "as it was written"
    provider.end(batch)
    assert [way.over(name, key)["way"] for name in names] == ["batch", "batch"]


def test_anthropics_batch(way, provider, key):
    before = set(provider.batches)
    body = {"model": "clever", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}
    status, head, told = way.ask("POST", "/v1/messages", body, key, x_fareway_deadline="1d")
    assert (status, told["status"]) == (202, "waiting")
    assert head["Location"] == f"/v1/requests/{told['id']}" == told["url"]
    provider.end(the_batch(provider, before))
    document = way.over(told["id"], key)
    assert document["answer"]["content"][0]["text"] == "Yes."
    check_paid(document, SONNET, HALF)


def test_anthropics_batch_holds_no_thoughts_that_it_has_not_signed(way, provider, key):
    """They are those of an answer that another maker's model gave, as on any other way."""
    before, hello = set(provider.batches), {"role": "user", "content": "Hello"}
    thoughts = [{"type": "thinking", "thinking": "Hm.", "signature": f"{mark}c2ln"} for mark in ("fareway-1.", "")]
    answer = {"role": "assistant", "content": [*thoughts, {"type": "text", "text": "Yes."}]}
    body = {"model": "clever", "max_tokens": 50, "messages": [hello, answer, hello]}
    told = way.ask("POST", "/v1/messages", body, key, x_fareway_deadline="1d")[2]
    batch = the_batch(provider, before)
    (left,) = provider.asked_for(batch)["requests"]
    assert left["params"]["messages"] == [hello, answer | {"content": answer["content"][1:]}, hello]
    provider.end(batch)
    document = way.over(told["id"], key)
    assert document["way"] == "batch"
    assert document["headers"]["x-fareway-dropped"] == "messages.content.thinking"


def test_the_flex_tier_is_taken_where_it_costs_no_more_than_a_batch(way, provider, key):
    document = way.over(way.later("flexible", key=key), key)
    assert (document["way"], document["entries"][0]["service_tier"]) == ("flex", "flex")
    assert document["answer"]["choices"][0]["message"]["content"] == "Yes."
    assert document["reason"].startswith("flex at openai/gpt-5-mini: likely $")
    check_paid(document, FLEXIBLE, HALF)


def test_a_flex_tier_without_room_gives_way_to_a_batch(way, provider, key):
    before, provider.says["flex"] = set(provider.batches), [429] * 20
    try:
        name = way.later("flexible", key=key)
        provider.end(the_batch(provider, before))
        document = way.over(name, key)
    finally:
        del provider.says["flex"]
    assert (document["way"], document["status"]) == ("batch", "done")
    check_paid(document, FLEXIBLE, HALF)


def test_a_batch_that_never_ends_is_given_up_in_time(way, provider, key):
    before = set(provider.batches)
    name = way.later(key=key, deadline="6s")
    batch = the_batch(provider, before)
    document = way.over(name, key)
    assert (document["status"], document["way"]) == ("done", "sync")
    assert provider.batches[batch]["status"] == "cancelling"
    assert Decimal(document["headers"]["x-fareway-cost-usd"]) == cost(MINI)
    assert len(document["requests"]) == 2, "the books have both"
    provider.end(batch, "cancelled", answered=0)
    eventually(lambda: len(way.lines(name)) == 3, 60)
    assert Decimal(way.told(name, key)["cost_usd"]) == cost(MINI), "what the batch did not do costs nothing"


def test_a_batch_that_cannot_be_sent_is_given_up_in_time(way, provider, key):
    provider.takes.clear()
    try:
        document = way.over(way.later(key=key, deadline="6s"), key)
    finally:
        provider.takes.set()
    assert (document["status"], document["way"]) == ("done", "sync")
    assert Decimal(document["cost_usd"]) == cost(MINI), "no batch was made"


def test_what_a_batch_did_before_it_was_given_up_is_charged(way, provider, key):
    before = set(provider.batches)
    name = way.later(key=key, deadline="5s")
    batch = the_batch(provider, before)
    assert way.over(name, key)["way"] == "sync"
    provider.end(batch, "cancelled", answered=1)
    eventually(lambda: len(way.lines(name)) == 3, 60)
    assert Decimal(way.told(name, key)["cost_usd"]) == cost(MINI) + cost(MINI, HALF)


def test_a_result_of_zeros_stays_charged_at_its_bound(way, provider, key):
    before, said = set(provider.batches), provider.usage
    provider.usage = {"given": 0, "made": 0}
    try:
        name = way.later(key=key)
        provider.end(the_batch(provider, before))
        document = way.over(name, key)
    finally:
        provider.usage = said
    assert (document["status"], document["way"]) == ("done", "batch")
    assert document["answer"]["choices"][0]["message"]["content"] == "Yes."
    assert Decimal(document["cost_usd"]) > 100 * MINI[1] * HALF  # It might have written as much.
    (line,) = way.lines(name)
    assert (line["outcome"], line["cost_status"]) == ("pending", "uncertain")


def test_a_call_of_a_batch_that_failed_goes_another_way(way, provider, key):
    before = set(provider.batches)
    names = [way.later(key=key) for _ in range(2)]
    provider.end(the_batch(provider, before), "expired", answered=1)
    ways = sorted(way.over(name, key)["way"] for name in names)
    assert ways == ["batch", "sync"]


def test_an_idle_machine_of_ones_own(way, key):
    document = way.over(way.later("own", key=key), key)
    assert (document["status"], document["way"]) == ("done", "idle")


def test_without_time_it_is_asked_at_once(way, provider, key):
    document = way.over(way.later(key=key, deadline="1s"), key)
    assert (document["status"], document["way"]) == ("done", "sync")
    assert Decimal(document["headers"]["x-fareway-saved-usd"]) == 0


def test_the_answer_alone_comes_as_it_would_have_at_once(way, key):
    name = way.later("flexible", key=key)
    way.over(name, key)
    status, head, answer = way.ask("GET", f"/v1/requests/{name}/answer", key=key)
    assert (status, answer["choices"][0]["message"]["content"]) == (200, "Yes.")
    assert head["x-fareway-request-id"] == f"{name}-1"


def test_headers_that_are_no_utf_8_keep_neither_the_call_nor_its_answer_from_being_written_down(way, key):
    name = way.later("flexible", key=key, x_title="café")
    document = way.over(name, key)
    assert (document["status"], document["headers"]["x-region"]) == ("done", "Zürich")
    assert len(document["requests"]) == 1
    status, head, _ = way.ask("GET", f"/v1/requests/{name}/answer", key=key)
    assert (status, head["x-region"].encode("latin-1").decode()) == (200, "Zürich")


def test_a_provider_that_recovers_in_time_answers(way, provider, key):
    provider.says["default"] = [503] * 3
    document = way.over(way.later("plain", key=key), key)
    assert document["status"] == "done"
    assert len(document["requests"]) > 1


def test_an_error_is_given_in_the_callers_dialect(way, provider, key):
    provider.says["default"] = [400]
    document = way.over(way.later(key=key, deadline="1s"), key)
    assert (document["status"], document["status_code"]) == ("failed", 400)
    assert document["error"] == {"error": {"message": "not now", "type": "server_error"}}


def test_a_budget_that_is_spent_when_it_leaves_fails_it(way, provider):
    poor, before = way.key("--team", "poor"), set(provider.batches)
    names = [way.later(key=poor, cap=16_000) for _ in range(3)]  # Each fits, and all of them do not.
    batch = the_batch(provider, before)
    eventually(lambda: sum(way.told(name, poor)["status"] == "failed" for name in names) == 1, 60)
    (failed,) = [way.told(name, poor) for name in names if way.told(name, poor)["status"] == "failed"]
    assert failed["status_code"] == 429
    assert "Budget reached for team:poor" in failed["error"]["error"]["message"]
    assert failed["entries"] == []
    status, _, told = way.ask(
        "POST",
        "/v1/chat/completions",
        {"model": "mini", "max_tokens": 16_000, "messages": [{"role": "user", "content": "Hello"}]},
        poor,
        x_fareway_deadline="2h",
    )
    assert (status, told["error"]["code"]) == (429, "insufficient_quota"), "what cannot be paid now is not taken"
    provider.end(batch)
    assert sorted(way.over(name, poor)["status"] for name in names) == ["done", "done", "failed"]


def test_nobody_else_sees_it(way, key):
    name, other = way.later(key=key), way.key()
    for stranger in (other, way.admin):
        for method, path in (("GET", name), ("GET", f"{name}/answer"), ("DELETE", name)):
            assert way.ask(method, f"/v1/requests/{path}", key=stranger)[0] == 404
    assert way.ask("GET", f"/v1/requests/{name}")[0] == 404
    elsewhere = way.ask("GET", "/v1/requests/later_0123456789ab_1", key=key)
    assert elsewhere[0] == 404
    assert "the gateway with the home 0123456789ab has it" in elsewhere[2]["error"]["message"]


def test_what_has_not_left_is_taken_back(way, provider, key):
    name = way.later(key=key)
    status, _, told = way.ask("DELETE", f"/v1/requests/{name}", key=key)
    assert (status, told["status"]) == (200, "cancelled")
    assert way.told(name, key)["status"] == "cancelled"
    answered = way.later("flexible", key=key)
    way.over(answered, key)
    assert way.ask("DELETE", f"/v1/requests/{answered}", key=key)[0] == 200
    assert way.ask("GET", f"/v1/requests/{answered}", key=key)[0] == 404
    before = set(provider.batches)
    left = way.later(key=key)
    the_batch(provider, before)
    assert way.ask("DELETE", f"/v1/requests/{left}", key=key)[0] == 409


REFUSED = {
    "a stream": ({"stream": True}, {"x_fareway_deadline": "2h"}, "A stream is answered now"),
    "no duration": ({}, {"x_fareway_deadline": "soon"}, "must be a duration"),
    "too long": ({}, {"x_fareway_deadline": "30d"}, "from 1s to 7d"),
    "a webhook without TLS": ({}, {"x_fareway_deadline": "2h", "x_fareway_webhook": "ftp://x"}, "must be a URL"),
    "a model that is not there": ({"model": "nobody"}, {"x_fareway_deadline": "2h"}, "No model of that name"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_not_wait_is_refused_at_once(way, key, name):
    more, headers, why = REFUSED[name]
    body = {"model": "mini", "messages": [{"role": "user", "content": "Hello"}]} | more
    status, _, told = way.ask("POST", "/v1/chat/completions", body, key, **headers)
    assert status in (400, 404)
    assert why in told["error"]["message"]


def test_so_many_of_one_key_may_wait(way):
    eager = way.key()
    for _ in range(20):
        way.later(key=eager)
    body = {"model": "mini", "messages": [{"role": "user", "content": "Hello"}]}
    status, _, told = way.ask("POST", "/v1/chat/completions", body, eager, x_fareway_deadline="2h")
    assert (status, told["error"]["message"]) == (429, "20 calls of this key wait already.")
    way.later(key=way.key())


def test_one_idempotency_key_is_one_call(way, key):
    name = way.later(key=key, idempotency_key="once")
    assert way.later(key=key, idempotency_key="once") == name
    assert way.later(key=way.key(), idempotency_key="once") != name
    body = {"model": "mini", "messages": [{"role": "user", "content": "Something else"}]}
    status = way.ask("POST", "/v1/chat/completions", body, key, x_fareway_deadline="2h", idempotency_key="once")[0]
    assert status == 422


def test_a_call_that_comes_again_is_the_same_though_a_second_could_not_be_paid(way, provider):
    """What is set aside for the first is all that there is."""
    lean, before = way.key("--team", "lean"), set(provider.batches)
    name = way.later(key=lean, cap=16_000, idempotency_key="once")
    batch = the_batch(provider, before)
    assert way.later(key=lean, cap=16_000, idempotency_key="once") == name
    body = {"model": "mini", "max_completion_tokens": 16_000, "messages": [{"role": "user", "content": "Hello"}]}
    assert way.ask("POST", "/v1/chat/completions", body, lean, x_fareway_deadline="2h")[0] == 429
    provider.end(batch)
    assert way.over(name, lean)["status"] == "done"


def test_a_keys_own_deadline_rules_where_a_call_says_nothing(way):
    patient = way.key("--deadline", "2h", "--webhook", "https://example.com/hook")
    body = {"model": "flexible", "messages": [{"role": "user", "content": "Hello"}]}
    status, _, told = way.ask("POST", "/v1/chat/completions", body, patient)
    assert status == 202
    assert way.over(told["id"], patient)["way"] == "flex"
    assert way.ask("POST", "/v1/chat/completions", body, patient, x_fareway_deadline="none")[0] == 200
    shown = way.ask("GET", "/v1/key", key=patient)[2]
    assert (shown["deadline_s"], shown["webhook"]) == (7200.0, "https://example.com/hook")


def verified(secret, headers, body):
    """As Standard Webhooks says."""
    signed = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    digest = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, "sha256")
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    return json.loads(body)


def test_a_webhook_is_told_once_and_signed(way, key):
    secret = way.ask("GET", "/v1/key", key=key)[2]["webhook_secret"]
    heard = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((dict(self.headers), body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        name = way.later("flexible", key=key, x_fareway_webhook=url)
        eventually(lambda: heard, 60)
        marker = way.later("flexible", key=key, x_fareway_webhook=url)
        eventually(lambda: len(heard) == 2, 60)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    told = [verified(secret, headers, body) for headers, body in heard]
    assert [one["data"]["id"] for one in told] == [name, marker], "each is told once"
    assert told[0]["type"] == "request.done"
    assert told[0]["data"] == {"id": name, "status": "done", "status_code": 200, "url": f"/v1/requests/{name}"}
