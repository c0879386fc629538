"""Calls that wait, in their file; and telling of those that have ended."""

import asyncio
import stat

import pytest
from msgspec.structs import replace

from gateway.alerts.outbox import FIRST_WAIT_S
from gateway.core.caller import Caller
from gateway.core.errors import Unavailable
from gateway.core.request import Asked
from gateway.deferred.record import Later, Place, State
from gateway.deferred.shelf import Full, Shelf, surely
from gateway.deferred.telling import Telling, webhook_secret

MOST = 3


def later(name="later_a_1", key="k", **more):
    caller = Caller(key_id=key)
    return Later(name, caller, "openai-chat", "m", Asked(b""), {}, accepted=100.0, deadline=200.0, **more)


@pytest.fixture
async def shelf(tmp_path):
    shelf = Shelf(tmp_path / "home" / "deferred.db")
    yield shelf
    await shelf.close()


async def test_a_call_is_kept_with_its_body_until_it_has_ended(shelf, tmp_path):
    assert not shelf.used
    assert await shelf.find("later_a_1") is None
    call = await shelf.add(later(), b"body", None, MOST)
    assert stat.S_IMODE((tmp_path / "home" / "deferred.db").stat().st_mode) == 0o600
    assert (await shelf.find(call.id)).later == call
    assert await shelf.body(call.id) == b"body"
    assert await shelf.due(99, 10) == []
    assert await shelf.due(100, 10) == [call]
    assert await shelf.next_due() == 100
    done = replace(call, state=State.DONE, status=200, ended=150.0)
    assert await shelf.put(done, before=State.WAITING, answer=b"answer", until=300)
    assert not await shelf.put(done, before=State.WAITING), "somebody was before"
    kept = await shelf.find(call.id)
    assert (kept.later.state, kept.answer) == (State.DONE, b"answer")
    assert await shelf.body(call.id) == b""
    assert await shelf.next_due() is None
    await shelf.keep_until(call.id, 250)
    await shelf.keep_until(call.id, 280)
    await shelf.sweep(249)
    assert await shelf.find(call.id)
    await shelf.sweep(250)
    assert await shelf.find(call.id) is None


async def test_what_has_gone_is_on_the_disk_no_more(shelf, tmp_path):
    """Neither in the file nor in the log of its writes, where it would stand for as long as little is written."""

    def there():
        return [word for word in (b"the body", b"the answer") if any(word in f.read_bytes() for f in files)]

    files = [tmp_path / "home" / name for name in ("deferred.db", "deferred.db-wal")]
    call = await shelf.add(later(), b"the body", None, MOST)
    assert there() == [b"the body"]
    done = replace(call, state=State.DONE, status=200, ended=150.0)
    await shelf.put(done, answer=b"the answer", until=300)
    await shelf.wipe()
    assert there() == [b"the answer"]
    await shelf.delete(call.id)
    await shelf.wipe()
    assert there() == []
    again = await shelf.add(later("later_a_2"), b"the body", None, MOST)
    await shelf.put(replace(again, state=State.DONE, ended=150.0), answer=b"the answer", until=300)
    await shelf.sweep(300)
    await shelf.wipe()
    assert there() == []


async def test_so_many_of_one_key(shelf):
    for number in range(MOST):
        await shelf.add(later(f"later_a_{number}"), b"", None, MOST)
    with pytest.raises(Full):
        await shelf.add(later("later_a_x"), b"", None, MOST)
    await shelf.add(later("later_a_y", key="other"), b"", None, MOST)
    await shelf.put(replace(later("later_a_0"), state=State.FAILED), answer=b"")
    await shelf.add(later("later_a_x"), b"", None, MOST)


async def test_one_idempotency_key_is_one_call(shelf):
    assert await shelf.by_key("k", "once") is None
    first = await shelf.add(later(digest="d"), b"", "once", MOST)
    assert await shelf.add(later("later_a_2", digest="d"), b"", "once", MOST) == first
    assert await shelf.by_key("k", "once") == first
    assert await shelf.by_key("other", "once") is None
    assert (await shelf.add(later("later_a_2", key="other"), b"", "once", MOST)).id == "later_a_2"


async def test_what_stands_in_a_batch_stays_until_its_cost_is_known(shelf):
    call = await shelf.add(later(), b"body", None, MOST)
    placed = replace(call, state=State.RUNNING, place=Place("openai", "batch_1", "r", "r.1", ("seed",)))
    await shelf.put(placed, before=State.WAITING, batch="batch_1")
    await shelf.put(replace(placed, state=State.DONE), before=State.RUNNING, answer=b"secret", until=10)
    await shelf.sweep(20)
    await shelf.delete(call.id)
    assert [one.id for one in await shelf.batches()] == [call.id]
    assert [one.id for one in await shelf.in_batch("batch_1")] == [call.id]
    assert (await shelf.find(call.id)).answer is None
    await shelf.settled(call.id)
    assert await shelf.batches() == []
    await shelf.delete(call.id)
    assert await shelf.find(call.id) is None


async def test_a_file_that_cannot_be_written_is_told_and_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.deferred.shelf.AGAIN_S", 0)
    folder = tmp_path / "file"
    folder.write_text("no folder")
    shelf = Shelf(folder / "deferred.db")
    with pytest.raises(Unavailable):
        await shelf.add(later(), b"", None, MOST)
    adding = asyncio.create_task(surely(shelf.add, later(), b"", None, MOST))
    await asyncio.sleep(0)
    folder.unlink()
    assert await adding == later()
    await shelf.close()


@pytest.mark.parametrize("url", ["https://127.0.0.1:1/", "https://xn--a.com/"], ids=["not-public", "no-name"])
async def test_a_webhook_that_cannot_be_asked_is_tried_again(shelf, url):
    """Telling goes on: an earlier version may have kept any URL."""
    call = await shelf.add(later(webhook=url), b"", None, MOST)
    await shelf.put(replace(call, state=State.DONE, ended=150.0), answer=b"")
    (untold,) = await shelf.untold(150, 10)
    telling = Telling(shelf, b"pepper", lambda: 150.0, private=False)
    await telling.tell(untold)
    assert await shelf.untold(150 + FIRST_WAIT_S - 1, 10) == []
    (untold,) = await shelf.untold(150 + FIRST_WAIT_S, 10)
    assert untold.tells == 1


async def test_calls_of_one_key_keep_no_other_waiting_and_who_has_little_time_goes_first(shelf):
    for number in range(5):
        call = replace(later(f"flood_{number}", "flood"), deadline=900.0 - number)
        await shelf.add(call, b"", None, 5)
    await shelf.add(replace(later("urgent", "k"), accepted=150.0, deadline=200.0), b"", None, MOST)
    in_batch = replace(later("at its switch", "other"), deadline=900.0, state=State.RUNNING, switch_at=160.0)
    await shelf.put(await shelf.add(in_batch, b"", None, MOST), due=160.0)
    assert [one.id for one in await shelf.due(160, 3)] == ["at its switch", "urgent", "flood_4"]
    assert [one.id for one in await shelf.due(160, 6)] == ["at its switch", "urgent", "flood_4", "flood_3"]
    assert [one.id for one in await shelf.due(160, 6, soon=200)] == ["at its switch", "urgent"]
    assert [one.id for one in await shelf.due(149, 2)] == ["flood_4", "flood_3"]


async def test_webhooks_of_one_key_keep_no_other_waiting(shelf):
    """They may all be dead, and take as long as anything may."""
    keys = ["flood"] * 5 + ["k", "other"]
    for number, key in enumerate(keys):
        call = await shelf.add(later(f"later_{number}", key, webhook="https://hook.example/"), b"", None, len(keys))
        await shelf.put(replace(call, state=State.DONE, ended=100.0 + number), answer=b"")
    assert [one.id for one in await shelf.untold(110, 3)] == ["later_0", "later_5", "later_6"]
    assert [one.id for one in await shelf.untold(110, 6)] == ["later_0", "later_1", "later_5", "later_6"]
    assert [one.id for one in await shelf.untold(104, 4)] == ["later_0", "later_1", "later_2", "later_3"]


def test_each_key_has_a_secret_of_its_own():
    assert webhook_secret(b"pepper", "a") == webhook_secret(b"pepper", "a")
    assert len({webhook_secret(b"pepper", "a"), webhook_secret(b"pepper", "b"), webhook_secret(b"salt", "a")}) == 3
