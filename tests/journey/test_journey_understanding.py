"""From what arrived to a question: how big it is at most, wherever it may go."""

import base64
import json

import pytest

from gateway.catalog.catalog import Catalog
from gateway.catalog.providers import Deployment, Provider
from gateway.core.caller import Key
from gateway.core.limit import HoldMode
from gateway.core.request import Asked
from gateway.core.route import Decision
from gateway.dialects.spoken import DIALECTS
from gateway.journey.routing import Router
from gateway.journey.understanding import Call, understood
from gateway.plugins import Plugin
from gateway.upstream.health import Health

WINDOW = 1_000_000
GOOGLE = Provider("google", "http://x", dialects=frozenset({"gemini"}))
OPENAI = Provider("openai", "http://x")


class Book:
    """No prices, and one window for all."""

    def price(self, provider, model, at, region=""):
        return None

    def models(self, provider):
        return ()

    def output_max(self, provider, model):
        return 1000

    def context_window(self, provider, model):
        return WINDOW


def router(*providers):
    names = {"models": {"m": tuple(Deployment(one, "gemini-2.5-pro") for one in providers)}}
    catalog = Catalog({one.name: one for one in providers}, Book, lambda: 0.0, **names)
    plugin = Plugin(lambda request, candidates, context: Decision(candidates, ""), frozenset())
    return Router(
        catalog, Health(failures_max=3, open_s=1), lambda: 0.0, policy=(plugin, {}), auto=(plugin, {}), fallback=0
    )


def input_tokens(dialect, body, *providers):
    asked = Asked(json.dumps({"model": "m", "max_tokens": 100} | body).encode())
    call = Call("req_1", DIALECTS[dialect], {}, asked, 0.0)
    question = understood(call, Key("k", b""), router(*providers), HoldMode.STRICT)
    assert question.request.facts.unseen == (question.request.input_tokens == WINDOW)
    return question.request.input_tokens


def of_user(content):
    return {"messages": [{"role": "user", "content": content}]}


FILM = base64.b64encode(b"film" * 100).decode()
AS_A_PICTURE = of_user([{"type": "image", "source": {"type": "base64", "media_type": "video/mp4", "data": FILM}}])
AS_A_DOCUMENT = of_user(
    [{"type": "document", "source": {"type": "url", "url": "https://www.youtube.com/watch?v=dQw4w9WgXcQ"}}]
)
AS_THE_MODELS = {
    "messages": [
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": "here",
            "images": [{"type": "image_url", "image_url": {"url": f"data:video/mp4;base64,{FILM}"}}],
        },
        {"role": "user", "content": "and?"},
    ]
}


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("anthropic-messages", AS_A_PICTURE),
        ("anthropic-messages", AS_A_DOCUMENT),
        ("openai-chat", AS_THE_MODELS),
    ],
    ids=["as a picture", "as a document", "as a picture of the model's"],
)
def test_what_is_a_film_only_to_the_provider_that_it_is_carried_to_is_held_for_as_one(dialect, body):
    assert input_tokens(dialect, body, GOOGLE) == WINDOW


def test_a_picture_is_held_for_as_one_wherever_it_is_carried():
    picture = {"type": "base64", "media_type": "image/png", "data": FILM}
    assert input_tokens("anthropic-messages", of_user([{"type": "image", "source": picture}]), GOOGLE) < 20_000


def test_a_film_is_held_for_as_the_window_wherever_it_is_asked_for():
    body = of_user([{"type": "text", "text": "hi"}, {"type": "video_url", "video_url": {"url": "https://x.y/a.mp4"}}])
    assert input_tokens("openai-chat", body, OPENAI) == WINDOW
    assert input_tokens("openai-chat", body, OPENAI, GOOGLE) == WINDOW
    assert input_tokens("openai-chat", body, GOOGLE) < WINDOW, "it can go nowhere, which who is to answer says"
