"""What is cleared is what was said: all, or one key's, team's or model's, and only what is older."""

import pytest

from gateway.core.caller import Caller
from gateway.core.clearing import Clearing, Label
from gateway.core.entry import Entry, Outcome
from gateway.core.price import UNPRICED
from gateway.core.usage import Usage

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


def test_a_label_is_of_the_call_that_bought_the_answer():
    bought = Entry(
        "r.1", "r", 10.0, Caller("k", team="t"), "fast", "p", "gpt", "gpt-served", "standard", selfhosted=False,
        reason="", usage=Usage(), cost=UNPRICED, held_nanos=0, outcome=Outcome.OK, status=200,
    )  # fmt: skip
    assert Label.of(bought) == ANSWER


def test_its_id_says_whom_it_concerns():
    assert Clearing(1.0).id == "all"
    assert Clearing(1.0, key="k", model="m").id == "key:k model:m"
