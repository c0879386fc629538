"""What a call that has time is checked against before it is taken."""

from types import SimpleNamespace

import pytest

from gateway.core.errors import BadRequest
from gateway.core.limit import Fare
from gateway.deferred.taking import first_fare


def fare(option):
    if option == "dear":
        raise BadRequest("This call could cost more than any may.")
    return Fare(7), None


def test_it_must_be_payable_at_the_first_place_where_it_does_not_cost_too_much():
    question = SimpleNamespace(fare=fare)
    assert first_fare(question, ("cheap", "dear")) == ("cheap", Fare(7))
    assert first_fare(question, ("dear", "cheap")) == ("cheap", Fare(7))
    with pytest.raises(BadRequest):
        first_fare(question, ("dear", "dear"))
