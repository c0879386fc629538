"""The nearest question is found without looking at all of them, and it is the nearest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cache import nearest
from gateway.cache.embedding import LEXICAL, NoEmbedding, load_embedding, of_length_one
from gateway.cache.lexical import embed, marks, similarity
from gateway.cache.nearest import Asked, Nearest

words = st.lists(
    st.sampled_from(["what", "is", "red", "green", "blue", "cat", "dog", "5", "not", "cats"]), min_size=1, max_size=7
)
texts = words.map(" ".join)


def asked(text):
    return Asked(embed(text), marks(text))


@given(st.lists(texts, max_size=30), texts, st.sampled_from([0.8, 0.9, 0.97]))
def test_it_finds_what_looking_at_all_finds(known, text, floor):
    index = Nearest()
    for number, one in enumerate(known):
        index.add(bytes([number]), asked(one))
    new = asked(text)
    agreeing = [one for one in map(asked, known) if one.marks.agree(new.marks)]
    best = max((similarity(one.vector, new.vector) for one in agreeing), default=0.0)
    found = index.find(new, floor)
    if found is None:
        assert best < floor + 1e-9
    else:
        assert found.score == pytest.approx(best)
        assert marks(known[found.name[0]]).agree(new.marks)


@given(st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), texts)), max_size=40))
def test_what_is_dropped_leaves_nothing_behind(steps):
    index, left = Nearest(), {}
    for number, text in steps:
        name = bytes([number])
        if text is None:
            index.drop(name)
            left.pop(name, None)
        else:
            index.add(name, asked(text))
            left[name] = text
        assert len(index) == len(left)
    for name, text in left.items():
        assert index.find(asked(text), 0.999).score == pytest.approx(1)
        index.drop(name)
    assert index._having == {}


def test_of_very_many_alike_not_all_are_compared(monkeypatch):
    compared = []
    monkeypatch.setattr(nearest, "similarity", lambda one, other: compared.append(1) or similarity(one, other))
    index = Nearest()
    for number in range(1000):
        index.add(number.to_bytes(2, "big"), asked("What is it?"))
    assert index.find(asked("What is it?"), 0.8).score == pytest.approx(1)
    assert len(compared) == nearest.CANDIDATES_MAX


def test_an_embedding_of_one_s_own(tmp_path, monkeypatch):
    """By its dotted name, with weights by feature or a list of numbers, of any length."""
    (tmp_path / "acme_dense.py").write_text("def embed(text):\n    return [3.0, 0.0, 4.0]\n")
    (tmp_path / "acme_none.py").write_text("embed = 5\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert load_embedding("acme_dense")("x") == {"0": 0.6, "1": 0.0, "2": 0.8}
    assert load_embedding(LEXICAL) is embed
    assert of_length_one({"a": 0.0}) == {}
    for wrong in ("acme_none", "acme_nowhere"):
        with pytest.raises(NoEmbedding, match=wrong):
            load_embedding(wrong)
