"""What a running gateway knows of keys and limits: whatever is read beside calls, the newest counts."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from gateway.core.caller import Caller, Key
from gateway.core.limit import Limit, Span, Unit
from gateway.core.tenant import Rule
from gateway.keyring import Keyring
from gateway.stores.registry import Kind, Write, encoded

RULE = Rule(Limit("team:t", Unit.USD, 5, Span.DAY))


class Store:
    """Records in memory. Of whoever reads all keys while it is `held`, the first waits, and says so by `reads`."""

    def __init__(self):
        self.version = 0
        self.records = {kind: {} for kind in Kind}
        self.readers, self.reads, self.go_on, self.held = [], threading.Event(), threading.Event(), False
        self.meanwhile = lambda: None

    def all(self, kind):
        if kind is Kind.KEYS:
            self.readers.append(threading.current_thread())
            if self.held:
                self.held = False
                self.reads.set()
                self.go_on.wait(20)
        found, meanwhile = dict(self.records[kind]), self.meanwhile
        self.meanwhile = lambda: None
        meanwhile()
        return found

    def find(self, kind, name, *, hasty=False):
        del hasty
        return self.records[kind].get(name)

    def write(self, writes, notes):
        del notes
        if any(write.before != self.find(write.kind, write.id) for write in writes):
            return False
        for write in writes:
            self.records[write.kind][write.id] = write.after
            if write.after is None:
                del self.records[write.kind][write.id]
        self.version += 1
        return True

    def lift(self, version):
        self.version = max(self.version, version + 1)

    def put(self, kind, name, record):
        assert self.write([Write(kind, name, self.find(kind, name), record and encoded(record))], ())

    def add_key(self, name):
        self.put(Kind.KEYS, name, Key(name, b"digest", Caller(name)))


def ring_of(store, rules, *, local):
    return Keyring(store, store, b"p" * 32, lambda found: rules.append([*found]), list, local=local)


async def slow_follower(store, ring):
    """One that has read the version and nothing else yet."""
    store.add_key("a")
    store.held = True
    following = asyncio.create_task(ring.follow())
    await asyncio.to_thread(store.reads.wait, 20)
    return following


@pytest.mark.parametrize("local", [True, False])
async def test_what_was_deleted_stays_so_whoever_else_follows_and_however_slowly(local):
    """A store of which another has seen more meanwhile has not forgotten anything."""
    store, rules = Store(), []
    store.put(Kind.RULES, RULE.limit.id, RULE)
    ring = ring_of(store, rules, local=local)
    slow = await slow_follower(store, ring)
    store.add_key("b")
    quick = asyncio.create_task(ring.follow())
    await asyncio.wait({quick}, timeout=0.1)  # It waits for the other, or else would be done by now.
    store.put(Kind.RULES, RULE.limit.id, None)
    store.go_on.set()
    await asyncio.gather(slow, quick)
    assert store.records[Kind.RULES] == {}
    assert rules[-1] == []
    assert set(ring.tenants.known) == {"a", "b"}


@pytest.mark.parametrize("local", [True, False])
async def test_whoever_gives_up_while_it_reads_disturbs_nobody(local):
    """Its thread goes on, and nothing of what it finds counts."""
    threads = ThreadPoolExecutor()
    asyncio.get_running_loop().set_default_executor(threads)
    store, rules = Store(), []
    store.put(Kind.RULES, RULE.limit.id, RULE)
    ring = ring_of(store, rules, local=local)
    slow = await slow_follower(store, ring)
    slow.cancel()
    await asyncio.wait({slow})
    store.add_key("b")
    await ring.follow()
    store.put(Kind.RULES, RULE.limit.id, None)
    store.go_on.set()
    await ring.follow()
    threads.shutdown()  # It has ended.
    assert store.records[Kind.RULES] == {}
    assert rules[-1] == []


@pytest.mark.parametrize("local", [True, False])
async def test_all_keys_are_read_beside_the_calls(local):
    """There may be many thousands of them, and one has changed."""
    store = Store()
    ring = ring_of(store, [], local=local)
    store.readers.clear()
    store.add_key("a")
    await ring.follow()
    await ring.follow()
    assert len(store.readers) == 1
    assert threading.current_thread() not in store.readers


def test_rules_have_one_order_however_the_store_tells_them():
    """Of two that are equally narrow the first counts, and that must be the same one everywhere."""
    store, rules = Store(), []
    for node in ("team:u", "team:t"):
        rule = Rule(Limit(node, Unit.USD, 5, Span.DAY))
        store.put(Kind.RULES, rule.limit.id, rule)
    ring_of(store, rules, local=True)
    assert [rule.limit.node for rule in rules[-1]] == ["team:t", "team:u"]


KEY = Key("k", b"secret", Caller("k"))


async def after_a_failover(before, after, meanwhile=()):
    """A store that had these keys and rules and forgets that they became those; `meanwhile` somebody changes it.
    Returns it, with the tenants and the rules that a gateway knows which had seen them."""
    store, rules = Store(), []
    for kind, name, record in before:
        store.put(kind, name, record)
    kept, version = {kind: dict(records) for kind, records in store.records.items()}, store.version
    ring = ring_of(store, rules, local=False)
    for kind, name, record in (*after, *after):  # More was forgotten than is changed again.
        store.put(kind, name, record)
    await ring.follow()
    store.records, store.version = kept, version
    for kind, name, record in meanwhile:
        store.put(kind, name, record)
    await ring.follow()
    return store, ring.tenants, rules[-1]


@pytest.mark.parametrize(
    "change",
    [{"digest": b"other", "former_digest": b"secret"}, {"expires": 5.0}, {"models": ("m",)}, {"revoked": True}],
    ids=str,
)
async def test_a_key_is_after_a_failover_what_it_had_become(change):
    """A secret that leaked is not good again."""
    changed = replace(KEY, **change)
    store, tenants, _ = await after_a_failover([(Kind.KEYS, "k", KEY)], [(Kind.KEYS, "k", changed)])
    assert tenants.known == {"k": changed}
    assert store.records[Kind.KEYS] == {"k": encoded(changed)}


async def test_a_limit_is_after_a_failover_what_it_had_become():
    name, lower = RULE.limit.id, Rule(replace(RULE.limit, amount=2))
    store, _, rules = await after_a_failover([(Kind.RULES, name, RULE)], [(Kind.RULES, name, lower)])
    assert rules == [lower]
    assert store.records[Kind.RULES] == {name: encoded(lower)}


async def test_a_key_that_is_revoked_after_a_failover_stays_so():
    revoked = replace(KEY, revoked=True)
    changed = [(Kind.KEYS, "k", replace(KEY, models=("m",)))]
    store, tenants, _ = await after_a_failover([(Kind.KEYS, "k", KEY)], changed, [(Kind.KEYS, "k", revoked)])
    assert tenants.known == {"k": revoked}
    assert store.records[Kind.KEYS] == {"k": encoded(revoked)}


async def test_who_comes_late_to_a_store_that_has_its_records_back_undoes_nothing_newer():
    """A replica that was cut off had seen a later version than the store had again by then: a secret that had leaked
    was good again everywhere."""
    store, secrets = Store(), [replace(KEY, digest=b"%d" % n) for n in range(7)]
    store.put(Kind.KEYS, "k", secrets[1])
    kept, version = {kind: dict(records) for kind, records in store.records.items()}, store.version
    for n in (2, 3, 4, 5):
        store.put(Kind.KEYS, "k", secrets[n])
    quick, late, later = (ring_of(store, [], local=False) for _ in range(3))
    store.records, store.version = kept, version
    await quick.follow()
    assert store.records[Kind.KEYS] == {"k": encoded(secrets[5])}
    await late.follow()
    store.put(Kind.KEYS, "k", secrets[6])
    for ring in (later, quick, late):
        await ring.follow()
        assert ring.tenants.known == {"k": secrets[6]}
    assert store.records[Kind.KEYS] == {"k": encoded(secrets[6])}


async def test_what_changed_before_a_store_has_its_records_back_is_seen_by_all():
    """Also by whoever had seen just the version that the first to come lifts it to."""
    store = Store()
    for _ in range(3):
        store.put(Kind.KEYS, "k", KEY)
    rings = [ring_of(store, [], local=False) for _ in range(2)]
    store.version = 1
    store.add_key("new")
    for ring in rings:
        await ring.follow()
        assert set(ring.tenants.known) == {"k", "new"}


ROTATED = replace(KEY, digest=b"other", former_digest=KEY.digest)


@pytest.mark.parametrize(
    ("record", "name"), [(replace(KEY, revoked=True), "k"), (ROTATED, "k"), (KEY, "made")], ids=["end", "secret", "key"]
)
async def test_what_one_alone_has_seen_of_a_key_is_not_lost(record, name):
    """The first to come had not, and told the store all that it knew; somebody has gone on with that."""
    store = Store()
    store.put(Kind.KEYS, "k", KEY)
    kept, version = {kind: dict(records) for kind, records in store.records.items()}, store.version
    store.add_key("other")
    behind = ring_of(store, [], local=False)
    store.put(Kind.KEYS, name, record)
    ahead = ring_of(store, [], local=False)
    store.records, store.version = kept, version
    for ring in (behind, ahead):
        await ring.follow()
    store.add_key("new")
    for ring in (ahead, behind):
        await ring.follow()
        assert ring.tenants.known[name] == record
        assert set(ring.tenants.known) == {"k", "other", "new", name}


@pytest.mark.parametrize("late", [False, True])
async def test_a_key_that_is_rotated_after_a_failover_keeps_its_new_secret(late):
    """Also where somebody knew a change that was lost: the secret before may have leaked."""
    store = Store()
    store.put(Kind.KEYS, "k", KEY)
    kept, version = {kind: dict(records) for kind, records in store.records.items()}, store.version
    for _ in range(2):
        store.put(Kind.KEYS, "k", replace(KEY, models=("m",)))
    ring = ring_of(store, [], local=False)
    store.records, store.version = kept, version
    store.put(Kind.KEYS, "k", ROTATED)
    if late:
        store.lift(1000)
    await ring.follow()
    assert ring.tenants.known == {"k": ROTATED}
    assert store.records[Kind.KEYS] == {"k": encoded(ROTATED)}


async def test_what_is_revoked_while_a_store_gets_its_records_back_stays_so():
    """It was overwritten by whoever had read the key a moment before."""
    store, revoked = Store(), replace(KEY, models=("m",), revoked=True)
    store.put(Kind.KEYS, "k", KEY)
    kept, version = {kind: dict(records) for kind, records in store.records.items()}, store.version
    store.put(Kind.KEYS, "k", replace(KEY, models=("m",)))
    ring = ring_of(store, [], local=False)
    store.records, store.version = kept, version
    store.meanwhile = lambda: store.put(Kind.KEYS, "k", revoked)
    await ring.follow()
    assert ring.tenants.known == {"k": revoked}
    assert store.records[Kind.KEYS] == {"k": encoded(revoked)}
