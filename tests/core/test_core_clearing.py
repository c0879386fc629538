"""What is cleared is what was said: all, or one key's, team's or model's, and only what is older."""

import pytest

from gateway.core.clearing import Clearing, Label

ANSWER = Label("k", "t", "fast", "gpt", at=10.0)


@pytest.mark.parametrize(
    ("clearing", "goes"),
    [
        (Clearing(11.0), True),
        (Clearing(10.0), False),
        (Clearing(11.0, key="k"), True),
        (Clearing(11.0, key="other"), False),
        (Clearing(11.0, team="t"), True),
        (Clearing(11.0, team="other"), False),
        (Clearing(11.0, model="fast"), True),
        (Clearing(11.0, model="gpt"), True),
        (Clearing(11.0, model="other"), False),
        (Clearing(11.0, key="k", team="t", model="gpt"), True),
        (Clearing(11.0, key="k", team="other"), False),
    ],
)
def test_what_goes(clearing, goes):
    assert clearing.covers(ANSWER) is goes


def test_its_id_says_whom_it_concerns():
    assert Clearing(1.0).id == "all"
    assert Clearing(1.0, key="k", model="m").id == "key:k model:m"
