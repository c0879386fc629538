"""Limits on where calls go, on tags, and on one of these for one of those."""

import openai
import pytest
from road import road, said

pytestmark = pytest.mark.xdist_group("limits")

CONFIG = """
providers:
  one: {base_url: SIM_URL/v1, key: SECRET, prices: sim}
  two: {base_url: SIM_URL/v1, key: SECRET, prices: sim}
models:
  both: {deployments: [one/sim-small, two/sim-small]}
  only: {deployments: [one/sim-small]}
limits:
  - {node: provider:one, amount: 2 requests, window: lifetime}
  - {node: team:t model:sim-large, amount: 1 requests, window: lifetime}
  - {node: "tag:*", amount: 2 requests, window: lifetime}
  - {node: tag:launch, amount: 1 requests, window: lifetime}
  - {node: team:brief, amount: 30 output tokens, window: lifetime}
"""


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("nodes"), CONFIG) as found:
        yield found


def ask(client, model="both", tokens=20, **options):
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=said(f"Go. [[sim: tokens={tokens}]]"), max_tokens=tokens, **options
    )
    return raw.headers


def refusal(client, *args, **options):
    with pytest.raises(openai.RateLimitError) as refused:
        ask(client, *args, **options)
    return refused.value.response.headers["x-fareway-budget-scope"]


def test_a_provider_whose_limit_is_reached_is_passed_over(way):
    with way.client() as client:
        assert [ask(client, "only")["x-fareway-provider"] for _ in range(2)] == ["one", "one"]
        assert [ask(client)["x-fareway-provider"] for _ in range(2)] == ["two", "two"]
        assert refusal(client, "only") == "provider:one"
    booked = [name for line in way.entries() for name in line["charges"]]
    assert booked.count("provider:one/requests/lifetime@always") == 2


def test_one_model_of_one_team(way):
    with way.client(way.key("--team", "t")) as client:
        ask(client, "two/sim-large")
        assert refusal(client, "two/sim-large") == "team:t model:sim-large"
        ask(client, "two/sim-small")
    with way.client() as client:
        ask(client, "two/sim-large")


def test_tags_of_a_key_and_of_a_call(way):
    key = way.key("--tags", "web,prod")
    with way.client(key) as client:
        tagged = ask(client, "two/sim-small", extra_headers={"x-fareway-tags": "launch, junk"})
        assert refusal(client, "two/sim-small", extra_headers={"x-fareway-tags": "launch"}) == "tag:launch"
        way.rest()
        (entry,) = way.document(tagged["x-fareway-request-id"], key)["entries"]
        assert entry["tags"] == ["web", "prod", "launch", "junk"]
        ask(client, "two/sim-small")
        assert refusal(client, "two/sim-small") in {"tag:web", "tag:prod"}
        with pytest.raises(openai.BadRequestError, match="x-fareway-tags"):
            ask(client, extra_headers={"x-fareway-tags": "a b"})


def test_output_tokens_are_counted_apart(way):
    with way.client(way.key("--team", "brief")) as client:
        ask(client, "two/sim-small", 20)
        assert refusal(client, "two/sim-small", 20) == "team:brief"
        ask(client, "two/sim-small", 10)
