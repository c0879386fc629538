"""Nodes: which of them a call belongs to, and which pattern speaks about which."""

import pytest

from gateway.core.caller import Caller
from gateway.core.node import Place, breadth, covers, meeting, names_of, nodes, placed, rank, without_place

ANN = Caller("k", "o", "t", "ann", tags=("a", "b"), brought_tags=("c",))
GPT = Place("openai", "premium", "gpt")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("all", ["all"]),
        ("org:o", ["org:o"]),
        ("org:x", []),
        ("team:*", ["team:t"]),
        ("user:ann", ["user:ann"]),
        ("user:an", []),
        ("key:*", ["key:k"]),
        ("tag:*", ["tag:a", "tag:b"]),
        ("tag:c", ["tag:c"]),
        ("tag:d", []),
        ("team:t model:gpt", ["team:t model:gpt"]),
        ("team:x model:gpt", []),
        ("tag:* model:*", ["tag:a model:gpt", "tag:b model:gpt"]),
        ("tier:premium", ["tier:premium"]),
        ("provider:azure", []),
    ],
)
def test_a_call_belongs_to_the_nodes_that_name_it(pattern, found):
    assert list(nodes(pattern, names_of(ANN, GPT))) == found


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("model:*", ["model:my%20gpt%20model:x"]),
        ("team:t model:*", ["team:t model:my%20gpt%20model:x"]),
        ("model:my%20gpt%20model:x", ["model:my%20gpt%20model:x"]),
        ("model:my", []),
        ("model:x", []),
    ],
)
def test_a_space_in_a_name_is_none_between_parts(pattern, found):
    """An engine may have such names; and a caller may invent them, though none that escapes its limit."""
    place = Place("openai", "premium", "my gpt model:x")
    assert list(nodes(pattern, names_of(ANN, place))) == found
    assert all(covers(pattern, node) and rank(node) for node in found)


def test_before_it_is_decided_where_a_call_goes_it_belongs_to_no_place():
    assert nodes("model:*", names_of(ANN)) == ()
    assert nodes("team:t model:gpt", names_of(ANN)) == ()


def test_what_has_no_name_belongs_to_no_node():
    assert nodes("team:*", names_of(Caller("k"))) == ()


@pytest.mark.parametrize(
    ("pattern", "node", "right"),
    [
        ("all", "all", True),
        ("team:a", "team:a", True),
        ("team:a", "team:ab", False),
        ("key:*", "key:x", True),
        ("key:*", "team:x", False),
        ("all", "key:x", False),
        ("team:a", "team:a model:m", False),
        ("team:* model:m", "team:a model:m", True),
        ("team:* model:n", "team:a model:m", False),
    ],
)
def test_a_pattern_covers_its_node_and_a_star_all_of_a_kind(pattern, node, right):
    assert covers(pattern, node) is right


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("all", "all", "all"),
        ("key:*", "key:k", "key:k"),
        ("key:*", "key:*", "key:*"),
        ("key:j", "key:k", None),
        ("key:*", "user:*", None),
        ("key:*", "key:k model:m", None),
        ("key:* model:m", "key:k model:*", "key:k model:m"),
        ("key:* model:m", "key:k model:n", None),
        ("key:* model:*", "key:k model:*", "key:k model:*"),
    ],
)
def test_what_two_patterns_both_speak_about_is_a_pattern(one, other, both):
    assert (meeting(one, other), meeting(other, one)) == (both, both)


def test_what_speaks_about_places():
    assert [placed(node) for node in ("all", "key:*", "model:m", "team:a tier:premium")] == [False, False, True, True]
    assert [without_place(n) for n in ("model:m", "team:a tier:premium", "key:*")] == ["all", "team:a", "key:*"]


def test_narrower_patterns_rule_and_wider_nodes_stand_first():
    assert breadth("team:* model:*") > breadth("team:* model:m") > breadth("team:a model:m")
    assert sorted(["key:k", "model:m", "all", "team:t", "org:o"], key=rank) == [
        *("all", "org:o", "team:t", "key:k", "model:m"),
    ]
