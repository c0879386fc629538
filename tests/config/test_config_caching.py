"""What the file says about the response cache."""

import pytest

from gateway.cache.embedding import LEXICAL
from gateway.cache.scope import Scope
from gateway.config.problems import ConfigError
from gateway.config.settings import Cache, SemanticCache


def test_its_defaults(configured):
    assert configured("").cache == Cache(3600.0, 256 << 20, shared=False, scope=Scope.KEY, tools=False, semantic=None)
    assert configured("cache: {semantic: {}}").cache.semantic == SemanticCache(0.05, 0.1, 10_000, LEXICAL)
    assert configured("cache: {semantic: off}").cache.semantic is None


def test_all_that_can_be_said(configured, tmp_path, monkeypatch):
    (tmp_path / "acme_words.py").write_text("def embed(text):\n    return {word: 1.0 for word in text.split()}\n")
    monkeypatch.syspath_prepend(tmp_path)
    text = (
        "cache: {scope: org, tools: true, exact: {ttl: 5m, max: 1MiB, store: shared},"
        " semantic: {errors: 1%, verify: 25%, max: 7, embed: acme_words}}"
    )
    semantic = SemanticCache(0.01, 0.25, 7, "acme_words")
    assert configured(text).cache == Cache(300.0, 1 << 20, shared=True, scope=Scope.ORG, tools=True, semantic=semantic)


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("scope: everybody", "scope"),
        ("exact: {store: disk}", "store"),
        ("semantic: {errors: 0%}", "errors"),
        ("semantic: {errors: 100%}", "errors"),
        ("semantic: {errors: 0.05}", "errors"),
        ("semantic: {verify: 0%}", "verify"),
        ("semantic: {max: 0}", "max"),
        ("semantic: {embed: acme.nowhere}", "no module 'acme"),
        ("semantic: {embed: json}", "no function `embed"),
        ("semantic: {embed: two words}", "dotted name"),
        ("semantic: {embed: acme_broken}", "ValueError: hm"),
        ("semantics: {}", "semantic"),
    ],
)
def test_what_is_wrong_is_said(configured, tmp_path, monkeypatch, said, complaint):
    (tmp_path / "acme_broken.py").write_text("def embed(text):\n    raise ValueError('hm')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=complaint):
        configured(f"cache: {{{said}}}")
