"""A store that forgot is told anew by every replica, also by those that have nothing to report."""

from gateway.core.limit import Limit, Span, Unit
from gateway.limits.accounts import Account
from gateway.limits.leases import Leases
from gateway.limits.windows import Window
from gateway.stores.memory import MemoryStore

ALWAYS = Window("always", 0.0, float("inf"))


class Forgetful(MemoryStore):
    """As a Redis after a flush."""

    def forget(self):
        self._records.clear()
        self.epoch += 1


async def nothing_spent(names):
    return {}


async def test_a_replica_that_rests_tells_what_it_has_leased():
    store = Forgetful(exclusive=False)
    leases = Leases(store, "r1", nothing_spent)
    account = Account("all", Limit("all", Unit.USD, 100, Span.LIFETIME), ALWAYS)
    await leases.open([account])
    await leases.sync(0)
    leased = account.leased
    assert leased
    store.forget()
    await leases.sync(0)
    assert store.standings(account.id)["r1"].leased == leased
