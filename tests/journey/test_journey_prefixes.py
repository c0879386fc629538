"""A conversation of 40 turns through a running gateway: what reaches the provider only grows at its end."""

import http.client
import json
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import urlsplit

import harness
import pytest
from translate import long_talk
from upstream import Reply, upstream

from gateway.prompt_cache.blocks import prompt_of

pytestmark = pytest.mark.xdist_group("prefixes")

TURNS = 40
CONFIG = """
providers:
  openai: {base_url: URL/openai/v1}
  anthropic: {base_url: URL/anthropic/v1}
  google: {base_url: URL/google/v1beta/openai}
  bedrock: {base_url: URL/bedrock, region: us-east-1}
"""
ENV = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "AWS_BEARER_TOKEN_BEDROCK"), "theirs")
PATHS = {
    "openai-chat": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
    "anthropic-messages": "/v1/messages",
    "gemini": "/v1beta/models/MODEL:generateContent",
}


class Way(NamedTuple):
    """From a client to a provider."""

    inbound: str
    model: str
    outbound: str

    @property
    def provider(self):
        return self.model.partition("/")[0]


CLAUDE = "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
WAYS = [
    Way("openai-chat", "openai/gpt-5.4-mini", "openai-chat"),
    Way("openai-responses", "openai/gpt-5.4-mini", "openai-responses"),
    Way("anthropic-messages", "anthropic/claude-sonnet-4-6", "anthropic-messages"),
    Way("gemini", "google/gemini-2.5-flash", "gemini"),
    Way("openai-chat", "anthropic/claude-sonnet-4-6", "anthropic-messages"),
    Way("openai-responses", "anthropic/claude-sonnet-4-6", "anthropic-messages"),
    Way("openai-chat", CLAUDE, "bedrock-converse"),
    Way("anthropic-messages", CLAUDE, "bedrock-invoke"),
    Way("anthropic-messages", "google/gemini-2.5-flash", "gemini"),
    Way("anthropic-messages", "openai/gpt-5.4-mini", "openai-chat"),
    Way("gemini", "openai/gpt-5.4-mini", "openai-chat"),
]


@pytest.fixture(scope="module")
def provider():
    with upstream() as found:
        yield found


@pytest.fixture(scope="module")
def gate(provider, tmp_path_factory):
    running = harness.gateway(tmp_path_factory.mktemp("prefixes"), CONFIG.replace("URL", provider.url), env=ENV)
    try:
        yield running
    finally:
        assert running.stop() == 0


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.inbound}-{way.outbound}")
def test_the_provider_gets_what_it_had_and_more(way, gate, provider):
    talk = long_talk.TALKS[way.inbound]()
    provider.got[way.provider].clear()
    provider.replies[way.provider] = [Reply(long_talk.answer(way.outbound)) for _ in range(TURNS)]
    url = urlsplit(gate.url)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    for _ in range(TURNS):
        talk.say()
        body = talk.asked().body.replace(b'"model": "m"', b'"model": "%b"' % way.model.encode(), 1)
        path = PATHS[way.inbound].replace("MODEL", way.model.partition("/")[2])
        headers = {"Authorization": f"Bearer {gate.tokens[1]}", "Content-Type": "application/json"}
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 200, said
        talk.heard(said)
    connection.close()
    sent = [prompt_of(way.outbound, got.body).text for got in provider.got[way.provider]]
    assert len(sent) == TURNS
    for turn, (before, after) in enumerate(pairwise(sent), 2):
        assert after.startswith(before.rstrip(b"]}")), (turn, json.dumps(way))
