"""What callers are told, whatever the dialect."""

from gateway.core.errors import Overloaded


def test_who_is_turned_away_is_told_that_nothing_was_charged():
    said = Overloaded()
    assert (said.status, said.code) == (503, "overloaded")
    assert "Nothing was asked or charged" in str(said)
