"""Headers that begin as ours do: those that we know pass, and a mistyped one is refused before anything is asked."""

import re

import pytest
from edge import CALL, assert_refused, edge
from harness import ROOT

from gateway.core.errors import BadRequest
from gateway.front.own_headers import SAID, TOLD, refuse_unknown

HEADER = re.compile(r"x-fareway-[a-z]+(?:-[a-z]+)*")

pytestmark = pytest.mark.xdist_group("front-own-headers")


def test_all_that_the_sources_name_are_known():
    """The cache's further headers are made from its first."""
    named = {name for path in (ROOT / "gateway").rglob("*.py") for name in HEADER.findall(path.read_text())}
    assert named <= SAID | TOLD
    assert {name for name in SAID | TOLD if not name.startswith("x-fareway-cache")} <= named


@pytest.mark.parametrize("name", [*sorted(SAID | TOLD), "x-farewell", "fareway", "x-request-id"])
def test_what_is_known_or_not_ours_passes(name):
    """Whoever passes calls on may send back what an answer said."""
    refuse_unknown({"host": "x", name: "1"})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("x-fareway-maxcost", 'did you mean "x-fareway-max-cost"?'),
        ("x-fareway-tag", 'did you mean "x-fareway-tags"?'),
        ("x-fareway-", "names that begin so are the gateway's own."),
        ("x-fareway-" + "z" * 9000, "names that begin so are the gateway's own."),
    ],
)
def test_what_is_neither_is_refused_with_what_was_probably_meant(name, hint):
    with pytest.raises(BadRequest, match="There is no header x-fareway-") as refused:
        refuse_unknown({"host": "x", name: "0.01"})
    assert str(refused.value).endswith(hint)
    assert len(str(refused.value)) < 200


def test_a_mistyped_ceiling_costs_nothing(tmp_path):
    with edge(tmp_path) as gate, gate.unmoved():
        answer = gate.ask(CALL, {"X-Fareway-Maxcost": "0.0000001"})
        assert_refused(answer, 400, "invalid_value")
        assert answer.error["param"] == "x-fareway-maxcost"
        assert answer.error["message"] == 'There is no header x-fareway-maxcost: did you mean "x-fareway-max-cost"?'
