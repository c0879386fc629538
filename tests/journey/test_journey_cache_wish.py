"""What a caller may say about the cache, in our words and in HTTP's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.caller import Key
from gateway.core.errors import BadRequest
from gateway.journey.cache_wish import BYPASS, NAMESPACE, TOOLS, TTL, CacheUse, Wish, wish

PLAIN, CACHING = Key("k", b""), Key("k", b"", cache=True)
USE = {"x-fareway-cache": "use"}


@pytest.mark.parametrize(
    ("headers", "key", "expected"),
    [
        ({}, PLAIN, BYPASS),
        ({}, CACHING, Wish(CacheUse.USE)),
        (USE, PLAIN, Wish(CacheUse.USE)),
        ({"x-fareway-cache": " Semantic "}, PLAIN, Wish(CacheUse.SEMANTIC)),
        ({"x-fareway-cache": "refresh"}, CACHING, Wish(CacheUse.REFRESH)),
        ({"x-fareway-cache": "bypass"}, CACHING, BYPASS),
        ({"cache-control": "max-age=5"}, PLAIN, BYPASS),
        ({"cache-control": "no-store"}, CACHING, BYPASS),
        ({"cache-control": "No-Cache"}, CACHING, Wish(CacheUse.REFRESH)),
        ({"cache-control": "max-age=90, private"}, CACHING, Wish(CacheUse.USE, 90.0)),
        ({"cache-control": "max-age=soon"}, CACHING, Wish(CacheUse.USE)),
        (USE | {"cache-control": "no-store"}, PLAIN, Wish(CacheUse.USE)),
        (USE | {TTL: "10m"}, PLAIN, Wish(CacheUse.USE, 600.0)),
        (USE | {TTL: " 1 h "}, PLAIN, Wish(CacheUse.USE, 3600.0)),
        (USE | {NAMESPACE: "v2"}, PLAIN, Wish(CacheUse.USE, None, "v2")),
        (USE | {TOOLS: "allow"}, PLAIN, Wish(CacheUse.USE, tools=True)),
        ({"x-fareway-cache": "bypass", TTL: "nonsense"}, PLAIN, BYPASS),
    ],
)
def test_what_it_comes_to(headers, key, expected):
    assert wish(headers, key) == expected


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-fareway-cache", "perhaps"),
        ("x-fareway-cache", ""),
        (TTL, "10"),
        (TTL, "0s"),
        (TTL, "-1s"),
        (TTL, "1.5h"),
        (NAMESPACE, "two words"),
        (NAMESPACE, ""),
        (NAMESPACE, "x" * 101),
        (TOOLS, "yes"),
    ],
)
def test_what_means_nothing_is_refused_by_name(header, value):
    with pytest.raises(BadRequest, match=header) as refused:
        wish(USE | {header: value}, PLAIN)
    assert refused.value.param == header


@given(st.text(max_size=40))
def test_whatever_stands_in_http_s_header_is_heeded_or_ignored(said):
    wish({"cache-control": said}, CACHING)
