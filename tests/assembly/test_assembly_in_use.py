"""Which prices are in use, for the guard and for the alert of new ones."""

from types import SimpleNamespace

from gateway.assembly.in_use import IN_USE_S, called
from gateway.catalog.providers import Provider


def test_what_was_called_has_the_name_that_prices_give_its_provider():
    """Whether the configuration still has it, has it under another name, or never did."""
    asked = []
    ledger = SimpleNamespace(priced=lambda since: asked.append(since) or {("vertex", "a"), ("mine", "b"), ("own", "c")})
    settings = SimpleNamespace(providers={"mine": Provider("mine", "", prices="openai")})
    assert called(settings, ledger, IN_USE_S + 5) == {("google", "a"), ("openai", "b"), ("own", "c")}
    assert asked == [5]
