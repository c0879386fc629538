"""Pages of engines, and what is read of them."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.providers import KNOWN
from gateway.fleet.engines import ENGINES
from gateway.fleet.engines.said import NOTHING, Said, Times, read

PAGES = Path(__file__).parent / "pages"

SAID = {
    "vllm": Said(
        running=5.0,
        waiting=1.0,
        cache_used=0.5,
        hits=1000.0,
        looked_up=2000.0,
        prompt_tokens=2000.0,
        generated_tokens=500.0,
        first_token=Times(14.0, 7.0),
        request=Times(14.0, 42.0),
    ),
    "vllm-0.8": Said(cache_used=0.7, hits=10.0, looked_up=40.0),
    "sglang": Said(
        running=162.0,
        waiting=2826.0,
        cache_used=0.28,
        hit_rate=0.007507552643049313,
        prompt_tokens=8128902.0,
        generated_tokens=7557572.0,
        first_token=Times(11008.0, 2.3518979474117756e06),
        request=Times(11228.0, 3.116093850019932e06),
    ),
    "llamacpp": Said(running=3.0, waiting=46.0, prompt_tokens=15234.0, generated_tokens=284571.0),
    "tgi": Said(running=1.0, waiting=2.0, prompt_tokens=5000.0, generated_tokens=1000.0, request=Times(10.0, 32.5)),
}


@pytest.mark.parametrize("page", SAID)
def test_what_a_page_says(page):
    """Of several parts of an engine counts add up, and the fullest cache counts."""
    engine = ENGINES[page.partition("-")[0]]
    assert engine.said((PAGES / f"{page}.txt").read_bytes()) == SAID[page]


@given(st.binary(max_size=300))
def test_any_page_is_read(page):
    """What is no page says nothing, or what it says is a number that can be reckoned with."""
    for engine in ENGINES.values():
        said = engine.said(page)
        assert said.running is None or said.running >= 0


def test_other_names_that_begin_alike_are_not_read():
    page = b"llamacpp:requests_processing_max 9\nllamacpp:requests_processing 2 1700000000000\n"
    assert read(page, ENGINES["llamacpp"].names) == Said(running=2.0)


def test_what_cannot_be_is_not_read():
    page = b"llamacpp:requests_processing -1\nllamacpp:requests_deferred\nllamacpp:prompt_tokens_total +Inf\n"
    assert read(page, ENGINES["llamacpp"].names) == NOTHING


@pytest.mark.parametrize("each", ["1e308", "9e15"])
def test_what_adds_up_to_more_than_can_be_counted_is_not_read(each):
    """Not even where each part of it could be."""
    names = ("vllm:num_requests_running", "vllm:prompt_tokens_total", "vllm:e2e_request_latency_seconds_sum")
    page = "".join(f'{name}{{engine="{part}"}} {each}\n' for name in names for part in range(2))
    assert read(page.encode(), ENGINES["vllm"].names) == NOTHING


MODELS = [
    ("", b'{"object": "list", "data": [{"id": "a"}, {"id": "org/b", "owned_by": "vllm"}]}', {"a", "org/b"}),
    ("llamacpp", b'{"data": [{"id": "a.gguf", "aliases": ["a"]}], "models": [{"name": "a.gguf"}]}', {"a.gguf", "a"}),
    (
        "ollama",
        b'{"models": [{"name": "llama3.2:latest"}, {"name": "phi:3b"}]}',
        {"llama3.2:latest", "llama3.2", "phi:3b"},
    ),
    ("tgi", b'{"model_id": "org/a", "version": "3.3.4"}', {"org/a"}),
]


@pytest.mark.parametrize(("kind", "page", "models"), MODELS)
def test_the_models_that_a_page_names(kind, page, models):
    assert ENGINES[kind].listed(page) == models


@pytest.mark.parametrize("kind", ENGINES)
def test_what_is_no_list_of_models(kind):
    with pytest.raises(msgspec.MsgspecError):
        ENGINES[kind].listed(b'{"error": "?"}')


def test_every_engine_that_a_known_provider_names_is_there():
    assert {provider.engine for provider in KNOWN.values()} == set(ENGINES)
