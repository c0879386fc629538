"""Responses that lie at the provider: fetched, cancelled and deleted by whoever may see the call that made them."""

import json

import harness
import pytest
from openai import BadRequestError, NotFoundError, OpenAI, PermissionDeniedError
from upstream import Reply, upstream

pytestmark = pytest.mark.xdist_group("stored_responses")

CONFIG = """
providers:
  openai: {base_url: URL/openai/v1}
  xai: {base_url: URL/xai/v1}
models:
  either: {deployments: [openai/gpt-5, xai/grok-4]}
limits:
  - {node: team:poor, amount: 5 usd, window: month}
"""
JSON = {"Content-Type": "application/json"}
USAGE = {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110}
USAGE |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}


def response(name, model="gpt-5"):
    return {
        "id": name, "object": "response", "created_at": 1, "status": "completed", "model": model, "output": [],
        "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "usage": USAGE,
    }  # fmt: skip


@pytest.fixture(scope="module")
def provider():
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def gate(provider, tmp_path_factory):
    env = {"OPENAI_API_KEY": "key-of-openai", "XAI_API_KEY": "key-of-xai"}
    running = harness.gateway(tmp_path_factory.mktemp("stored"), CONFIG.replace("URL", provider.url), env=env)
    yield running
    assert running.stop() == 0
    for trouble in ("Traceback", "unhandled", "disagree"):
        assert trouble not in running.stderr


@pytest.fixture(scope="module")
def keys(gate):
    def made(*options):
        return harness.make_key(gate.home, *options, config=gate.home / "fareway.yaml")

    return {
        "own": made("--team", "poor", "--models", "gpt-5"),
        "other": made("--team", "poor"),
        "lead": made("--team", "poor", "--role", "team-admin"),
        "elsewhere": made("--team", "rich", "--role", "team-admin"),
        "admin": gate.tokens[0],
    }


@pytest.fixture
def of(gate, keys, provider):
    """A client with this key."""
    for name in ("openai", "xai"):
        provider.got[name].clear()
        provider.replies[name] = [Reply()]
    clients = []

    def client(name, prefix=""):
        clients.append(OpenAI(base_url=f"{gate.url}{prefix}/v1", api_key=keys[name], max_retries=0))
        return clients[-1]

    yield client
    for each in clients:
        each.close()


def says(provider, name, body, **more):
    provider.replies[name] = [Reply(body if isinstance(body, bytes) else json.dumps(body).encode(), **more)]


@pytest.fixture
def made(of, provider):
    """A response that exists: its id."""

    def make(name, *, at="openai", model="gpt-5", stream=False):
        body = response(name, model)
        if stream:
            event = {"type": "response.completed", "sequence_number": 1, "response": body}
            said = b"event: response.completed\ndata: %b\n\n" % json.dumps(event).encode()
            says(provider, at, said, content_type="text/event-stream")
            assert [event.type for event in of("own").responses.create(model=model, input="Hi", stream=True)]
        else:
            says(provider, at, body)
            of("own").responses.create(model=model, input="Hi")
        says(provider, at, body)
        provider.got[at].clear()
        return name

    return make


@pytest.mark.parametrize("stream", [False, True])
def test_it_is_fetched_where_it_was_made(of, made, provider, stream):
    name = made(f"resp_a{stream}", stream=stream)
    got = of("own").responses.with_raw_response.retrieve(name, include=["message.output_text.logprobs"])
    assert got.parse().id == name
    assert got.headers["x-fareway-cost-usd"] == "0.00"
    (asked,) = provider.got["openai"]
    assert (asked.method, asked.body) == ("GET", b"")
    assert asked.path == f"/openai/v1/responses/{name}?include%5B%5D=message.output_text.logprobs"
    assert asked.headers["authorization"] == "Bearer key-of-openai"


def test_at_whichever_provider_that_was(gate, of, made, provider, keys):
    with OpenAI(base_url=f"{gate.url}/xai/v1", api_key=keys["other"], max_retries=0) as client:
        says(provider, "xai", response("0b7c-uuid", "grok-4"))
        client.responses.create(model="grok-4", input="Hi")
        assert client.responses.retrieve("0b7c-uuid").model == "grok-4"
    assert [got.path for got in provider.got["xai"]] == ["/xai/v1/responses", "/xai/v1/responses/0b7c-uuid"]
    with pytest.raises(NotFoundError):
        of("other", "/openai").responses.retrieve("0b7c-uuid")
    assert provider.got["openai"] == []


def test_all_that_is_asked_of_a_response(of, made, provider):
    name, client = made("resp_all"), of("own")
    client.responses.cancel(name)
    says(provider, "openai", {"object": "list", "data": [], "has_more": False})
    assert list(client.responses.input_items.list(name, limit=5)) == []
    says(provider, "openai", b"", status=200)
    client.responses.delete(name)
    assert [(got.method, got.path) for got in provider.got["openai"]] == [
        ("POST", f"/openai/v1/responses/{name}/cancel"),
        ("GET", f"/openai/v1/responses/{name}/input_items?limit=5"),
        ("DELETE", f"/openai/v1/responses/{name}"),
    ]


def test_a_stream_of_it_passes_byte_for_byte(of, made, provider):
    name = made("resp_again")
    event = {"type": "response.completed", "sequence_number": 9, "response": response(name)}
    said = b": again\r\nevent: response.completed\r\ndata: %b\r\n\r\n" % json.dumps(event).encode()
    says(provider, "openai", said, content_type="text/event-stream")
    got = of("own").responses.with_raw_response.retrieve(name, stream=True, starting_after=3)
    assert b"".join(got.http_response.iter_bytes()) == said
    assert provider.got["openai"][0].path == f"/openai/v1/responses/{name}?starting_after=3&stream=true"


SEERS = {"own": True, "lead": True, "admin": True, "other": False, "elsewhere": False}


@pytest.mark.parametrize("prefix", ["", "/openai"])
@pytest.mark.parametrize("who", SEERS)
def test_only_those_who_see_the_call_see_its_response(of, made, provider, who, prefix):
    name, client = made("resp_mine"), of(who, prefix)
    for ask in (client.responses.retrieve, client.responses.cancel, client.responses.delete):
        if SEERS[who]:
            ask(name)
        else:
            with pytest.raises(NotFoundError) as refused:
                ask(name)
            assert refused.value.body["type"] == "invalid_request_error"
    assert len(provider.got["openai"]) == (3 if SEERS[who] else 0)


@pytest.mark.parametrize("name", ["resp_never", "x" * 256])
def test_one_that_nobody_made_is_not_there(of, provider, name):
    with pytest.raises(NotFoundError, match="No response"):
        of("admin").responses.retrieve(name)
    assert provider.got["openai"] == []


@pytest.mark.parametrize(
    "path", ["/v1/responses/", "/v1/responses/a/b", "/v1/responses/a.b", "/openai/v1/responses/a/b"]
)
def test_other_paths_of_responses_are_not_there(gate, keys, provider, path):
    with OpenAI(base_url=gate.url, api_key=keys["admin"], max_retries=0) as client, pytest.raises(NotFoundError):
        client.get(path, cast_to=object)
    assert provider.got["openai"] == []


def test_what_the_provider_says_of_it_passes(of, made, provider):
    name = made("resp_gone")
    says(provider, "openai", {"error": {"message": "gone", "type": "t", "code": None, "param": None}}, status=404)
    with pytest.raises(NotFoundError, match="gone"):
        of("own").responses.retrieve(name)


def test_a_call_is_found_by_the_name_that_the_provider_gave_its_answer(gate, made, keys):
    name = made("resp_found")
    document = harness.get(f"{gate.url}/v1/requests/{name}", keys["own"])
    (entry,) = document["entries"]
    assert (entry["answer_id"], entry["provider"], document["id"]) == (name, "openai", entry["request_id"])
    assert document == harness.get(f"{gate.url}/v1/requests/{document['id']}", keys["own"])


@pytest.mark.parametrize("name", ["previous_response_id", "previous\\u005fresponse_id"])
def test_nobody_continues_the_response_of_another(of, made, provider, name):
    first = made("resp_first")
    of("lead").responses.create(model="gpt-5", input="More", previous_response_id=first)
    assert len(provider.got["openai"]) == 1
    said = f'{{"model": "gpt-5", "input": "More", "{name}": "{first}"}}'
    for prefix, path in (("", "/responses"), ("/openai", "/responses"), ("", "/responses/input_tokens")):
        with pytest.raises(BadRequestError) as refused:
            of("other", prefix).post(path, cast_to=object, content=said.encode(), options={"headers": JSON})
        assert refused.value.param == "previous_response_id"
    assert len(provider.got["openai"]) == 1


@pytest.mark.parametrize("at", ["openai", "xai"])
def test_a_response_is_continued_where_it_was_made(gate, of, provider, keys, at):
    """Whatever the policy would choose."""
    says(provider, "openai", response("resp_at_openai"))
    says(provider, "xai", response("resp_at_xai"))
    of("other", f"/{at}").responses.create(model="either", input="Hi")
    for _ in range(3):
        of("other").responses.create(model="either", input="More", previous_response_id=f"resp_at_{at}")
    assert [len(provider.got[name]) for name in ("openai", "xai")] == ([4, 0] if at == "openai" else [0, 4])


def test_a_prefix_leads_to_its_provider_whoever_made_the_response_before(of, provider):
    says(provider, "xai", response("resp_made_at_xai"))
    of("other", "/xai").responses.create(model="either", input="Hi")
    says(provider, "openai", response("resp_next"))
    of("other", "/openai").responses.create(model="either", input="More", previous_response_id="resp_made_at_xai")
    assert [len(provider.got[name]) for name in ("openai", "xai")] == [1, 1]


def test_a_response_that_is_not_known_here_is_the_providers_to_find(of, provider):
    says(provider, "openai", response("resp_b"))
    of("own").responses.create(model="gpt-5", input="More", previous_response_id="resp_from_elsewhere")
    assert len(provider.got["openai"]) == 1


def test_counting_its_input_is_free_and_keeps_to_the_models_of_the_key(of, provider):
    says(provider, "openai", {"object": "response.input_tokens", "input_tokens": 11})
    got = of("own").responses.input_tokens.with_raw_response.count(model="gpt-5", input="Hi")
    assert (got.parse().input_tokens, got.headers["x-fareway-cost-usd"]) == (11, "0.00")
    assert provider.got["openai"][0].path == "/openai/v1/responses/input_tokens"
    with pytest.raises(PermissionDeniedError):
        of("own").responses.input_tokens.count(model="gpt-4o", input="Hi")
