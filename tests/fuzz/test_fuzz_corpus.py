"""What fuzzing has found, tried again without a fuzzer: every input that is kept, those that once failed included."""

import pytest
from fuzz.target import HERE, NAMES, kept, load, pieces

CORPUS_BYTES_MAX = 200 << 10


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_is_kept_fails(name):
    target = load(name)
    assert list(target.seeds())
    for data in (*target.seeds(), *kept(name).values(), b"", bytes(target.HEAD)):
        target.check(data)


def test_the_corpus_is_small():
    assert sum(path.stat().st_size for path in (HERE / "corpus").rglob("*")) <= CORPUS_BYTES_MAX


@pytest.mark.parametrize("choice", [0, 7, 255])
def test_pieces_are_the_whole(choice):
    assert b"".join(pieces(b"some bytes", choice)) == b"some bytes"
