"""What every dialect that is spoken here has in common."""

from typing import get_args
from urllib.parse import quote

import pytest

from gateway.config.fields import DialectName
from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.dialects.spoken import DIALECTS
from gateway.front.paths import way_of
from gateway.front.surfaces import asked_tier


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_request_is_refused(name, body):
    with pytest.raises(BadRequest):
        DIALECTS[name].read(Asked(body))


@pytest.mark.parametrize("name", [name for name in DIALECTS if not name.endswith("count-tokens")])
@pytest.mark.parametrize("answer", [b"", b"null", b"[]", b"\xff", b'{"usage":"\xff"}', b"[" * 100_000])
def test_garbage_is_no_answer_and_raises_nothing(name, answer):
    assert DIALECTS[name].report(answer, frozenset()).usage is None


def test_every_dialect_can_be_named_in_a_configuration():
    assert DIALECTS.keys() <= set(get_args(DialectName))


MODEL = "us.amazon.nova-micro-v1:0"


@pytest.mark.parametrize("prefix", ["", "/bedrock"])
@pytest.mark.parametrize("model", [MODEL, f"bedrock/{MODEL}", f"arn:aws:bedrock:us-east-1:1:inference-profile/{MODEL}"])
@pytest.mark.parametrize(
    ("verb", "name"),
    [
        ("converse", "bedrock-converse"),
        ("converse-stream", "bedrock-converse"),
        ("invoke", "bedrock-invoke"),
        ("invoke-with-response-stream", "bedrock-invoke"),
    ],
)
def test_bedrocks_paths_name_the_model(prefix, model, verb, name):
    for written in (quote(model, safe=""), quote(model, safe="/")):
        surface = way_of(f"{prefix}/model/{written}/{verb}", {}).surface
        assert (surface.dialect.name, surface.model, surface.verb) == (name, model, verb)
    assert way_of(f"{prefix}/model/{verb}", {}).surface is None
    assert way_of(f"{prefix}/model/x/{verb}s", {}).surface is None


@pytest.mark.parametrize(
    ("headers", "tier"),
    [
        ({}, ""),
        ({"x-vertex-ai-llm-shared-request-type": "flex"}, "flex"),
        ({"x-amzn-bedrock-service-tier": "default"}, ""),
        ({"x-amzn-bedrock-service-tier": "priority"}, "priority"),
        ({"x-amzn-bedrock-performanceconfig-latency": "standard"}, ""),
        (
            {"x-amzn-bedrock-service-tier": "default", "x-amzn-bedrock-performanceconfig-latency": "optimized"},
            "optimized",
        ),
    ],
)
def test_a_tier_that_a_header_asks_for(headers, tier):
    assert asked_tier(headers) == tier


@pytest.mark.parametrize("path", ["/v2/chat", "/cohere/v2/chat", "/v2/rerank", "/cohere/v2/rerank"])
def test_coheres_paths(path):
    assert way_of(path, {}).surface.dialect.name == f"cohere-{path.rpartition('/')[2]}"
