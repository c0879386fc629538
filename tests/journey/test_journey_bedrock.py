"""AWS's own client, pointed at a gateway, before a provider that answers as Bedrock does; and Cohere's dialects."""

import base64
import json
import ssl
import threading
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import harness
import pytest
import trustme
from aws_account import KEY_ID, SECRET, refusal
from upstream import Reply, upstream

from gateway.dialects import aws_events

pytestmark = pytest.mark.xdist_group("bedrock")

boto3 = pytest.importorskip("boto3", reason="boto3 is in the dev extra")
errors = pytest.importorskip("botocore.exceptions")

HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
NOVA = "us.amazon.nova-micro-v1:0"
USED = {"inputTokens": 100, "outputTokens": 10, "totalTokens": 1110, "cacheReadInputTokens": 1000}
COST = Decimal("0.000275")  # Haiku 4.5 in a region: 100 at $1.10, 1,000 at $0.11 and 10 at $5.50 a million.
CONFIG = """
providers:
  bedrock: {base_url: URL/signed, region: us-east-1}
  cohere: {base_url: URL/cohere, key: "${COHERE_API_KEY}"}
models:
  haiku: {deployments: [bedrock/us.anthropic.claude-haiku-4-5-20251001-v1:0]}
limits:
  - {node: team:some, amount: 0.5 usd, window: month}
  - {node: team:poor, amount: 0.000001 usd, window: month}
"""
MESSAGES = [{"role": "user", "content": [{"text": "Hi"}]}]
EVENTS = "application/vnd.amazon.eventstream"


def frame(kind, body):
    names = (":event-type", kind), (":content-type", "application/json"), (":message-type", "event")
    return aws_events.message(b"".join(aws_events._header(*name) for name in names), json.dumps(body).encode())


TALK = [
    frame("messageStart", {"role": "assistant"}),
    frame("contentBlockDelta", {"delta": {"text": "Yes"}, "contentBlockIndex": 0}),
    frame("contentBlockStop", {"contentBlockIndex": 0}),
    frame("messageStop", {"stopReason": "end_turn"}),
    frame("metadata", {"usage": USED, "metrics": {"latencyMs": 5}}),
]


def whole(body, **more):
    return Reply(json.dumps(body).encode(), **more)


def answer(**more):
    message = {"role": "assistant", "content": [{"text": "Yes"}]}
    return whole({"output": {"message": message}, "stopReason": "end_turn", "usage": USED, **more})


@pytest.fixture(scope="module")
def provider():
    with upstream() as found:
        yield found


@pytest.fixture(scope="module")
def gate(provider, tmp_path_factory):
    home = tmp_path_factory.mktemp("bedrock")
    env = {
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_CONFIG_FILE": str(home / "none"),
        "AWS_BEARER_TOKEN_BEDROCK": "",
        "COHERE_API_KEY": "key-of-cohere",
    }
    running = harness.gateway(home, CONFIG.replace("URL", provider.url), env=env)
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.stderr


@pytest.fixture
def replies(provider):
    """What the provider answers from here on, and what it got."""

    def told(*given, name="signed"):
        provider.replies[name] = list(given)
        provider.got[name].clear()
        return provider.got[name]

    return told


@pytest.fixture
def client(gate):
    """boto3 as it is, but for the address. A key of the gateway stands where AWS's key id does."""

    def made(key=None, prefix=""):
        session = boto3.Session(key or gate.tokens[1], "any secret", "a session", region_name="us-east-1")
        return session.client("bedrock-runtime", endpoint_url=gate.url + prefix)

    return made


@contextmanager
def behind_tls(url, folder):
    """The address of a proxy that adds TLS, and its authority's certificate: boto3 shows bearer keys to no other."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with urllib.request.urlopen(urllib.request.Request(url + self.path, body, dict(self.headers))) as answer:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.read())

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("localhost", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"https://localhost:{server.server_address[1]}", str(folder / "ca.pem")
        finally:
            server.shutdown()
            thread.join()


def test_a_bearer_key_of_ours(gate, replies, tmp_path, monkeypatch):
    got = replies(answer())
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", gate.tokens[1])
    with behind_tls(gate.url, tmp_path) as (url, authority):
        session = boto3.Session(region_name="us-east-1")
        bedrock = session.client("bedrock-runtime", endpoint_url=url, verify=authority)
        with closing(bedrock):
            said = bedrock.converse(modelId=HAIKU, messages=MESSAGES)
    assert Decimal(head_of(said)["x-fareway-cost-usd"]) == COST
    assert refusal(got[0].path, got[0].headers, got[0].body, region="us-east-1", token=None) is None


def entry_of(gate, headers):
    """The call as it was settled, which may be right after its client has read the last byte."""
    for _ in range(500):
        try:
            document = harness.get(f"{gate.url}/v1/requests/{headers['x-fareway-request-id']}", gate.tokens[0])
        except urllib.error.HTTPError as missing:
            missing.close()
            time.sleep(0.02)
        else:
            (entry,) = document["entries"]
            return entry
    raise AssertionError("it was never settled")


def head_of(answer):
    return answer["ResponseMetadata"]["HTTPHeaders"]


@pytest.mark.parametrize("prefix", ["", "/bedrock"])
@pytest.mark.parametrize("model", [HAIKU, "haiku", f"bedrock/{HAIKU}"])
def test_whole_answer(gate, client, replies, model, prefix):
    got = replies(answer())
    said = client(prefix=prefix).converse(modelId=model, messages=MESSAGES, inferenceConfig={"maxTokens": 60})
    assert said["output"]["message"]["content"] == [{"text": "Yes"}]
    assert Decimal(head_of(said)["x-fareway-cost-usd"]) == COST
    assert head_of(said)["x-fareway-cost-status"] == "exact"
    assert got[0].path == "/signed/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse"
    assert json.loads(got[0].body) == {"messages": MESSAGES, "inferenceConfig": {"maxTokens": 60}}
    assert Decimal(entry_of(gate, head_of(said))["cost_usd"]) == COST


def test_what_nobody_reads_is_signed_too_with_its_method_and_query(gate, client, replies):
    got = replies(whole({"asyncInvokeSummaries": []}))
    with closing(client(prefix="/bedrock")) as aws:
        assert aws.list_async_invokes(maxResults=5, statusEquals="Completed")["asyncInvokeSummaries"] == []
    (call,) = got
    assert (call.method, call.path) == ("GET", "/signed/async-invoke?maxResults=5&statusEquals=Completed")
    signed = {"region": "us-east-1", "token": None, "method": "GET"}
    assert refusal(call.path, call.headers, call.body, **signed) is None


def test_each_call_is_signed_as_it_is_sent(gate, client, replies):
    """The provider checks the signature with the request line and the headers that it got."""
    got = replies(answer())
    client().converse(modelId=HAIKU, messages=MESSAGES)
    client().converse(modelId=f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{NOVA}", messages=MESSAGES)
    assert len(got) == 2
    for call in got:
        assert refusal(call.path, call.headers, call.body, region="us-east-1", token=None) is None
        assert gate.tokens[1] not in str(call.headers)
        assert "x-amz-security-token" not in call.headers


def test_stream(gate, client, replies):
    replies(Reply(b"".join(TALK), content_type=EVENTS))
    said = client().converse_stream(modelId=HAIKU, messages=MESSAGES)
    events = list(said["stream"])
    assert [next(iter(event)) for event in events] == [
        "messageStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata",
    ]  # fmt: skip
    assert events[-1]["metadata"]["usage"]["cacheReadInputTokens"] == 1000
    entry = entry_of(gate, head_of(said))
    assert (entry["outcome"], entry["cost_status"], Decimal(entry["cost_usd"])) == ("ok", "exact", COST)


def test_an_exception_inside_a_stream_reaches_the_client_and_the_books(gate, client, replies):
    slow = aws_events.exception("throttlingException", b'{"message":"slow down"}')
    replies(Reply(b"".join(TALK[:2]) + slow, content_type=EVENTS))
    said = client().converse_stream(modelId=HAIKU, messages=MESSAGES)
    with closing(said["stream"]), pytest.raises(errors.EventStreamError) as raised:
        list(said["stream"])
    assert raised.value.response["Error"] == {"Code": "throttlingException", "Message": "slow down"}
    assert entry_of(gate, head_of(said))["outcome"] == "cut"


@pytest.mark.parametrize("much", [2, 1.5])
def test_a_stream_that_breaks_off_is_no_clean_end(gate, client, replies, much):
    """Also in the middle of a message: what is not whole is not passed on, so our own can be read."""
    sent = b"".join(TALK[:2])
    sent = sent if much == 2 else sent[:-10]
    replies(Reply(sent, content_type=EVENTS))
    said = client().converse_stream(modelId=HAIKU, messages=MESSAGES)
    with closing(said["stream"]), pytest.raises(errors.EventStreamError, match="serviceUnavailableException"):
        list(said["stream"])
    entry = entry_of(gate, head_of(said))
    assert (entry["outcome"], entry["cost_status"]) == ("cut", "estimated")


def test_the_providers_error_and_ours(client, replies):
    told = {"x-amzn-ErrorType": "ValidationException:http://internal.amazon.com/"}
    replies(whole({"message": "Too hot."}, status=400, headers=told))
    with pytest.raises(errors.ClientError) as refused:
        client().converse(modelId=HAIKU, messages=MESSAGES)
    assert refused.value.response["Error"] == {"Message": "Too hot.", "Code": "ValidationException"}
    bedrock = client()
    with pytest.raises(bedrock.exceptions.ResourceNotFoundException) as unknown:
        bedrock.converse(modelId="haikoo", messages=MESSAGES)
    assert "haiku" in unknown.value.response["Error"]["Message"]
    with pytest.raises(errors.ClientError) as stranger:
        client("fw-nobody").converse(modelId=HAIKU, messages=MESSAGES)
    assert stranger.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_without_money_boto3_asks_once(gate, client, replies, monkeypatch):
    got = replies(answer())
    monkeypatch.setenv("COHERE_API_KEY", "key-of-cohere")
    key = harness.make_key(gate.home, "--team", "poor", config=gate.home / "fareway.yaml")
    bedrock = client(key)
    with pytest.raises(bedrock.exceptions.ServiceQuotaExceededException) as no:
        bedrock.converse(modelId=HAIKU, messages=MESSAGES)
    assert no.value.response["ResponseMetadata"]["RetryAttempts"] == 0
    assert "team:poor" in no.value.response["Error"]["Message"]
    assert not got


def test_a_condition_without_a_price_is_uncertain(client, replies):
    replies(answer(performanceConfig={"latency": "optimized"}))
    said = client().converse(modelId=HAIKU, messages=MESSAGES, performanceConfig={"latency": "optimized"})
    assert head_of(said)["x-fareway-cost-status"] == "uncertain"


CLAUDE = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 60, "messages": [{"role": "user", "content": "Hi"}]}
BLOCK = {"input_tokens": 100, "cache_read_input_tokens": 1000, "output_tokens": 10}


def test_native_bodies(gate, client, replies):
    got = replies(whole({"type": "message", "model": "claude-haiku-4-5-20251001", "usage": BLOCK, "content": []}))
    said = client().invoke_model(modelId=HAIKU, body=json.dumps(CLAUDE))
    assert json.loads(said["body"].read())["usage"] == BLOCK
    assert Decimal(head_of(said)["x-fareway-cost-usd"]) == COST
    assert json.loads(got[0].body) == CLAUDE
    assert refusal(got[0].path, got[0].headers, got[0].body, region="us-east-1", token=None) is None
    with pytest.raises(errors.ClientError, match="Converse"):
        client().invoke_model(modelId=HAIKU, body=json.dumps(CLAUDE), serviceTier="priority")
    assert len(got) == 1


def test_native_streams(gate, client, replies):
    metrics = {"inputTokenCount": 100, "outputTokenCount": 10}
    inner = [
        {"type": "message_start", "message": {"usage": BLOCK | {"output_tokens": 1}}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Yes"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 10}},
        {"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics},
    ]
    frames = [frame("chunk", {"bytes": base64.b64encode(json.dumps(event).encode()).decode()}) for event in inner]
    replies(Reply(b"".join(frames), content_type=EVENTS))
    said = client().invoke_model_with_response_stream(modelId=HAIKU, body=json.dumps(CLAUDE))
    assert [json.loads(event["chunk"]["bytes"]) for event in said["body"]] == inner
    entry = entry_of(gate, head_of(said))
    assert (entry["outcome"], entry["cost_status"], Decimal(entry["cost_usd"])) == ("ok", "exact", COST)


def test_native_bodies_that_say_nothing_about_usage_are_never_free(gate, client, replies):
    replies(whole({"something": "else"}))
    said = client().invoke_model(modelId=NOVA, body=json.dumps({"prompt": "Hi", "max_tokens": 60}))
    entry = entry_of(gate, head_of(said))
    assert Decimal(entry["cost_usd"]) > 0
    assert entry["cost_status"] in {"uncertain", "estimated"}


# Cohere.


def post(gate, path, body, key=None):
    request = urllib.request.Request(
        gate.url + path,
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {key or gate.tokens[1]}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as found:
            return found.status, found.headers, found.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers, refused.read()


COHERE = {
    "billed_units": {"input_tokens": 26, "output_tokens": 102},
    "tokens": {"input_tokens": 555, "output_tokens": 105},
}


@pytest.mark.parametrize("path", ["/v2/chat", "/cohere/v2/chat"])
@pytest.mark.parametrize("streamed", [False, True])
def test_cohere_is_charged_by_billed_units(gate, replies, path, streamed):
    end = {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": COHERE}}
    body = {"id": "x", "finish_reason": "COMPLETE", "message": {"content": []}, "usage": COHERE}
    stream = Reply(b"event: message-end\ndata: " + json.dumps(end).encode() + b"\n\n", content_type="text/event-stream")
    got = replies(stream if streamed else whole(body), name="cohere")
    asked = {"model": "command-a-03-2025", "messages": [{"role": "user", "content": "Hi"}], "stream": streamed}
    status, headers, said = post(gate, path, asked)
    assert (status, said) == (200, stream.body if streamed else json.dumps(body).encode())
    assert got[0].path == "/cohere/chat"
    assert got[0].headers["authorization"] == "Bearer key-of-cohere"
    entry = entry_of(gate, headers)
    assert (entry["cost_status"], Decimal(entry["cost_usd"])) == ("exact", Decimal("0.001085"))


@pytest.mark.parametrize(
    ("model", "status", "usd"), [("rerank-v3.5", "exact", "0.004"), ("rerank-x", "unpriced", None)]
)
def test_ranking_is_charged_by_search_units_and_unpriced_without_a_price(gate, replies, model, status, usd):
    replies(whole({"results": [], "meta": {"billed_units": {"search_units": 2}}}), name="cohere")
    code, headers, _ = post(gate, "/v2/rerank", {"model": f"cohere/{model}", "query": "q", "documents": ["a"]})
    assert (code, headers["x-fareway-cost-status"], headers.get("x-fareway-cost-usd")) == (200, status, usd)


def test_ranking_that_does_not_tell_its_search_units_is_booked_at_what_was_held(gate, replies):
    replies(whole({"results": []}), name="cohere")
    _, headers, _ = post(gate, "/v2/rerank", {"model": "cohere/rerank-v3.5", "query": "q", "documents": ["a"] * 101})
    entry = entry_of(gate, headers)
    assert (entry["cost_status"], Decimal(entry["cost_usd"])) == ("uncertain", Decimal("0.004"))


def test_coheres_refusals(gate):
    status, headers, said = post(
        gate, "/v2/chat", {"model": "nothing", "messages": [{"role": "user", "content": "Hi"}]}
    )
    assert (status, json.loads(said)["id"]) == (404, headers["x-fareway-request-id"])
    assert "No model" in json.loads(said)["message"]
