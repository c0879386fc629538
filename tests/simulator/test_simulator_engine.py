"""The simulated engine: whatever is asked of it, every sequence ends, and no block is lost or counted twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.simulator.engine import Engine, EngineSettings, Job, Speeds
from gateway.simulator.engine_cache import KvCache

SMALL = EngineSettings(max_num_seqs=4, max_num_batched_tokens=32, max_model_len=64, block_size=4, num_gpu_blocks=16)


def job(number, prompt, output, family=None):
    """Sequences of one family begin alike, and go on alike as far as they go."""
    blocks = (prompt + output) // SMALL.block_size
    names = [(number if family is None else f"family {family}", place) for place in range(blocks)]
    return Job(str(number), prompt, output, names)


def run(engine, jobs=(), now=0.0):
    """Until there is nothing to do. Returns the steps."""
    for each in jobs:
        engine.add(each, now)
    steps = []
    while (step := engine.step(now)) is not None:
        steps.append(step)
        now = step.ends
    return steps


def test_a_step_takes_as_long_as_its_tokens_and_their_context():
    speeds = Speeds(step_s=1.0, token_s=0.1, context_s=0.01)
    engine = Engine(EngineSettings(block_size=4, num_gpu_blocks=8, max_model_len=32, speeds=speeds))
    alone = job(1, prompt=10, output=2)
    steps = run(engine, [alone], now=100.0)
    assert [round(step.ends, 9) for step in steps] == [102.1, 103.31]  # 1 + 10·0.1 + 10·0.01; 1 + 0.1 + 11·0.01
    assert (alone.began, alone.first_token, alone.ended) == (100.0, steps[0].ends, steps[1].ends)


def test_all_that_run_get_a_token_a_step_while_a_long_prompt_is_read_in_chunks():
    engine = Engine(SMALL)
    first = job(1, prompt=4, output=20)
    engine.add(first, 0.0)
    engine.step(0.0)
    long = job(2, prompt=40, output=1)
    engine.add(long, 0.0)
    assert [engine.step(0.0).tokens for _ in range(2)] == [32, 1 + 9]
    assert first.made == 3
    assert long.ended is not None


def test_who_finds_no_place_waits_in_order():
    engine = Engine(SMALL)
    jobs = [job(number, prompt=4, output=2 + number) for number in range(6)]
    run(engine, jobs)
    assert [each.began for each in jobs][:4] == [0.0] * 4
    assert 0.0 < jobs[4].began < jobs[5].began


def test_what_was_read_before_is_not_read_again_and_one_token_always_is():
    engine = Engine(SMALL)
    run(engine, [job(1, prompt=16, output=5, family="a")])
    again, on = job(2, prompt=16, output=1, family="a"), job(3, prompt=24, output=1, family="a")
    run(engine, [again])
    run(engine, [on])
    assert (again.cached, on.cached) == (12, 20)  # The last token of 16 is computed; the answer of the first is known.
    assert (engine.totals.queries, engine.totals.hits) == (16 + 16 + 24, 12 + 20)


def test_without_prefix_caching_nothing_is_found():
    engine = Engine(EngineSettings(max_model_len=64, block_size=4, num_gpu_blocks=16, enable_prefix_caching=False))
    run(engine, [job(1, 16, 1, family="a"), job(2, 16, 1, family="a")])
    assert (engine.totals.queries, engine.cache.used) == (0, 0)


def test_when_the_cache_is_full_the_last_that_came_in_begins_again():
    engine = Engine(SMALL)
    jobs = [job(number, prompt=16, output=12) for number in range(3)]
    run(engine, jobs)
    assert engine.totals.preemptions == sum(each.preempted for each in jobs) > 0
    assert jobs[0].preempted == 0
    assert all(each.made == 12 for each in jobs)


def test_slow_is_so_many_times_as_long():
    one, other = Engine(SMALL), Engine(SMALL)
    other.slowdown = 3.0
    assert run(other, [job(1, 8, 5)])[-1].ends == pytest.approx(3 * run(one, [job(1, 8, 5)])[-1].ends)


def test_the_least_recently_used_gives_way_and_a_shared_beginning_goes_last():
    cache = KvCache(4)
    cache.take(4)
    for name in "abcd":
        cache.name(name)
    cache.release("abcd", 0)
    assert cache.known("abcd") == 4
    cache.take(2)
    assert (cache.known("abcd"), cache.usage) == (2, 0.5)
    assert not cache.fits("ab", 1)


def test_what_cannot_run_is_refused():
    with pytest.raises(ValueError, match="do not hold"):
        EngineSettings(num_gpu_blocks=1)
    with pytest.raises(ValueError, match="more than zero"):
        EngineSettings(block_size=0)
    with pytest.raises(ValueError, match="max_num_seqs"):
        EngineSettings(max_num_batched_tokens=8)
    for wrong in (job(1, 60, 5), job(1, 0, 5), job(1, 5, 0)):
        with pytest.raises(ValueError, match="a sequence"):
            Engine(SMALL).add(wrong, 0.0)


asked = st.tuples(st.integers(1, 40), st.integers(1, 24), st.integers(0, 3))


@given(st.lists(st.one_of(asked, st.integers(0, 30)), max_size=40), st.booleans())
def test_every_sequence_ends_and_no_block_is_lost(events, caching):
    """Sequences come at every step, some leave before their end: a number says which."""
    settings = EngineSettings(
        max_num_seqs=4,
        max_num_batched_tokens=32,
        max_model_len=64,
        block_size=4,
        num_gpu_blocks=16,
        enable_prefix_caching=caching,
    )
    engine, jobs, now = Engine(settings), [], 0.0
    for event in events:
        if isinstance(event, int):
            if event < len(jobs):
                engine.abort(jobs[event], now)
        else:
            prompt, output, family = event
            jobs.append(job(len(jobs), prompt, output, family or None))
            engine.add(jobs[-1], now)
        step = engine.step(now)
        held = sum(each.own for each in engine.running) + len({n for j in engine.running for n in j.names[: j.shared]})
        assert engine.cache.used == held <= settings.num_gpu_blocks
        assert step is None or 0 < step.tokens <= settings.max_num_batched_tokens
        now = step.ends if step is not None else now
    run(engine, now=now)
    assert all(each.ended is not None and each.made <= each.output_tokens for each in jobs)
    assert engine.cache.used == 0
    assert engine.totals.generated == sum(each.made for each in jobs)
    assert engine.totals.hits <= engine.totals.queries
