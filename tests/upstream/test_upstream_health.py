"""The breaker: failures in a row keep calls away for a while, then one may try."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream import health as health_module
from gateway.upstream.health import DEPLOYMENTS_MAX, FORGOTTEN, WAITS_KEPT, WAITS_MIN, Health, Vitals, Waits


def broken(now=0.0, failures_max=3, open_s=10.0):
    vitals = Vitals()
    for _ in range(failures_max):
        vitals.failed(now, failures_max=failures_max, open_s=open_s)
    return vitals


def test_so_many_failures_in_a_row_open_it_and_one_less_does_not():
    vitals = broken()
    assert not vitals.working(0.0)
    assert not vitals.working(9.99)
    assert vitals.working(10.0)
    almost = Vitals()
    for _ in range(2):
        almost.failed(0.0, failures_max=3, open_s=10.0)
    assert almost.working(0.0)
    almost.succeeded()
    for _ in range(2):
        almost.failed(0.0, failures_max=3, open_s=10.0)
    assert almost.working(0.0)


def test_after_a_while_one_call_may_try_and_no_second():
    vitals = broken()
    assert vitals.begin(9.9) is False  # Sent all the same, as the last resort: not the one that tries.
    assert vitals.begin(10.0) is True
    assert not vitals.working(10.0)
    assert vitals.begin(10.0) is False
    vitals.leave(False)
    assert not vitals.working(10.0)
    vitals.leave(True)
    assert vitals.working(10.0)
    assert vitals.begin(10.0) is True


def test_a_try_that_succeeds_closes_it():
    vitals = broken()
    probe = vitals.begin(10.0)
    vitals.succeeded()
    vitals.leave(probe)
    assert vitals.begin(10.0) is False
    assert vitals.working(10.0)
    assert not vitals.failures


def test_a_try_that_begins_to_be_answered_closes_it_for_the_others():
    """Its stream may take minutes."""
    vitals = broken()
    assert vitals.begin(10.0)
    vitals.begun(probe=True)
    assert vitals.working(10.0)
    assert vitals.begin(10.0) is False
    vitals.leave(False)
    assert vitals.working(10.0), "it has shown that it answers, whoever leaves"


def test_until_one_has_succeeded_the_next_failure_opens_it_again():
    vitals = broken()
    vitals.begin(10.0)
    vitals.begun(probe=True)
    vitals.failed(11.0, failures_max=3, open_s=10.0)
    assert not vitals.working(20.9)
    vitals.begin(21.0)
    vitals.begun(probe=True)
    vitals.succeeded()
    vitals.failed(22.0, failures_max=3, open_s=10.0)
    assert vitals.working(22.0)


def failing(*keys, now=0.0):
    vitals = Vitals()
    for key_id in keys:
        vitals.failed(now, key_id, failures_max=3, open_s=10.0)
    return vitals


def test_what_fails_for_one_key_alone_is_left_alone_by_that_key_alone():
    """Its calls may be what breaks the provider."""
    vitals = failing("a", "a", "a")
    assert (vitals.working(0.0, "a"), vitals.working(0.0), vitals.working(0.0, "b")) == (False, False, True)
    assert vitals.begin(0.0, "b") is False
    vitals.succeeded()
    assert vitals.working(0.0, "a"), "it answers"


def test_as_many_failures_of_other_keys_leave_it_alone_for_all():
    """What one key's calls did before says nothing of the first failure of another's: that may be a hiccup."""
    vitals = failing("a", "a", "a", "b", "c", now=5.0)
    assert [vitals.working(5.0, key_id) for key_id in "abcd"] == [False, True, True, True]
    vitals.failed(5.0, "b", failures_max=3, open_s=10.0)
    assert not any(vitals.working(14.9, key_id) for key_id in ("a", "b", "c", "d", ""))
    assert vitals.begin(15.0, "c") is True
    assert not any(vitals.working(15.0, key_id) for key_id in ("a", "b", "c", "d", ""))


def test_it_is_the_key_that_failed_most_whose_failures_are_its_own():
    """Not the one that failed first."""
    assert failing("b", "a", "a", "a").working(0.0, "b")
    assert not failing("b", "a", "a", "a").working(0.0, "a")
    assert failing("a", "b", "a", "b").working(0.0, "c"), "each was counted twice"
    assert not failing("a", "b", "c", "d").working(0.0, "e"), "three beside any of them"


def broken_for_all():
    """By two keys, until 10."""
    return failing("a", "b", "c", "d")


def test_a_try_that_fails_tells_of_its_own_key_and_another_may_try():
    """Or the key that breaks it, and asks most often, would win every try."""
    vitals = broken_for_all()
    probe = vitals.begin(10.0, "a")
    vitals.failed(10.0, "a", failures_max=3, open_s=10.0)
    vitals.leave(probe)
    assert not vitals.working(19.9, "a")
    assert vitals.begin(10.0, "b") is True
    assert not vitals.working(10.0, "c"), "one at a time"
    vitals.succeeded()
    assert vitals.working(10.0, "a")


def test_where_a_second_key_tries_in_vain_it_is_left_alone_by_all_again():
    vitals = broken_for_all()
    for key_id in "ab":
        probe = vitals.begin(10.0, key_id)
        vitals.failed(10.0, key_id, failures_max=3, open_s=10.0)
        vitals.leave(probe)
    assert not any(vitals.working(19.9, key_id) for key_id in ("a", "b", "c", ""))
    assert all(vitals.working(20.0, key_id) for key_id in ("a", "b", "c", ""))
    vitals.failed(20.0, "b", failures_max=3, open_s=10.0)
    assert [vitals.working(20.0, key_id) for key_id in "abc"] == [True, False, True], "whoever tries first this time"


def test_a_key_alone_tries_again_after_a_while():
    vitals = failing("a", "a", "a")
    for now in (10.0, 20.0):
        assert vitals.begin(now, "a") is True
        vitals.leave(True)
        vitals.failed(now, "a", failures_max=3, open_s=10.0)
        assert not vitals.working(now + 9.9, "a")
    assert vitals.working(30.0, "a")
    assert vitals.begin(30.0, "a")
    vitals.begun("a", probe=True)
    assert vitals.begin(30.0, "a") is False, "it answers this key, too"


def test_an_answer_that_begins_for_another_key_says_nothing_to_the_key_that_breaks_it():
    vitals = broken_for_all()
    vitals.failed(10.0, "a", failures_max=3, open_s=10.0)
    assert vitals.begin(10.0, "b")
    vitals.begun("b", probe=True)
    assert [vitals.working(10.0, key_id) for key_id in "abc"] == [False, True, True]
    vitals.failed(11.0, "a", failures_max=3, open_s=10.0)
    assert [vitals.working(11.0, key_id) for key_id in "abc"] == [False, True, True]


def test_one_key_that_breaks_it_all_the_time_takes_it_from_nobody():
    """Twenty calls a second that fail, beside one a second of another key, of which every fifth fails."""
    vitals, refused, answered, told = Vitals(), 0, False, False
    for tick in range(20 * 60):
        now = tick / 20
        if vitals.working(now, "a"):
            probe = vitals.begin(now, "a")
            vitals.failed(now, "a", failures_max=5, open_s=10.0)
            vitals.leave(probe)
        if tick % 20 == 10 and not vitals.working(now, "b"):
            refused += 1
        elif tick % 100 == 10:
            vitals.failed(now, "b", failures_max=5, open_s=10.0)
        elif tick % 20 == 10:
            vitals.succeeded("b")
            answered = True
        told = told or (answered and vitals.left_alone)
    assert refused == 0
    assert not told, "nor has it the operator called"


def test_a_key_that_breaks_it_takes_the_try_from_nobody():
    vitals = failing("a", "a", "a")
    assert vitals.begin(10.0, "b") is False
    assert vitals.begin(10.0, "a") is True
    assert (vitals.working(10.0, "a"), vitals.working(10.0, "b")) == (False, True)


def test_failures_before_a_success_are_nobodys_any_more():
    vitals = failing("a", "a", "b")
    vitals.succeeded()
    for _ in range(3):
        vitals.failed(0.0, "b", failures_max=3, open_s=10.0)
    assert (vitals.working(0.0, "a"), vitals.working(0.0, "b")) == (True, False)


def test_a_try_that_fails_opens_it_again_for_as_long():
    vitals = broken()
    probe = vitals.begin(10.0)
    vitals.failed(10.0, failures_max=3, open_s=10.0)
    vitals.leave(probe)
    assert not vitals.working(19.9)
    assert vitals.working(20.0)


@given(st.lists(st.booleans(), max_size=60))
def test_the_error_rate_is_a_share_that_rises_with_failures_and_falls_with_successes(calls):
    vitals = Vitals()
    for failed in calls:
        before = vitals.error_rate
        if failed:
            vitals.failed(0.0, failures_max=3, open_s=1.0)
            assert before < vitals.error_rate <= 1
        else:
            vitals.succeeded()
            assert vitals.error_rate <= before
        assert 0 <= vitals.error_rate <= 1


@given(st.lists(st.floats(1, 1000), min_size=1, max_size=50))
def test_averages_begin_with_the_first_value_and_stay_between_the_least_and_the_most(values):
    vitals = Vitals()
    for value in values:
        vitals.streams.saw(value)
        vitals.saw_output(round(value))
    assert min(values) - 1e-6 <= vitals.streams.average <= max(values) + 1e-6
    one = Vitals()
    one.streams.saw(5.0)
    assert one.streams.average == 5.0


def test_calls_in_flight_are_counted():
    vitals = Vitals()
    assert [vitals.begin(0.0) for _ in range(3)] == [False] * 3
    vitals.leave(False)
    assert vitals.in_flight == 2
    vitals.leave(False)
    vitals.leave(False)
    assert vitals.in_flight == 0


@given(
    st.lists(
        st.tuples(st.sampled_from(["begin", "begun", "leave", "fail", "succeed", "wait"]), st.integers(0, 5)),
        max_size=60,
    )
)
def test_whatever_comes_no_two_calls_try_at_once(steps):
    """Whosever they are. And once all calls are over, whoever comes after the pause may try."""
    vitals, now, flying = broken(), 0.0, []
    for step, n in steps:
        key_id = ("", "a", "b")[n % 3]
        match step:
            case "begin":
                flying.append(vitals.begin(now, key_id))
            case "begun" if any(flying):
                flying[flying.index(True)] = False
                vitals.begun(key_id, probe=True)
            case "leave" if flying:
                vitals.leave(flying.pop(n % len(flying)))
            case "fail":
                vitals.failed(now, key_id, failures_max=3, open_s=10.0)
            case "succeed":
                vitals.succeeded()
            case "wait":
                now += n
        assert vitals.in_flight == len(flying)
        assert sum(flying) == vitals.probing
        assert vitals.open_until == 0.0 or not (vitals.probing and vitals.working(now))
    for probe in flying:
        vitals.leave(probe)
    assert all(vitals.working(now + 10.0, key_id) for key_id in ("", "a", "b", "c"))


def test_every_deployment_has_vitals_of_its_own_under_the_configured_breaker():
    health = Health(failures_max=2, open_s=5.0)
    assert health.of("a") is health.of("a")
    for _ in range(2):
        health.failed("a", 0.0)
    health.failed("c", 0.0)
    assert health.of("b").working(0.0)
    assert health.states() == {"a": 1, "c": 0}


def test_a_gauge_shows_who_failed_once_also_after_it_is_well_again():
    """A series that vanished would look like one that was never there."""
    health = Health(failures_max=1, open_s=5.0)
    health.of("never").succeeded()
    health.failed("once", 0.0)
    health.of("once").succeeded()
    assert health.states() == {"once": 0}


def test_it_is_left_alone_until_it_answers():
    """A pause that is over says nothing: who takes it for an answer tells of one that never came."""
    vitals = broken_for_all()
    assert vitals.left_alone
    assert vitals.begin(10.0, "a")
    assert vitals.left_alone
    vitals.failed(10.0, "a", failures_max=3, open_s=10.0)
    assert vitals.left_alone
    vitals.leave(True)
    assert vitals.begin(10.0, "b")
    vitals.begun("b", probe=True)
    vitals.succeeded("b")
    assert not vitals.left_alone


def test_the_only_key_that_uses_it_finds_it_left_alone_for_everybody():
    vitals = failing("a", "a", "a")
    assert vitals.left_alone, "it has answered nobody yet"
    vitals.succeeded("a")
    assert not vitals.left_alone
    for _ in range(3):
        vitals.failed(0.0, "a", failures_max=3, open_s=10.0)
    assert vitals.left_alone


def test_what_one_key_breaks_for_itself_is_not_left_alone():
    """Whoever holds a key could have the operator called."""
    vitals = Vitals()
    vitals.succeeded("b")
    for _ in range(3):
        vitals.failed(0.0, "a", failures_max=3, open_s=10.0)
    assert not vitals.working(0.0, "a")
    assert not vitals.left_alone


def test_who_was_answered_long_ago_does_not_hide_that_nobody_is_now():
    """A provider died at night, when one key's batch alone called: nobody heard of it until others had failed."""
    vitals = Vitals()
    vitals.succeeded("b")
    for now in (100.0, 100.0, 100.0, 110.0, 399.9):  # Also such as are sent as the last resort.
        vitals.failed(now, "a", failures_max=3, open_s=10.0)
        assert not vitals.left_alone, "others may be answered"
    vitals.failed(400.0, "a", failures_max=3, open_s=10.0)
    assert vitals.left_alone
    vitals.succeeded("b")
    assert not vitals.left_alone
    for now in (401.0, 401.0, 401.0, 700.9):
        vitals.failed(now, "a", failures_max=3, open_s=10.0)
    assert not vitals.left_alone, "b was answered since"


def test_answers_that_begin_and_break_off_do_not_hide_it_either():
    vitals = Vitals()
    vitals.succeeded("b")
    for now in (100.0, 100.0, 100.0):
        vitals.failed(now, "a", failures_max=3, open_s=10.0)
    for now in (110.0, 250.0, 401.0):
        assert vitals.begin(now, "a")
        vitals.begun("a", probe=True)
        vitals.begun("a", probe=False)  # Who follows it at once.
        vitals.leave(probe=True)
        vitals.failed(now + 1, "a", failures_max=3, open_s=10.0)
    assert vitals.left_alone


def changes(*, every_s, stream_s, down_at=float("inf"), seconds=1200):
    """What is told, second by second, of one that key `a` breaks for itself, beside streams of `b`: and when."""
    vitals, told, ends = Vitals(), [], []
    vitals.succeeded("b")
    for now in range(seconds):
        if vitals.working(now, "a"):
            probe = vitals.begin(now, "a")
            vitals.failed(now, "a", failures_max=5, open_s=10.0)
            vitals.leave(probe)
        if now % every_s == 0 and vitals.working(now, "b"):
            ends.append((now + stream_s, vitals.begin(now, "b")))
            vitals.begun("b", probe=ends[-1][1])
        while ends and ends[0][0] <= now:
            vitals.leave(ends.pop(0)[1])
            if now < down_at:
                vitals.succeeded("b")
            else:
                vitals.failed(now, "b", failures_max=5, open_s=10.0)
        if vitals.left_alone != bool(len(told) % 2):
            told.append(now)
    return told


@pytest.mark.parametrize(
    ("every_s", "stream_s"), [(30, 0), (15, 30), (60, 900)], ids=["answers", "streams", "long streams"]
)
def test_what_one_key_breaks_for_itself_is_not_told_while_another_is_answered(every_s, stream_s):
    """Every ten seconds the operator was called, and again for every answer."""
    assert changes(every_s=every_s, stream_s=stream_s) == []


@pytest.mark.parametrize(("every_s", "stream_s"), [(30, 0), (15, 30)])
def test_what_breaks_for_another_key_too_is_told(every_s, stream_s):
    """Also where its answers begin all the same."""
    (first, *_) = changes(every_s=every_s, stream_s=stream_s, down_at=600)
    assert 600 < first <= 600 + 5 * every_s


def test_a_look_keeps_nothing():
    """Policies look at every candidate, and callers can make up names."""
    health = Health(failures_max=1, open_s=5.0)
    stranger = health.seen("a")
    assert stranger.working(0.0)
    assert (stranger.error_rate, stranger.streams.average, stranger.in_flight) == (0.0, None, 0)
    stranger.failed(0.0, failures_max=1, open_s=5.0)
    assert health.seen("a").working(0.0)
    assert len(health._vitals) == 0
    asked = health.of("a")
    assert health.seen("a") is asked
    health.failed("a", 0.0)
    assert not health.seen("a").working(0.0)


def test_vitals_are_kept_of_so_many_and_no_more():
    """Those asked first go, but never one with calls in flight."""
    health = Health(failures_max=1, open_s=5.0)
    busy = health.of("busy")
    busy.begin(0.0)
    for n in range(DEPLOYMENTS_MAX + 50):
        health.of(f"d{n}").saw_output(n)
        assert len(health._vitals) <= DEPLOYMENTS_MAX
    assert health.of("busy") is busy
    assert health.seen(f"d{FORGOTTEN - 1}").output_tokens is None
    assert health.seen(f"d{FORGOTTEN}").output_tokens == FORGOTTEN
    assert health.of(f"d{FORGOTTEN}") is health.seen(f"d{FORGOTTEN}")
    assert len(health._vitals) == DEPLOYMENTS_MAX - FORGOTTEN + 51


def test_names_that_were_made_up_are_forgotten_though_their_provider_is_down():
    """Those whose pause is over first: what failed last is left alone with reason. And never before them one that has
    answered: what policies know of it would be gone."""
    health = Health(failures_max=1, open_s=5.0)
    health.of("well").succeeded("k")  # Of a ranking, say, which has no tokens.
    for n in range(2 * DEPLOYMENTS_MAX):
        health.failed(f"d{n}", n / 1000, ("a", "")[n % 2])
        assert len(health._vitals) <= DEPLOYMENTS_MAX
    last = 2 * DEPLOYMENTS_MAX - 1
    assert not health.seen(f"d{last}").working(last / 1000)
    assert "d0" not in health.known
    assert health.seen("well").answered


def test_where_all_are_busy_another_is_kept_all_the_same(monkeypatch):
    monkeypatch.setattr(health_module, "DEPLOYMENTS_MAX", 2)
    health = Health(failures_max=1, open_s=5.0)
    for name in "abc":
        health.of(name).begin(0.0)
    assert [health.seen(name).in_flight for name in "abc"] == [1, 1, 1]


def test_a_call_that_left_before_it_broke_does_not_let_a_second_one_try():
    """Half open means that one may try: an older call coming to its end is not that one."""
    vitals = Vitals()
    old = vitals.begin(0.0)
    for _ in range(3):
        vitals.failed(0.0, failures_max=3, open_s=10.0)
    probe = vitals.begin(10.0)
    assert (old, probe) == (False, True)
    assert not vitals.working(10.0)
    vitals.leave(old)  # While the try is still under way.
    assert not vitals.working(10.0)
    vitals.leave(probe)
    assert vitals.working(10.0)


def test_nineteen_of_twenty_recent_calls_waited_no_longer_than_the_p95():
    waits = Waits()
    for milliseconds in range(1, WAITS_MIN):
        waits.saw(float(milliseconds))
    assert waits.p95 is None
    waits.saw(900.0)
    assert waits.p95 == 900.0
    for _ in range(WAITS_KEPT):
        waits.saw(5.0)
    assert waits.p95 == 5.0


@given(st.lists(st.floats(0, 10_000), min_size=WAITS_MIN, max_size=200))
def test_the_p95_is_that_of_the_calls_that_are_kept(seen):
    waits = Waits()
    for milliseconds in seen:
        waits.saw(milliseconds)
        asked = waits.p95
    kept = sorted(seen[-WAITS_KEPT:])
    assert asked in kept
    assert sum(one <= asked for one in kept) >= 0.95 * len(kept)
    assert sum(one < asked for one in kept) < 0.95 * len(kept)


def test_streams_and_whole_answers_wait_for_different_things():
    vitals = Vitals()
    vitals.waits(stream=True).saw(1.0)
    vitals.waits(stream=False).saw(9.0)
    assert (vitals.streams.average, vitals.answers.average) == (1.0, 9.0)
