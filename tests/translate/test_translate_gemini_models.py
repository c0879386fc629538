"""What Gemini's models can do, by their names."""

import pytest

from gateway.translate.gemini import models


@pytest.mark.parametrize(
    ("model", "version"),
    [
        ("gemini-2.0-flash-001", (2, 0)),
        ("gemini-2.5-pro", (2, 5)),
        ("google/gemini-3-flash-preview", (3, 0)),
        ("publishers/google/models/gemini-3.1-pro-preview", (3, 1)),
        ("gemini-4-argon", (4, 0)),
        ("gemini-flash-latest", models.NEWEST),
        ("gemini-nano-banana-2.1", models.NEWEST),
    ],
)
def test_a_generation_by_its_name(model, version):
    assert models.version(model) == version
    assert models.generates(model)


@pytest.mark.parametrize(
    "model",
    [
        "gemini-embedding-2",
        "gemini-3.8-flash-tts",
        "gemini-live-2.5-flash",
        "gemini-3.8-live",
        "gemini-2.5-flash-native-audio-latest",
        "gemma-3-27b-it",
        "imagen-4",
        "my-gemini-3",
    ],
)
def test_what_does_not_generate_text(model):
    assert not models.generates(model)


@pytest.mark.parametrize(
    ("model", "thinks"),
    [
        ("gemini-2.0-flash", False),
        ("gemini-2.5-flash", True),
        ("gemini-2.5-flash-image", False),
        ("gemini-3-pro-image", True),
        ("gemini-3.5-flash", True),
    ],
)
def test_who_thinks(model, thinks):
    assert models.thinks(model) is thinks


@pytest.mark.parametrize(
    ("model", "effort", "level"),
    [
        ("gemini-3.5-flash", "minimal", "MINIMAL"),
        ("gemini-3.5-flash", "none", "MINIMAL"),
        ("gemini-3.1-flash-lite", "minimal", "MINIMAL"),
        ("gemini-3.7-flash", "minimal", "LOW"),
        ("gemini-4-argon", "none", "LOW"),
        ("gemini-4-argon", "medium", "MEDIUM"),
        ("gemini-3-pro-preview", "medium", "HIGH"),
        ("gemini-3.1-pro-preview", "medium", "MEDIUM"),
        ("gemini-3.1-flash-image", "low", "HIGH"),
        ("gemini-3-pro-image", "minimal", "LOW"),
        ("gemini-3.5-flash", "max", "HIGH"),
    ],
)
def test_the_level_asked_for_or_the_next_higher_one(model, effort, level):
    found = models.by_effort(model, effort)
    assert found.config == {"thinkingLevel": level}
    assert found.exact is (effort.upper() == level)


@pytest.mark.parametrize(
    ("model", "tokens", "config", "exact"),
    [
        ("gemini-2.5-flash", 1500, {"thinkingBudget": 1500}, True),
        ("gemini-2.5-flash", 30_000, {"thinkingBudget": 24_576}, False),
        ("gemini-2.5-pro", 1, {"thinkingBudget": 128}, False),
        ("gemini-3.5-flash", 1024, {"thinkingLevel": "LOW"}, False),
        ("gemini-3.5-flash", 1025, {"thinkingLevel": "MEDIUM"}, False),
        ("gemini-3.5-flash", 100_000, {"thinkingLevel": "HIGH"}, False),
    ],
)
def test_so_many_tokens_or_the_level_that_they_stand_for(model, tokens, config, exact):
    assert models.by_tokens(model, tokens) == (config, exact)
