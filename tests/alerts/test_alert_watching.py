"""A change is told, and what stays as it is is not."""

from gateway.alerts.watching import Seen, changes
from gateway.core.alert import AlertKind as K


def told(before, now):
    return [(alert.kind, alert.sentence) for alert in changes(before, now, 5.0, "home")]


def test_nothing_new_tells_nothing():
    bad = Seen(frozenset({"sim/a"}), 3, "too dear", stale=True, keys={"k": ("", True)})
    assert told(Seen(), Seen()) == told(bad, bad) == []


def test_each_change_is_told():
    down = Seen(frozenset({"sim/b", "sim/a"}))
    assert told(Seen(), down) == [
        (K.PROVIDER_DOWN, "sim/a is left alone after failing repeatedly."),
        (K.PROVIDER_DOWN, "sim/b is left alone after failing repeatedly."),
    ]
    assert told(down, Seen(frozenset({"sim/b"}))) == [(K.PROVIDER_RECOVERED, "sim/a answers again.")]
    assert [kind for kind, _ in told(Seen(), Seen(drift=3, quarantined="too dear", stale=True))] == [
        K.LEDGER_DRIFT,
        K.PRICE_QUARANTINED,
        K.PRICE_STALE,
    ]
    assert [kind for kind, _ in told(Seen(quarantined="a"), Seen(quarantined="b"))] == [K.PRICE_QUARANTINED]


def test_keys_are_told_when_they_come_and_when_they_are_revoked():
    before = Seen(keys={"k1": ("ann", False), "k2": ("", False)})
    now = Seen(keys={"k1": ("ann", True), "k2": ("", False), "k3": ("bob", False)})
    assert told(before, now) == [
        (K.KEY_REVOKED, "The key k1 (ann) was revoked."),
        (K.KEY_CREATED, "The key k3 (bob) was made."),
    ]
    assert told(Seen(), now) == []


def test_what_may_happen_again_has_another_id_then():
    down = Seen(frozenset({"sim/a"}))
    first, second = (next(changes(Seen(), down, at, "home")).id for at in (5.0, 6.0))
    assert first != second
