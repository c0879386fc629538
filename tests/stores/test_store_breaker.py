"""A store that fails is left alone for a while, and then asked by one."""

from gateway.stores.breaker import FAILURES_MAX, REST_S, Breaker


def made():
    now, told = [0.0], []
    return Breaker(told.append, lambda: now[0]), now, told


def trip(breaker):
    for _ in range(FAILURES_MAX):
        assert breaker.admits()
        breaker.failed()


def test_a_few_failures_are_forgiven():
    breaker, _, told = made()
    for _ in range(10):
        for _ in range(FAILURES_MAX - 1):
            breaker.failed()
        breaker.worked()
    assert breaker.admits()
    assert told == []


def test_after_more_in_a_row_nobody_asks_for_a_while_and_then_one():
    breaker, now, told = made()
    trip(breaker)
    assert not breaker.admits()
    now[0] = REST_S * 0.99
    assert not breaker.admits()
    now[0] = REST_S
    assert [breaker.admits() for _ in range(3)] == [True, False, False]
    breaker.failed()
    now[0] += REST_S * 0.99
    assert not breaker.admits()
    now[0] += REST_S * 0.01
    assert breaker.admits()
    breaker.worked()
    assert [breaker.admits() for _ in range(3)] == [True, True, True]
    assert told == [True, False]


def test_one_that_asks_and_never_says_how_it_went_blocks_nobody_for_ever():
    breaker, now, _ = made()
    trip(breaker)
    now[0] = REST_S
    assert breaker.admits()
    now[0] += REST_S
    assert breaker.admits()
