"""The journal: what it was told it tells again, however the process, the disk or single bytes fail."""

import asyncio
import errno
import os
import random
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from zlib import crc32

import harness
import pytest
from entries import entry, held, ids
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.errors import Unavailable
from gateway.ledger import journal as module
from gateway.ledger.journal import SYNC_ALWAYS, SYNC_NEVER, Journal, JournalBusy
from gateway.ledger.records import Kind, line, replay


def die(journal):
    """As SIGKILL leaves it: nothing is written, synced or deleted any more."""
    for handle in (journal._file, journal._lock, *journal._left):
        os.close(handle)


def files(folder):
    return sorted(folder.glob("*.journal"))


def recovered(folder):
    """What the next process finds."""
    journal = Journal(folder, SYNC_NEVER)
    found = journal.recover()
    die(journal)
    return found


async def test_what_was_begun_and_what_was_settled_is_found_again(tmp_path):
    journal = Journal(tmp_path, SYNC_NEVER)
    for name in ("a", "b", "c", "d"):
        await journal.open(held(name, ("x", 10)))
    journal.extend(held("b", ("x", 20)))
    journal.settle(entry("c", ("x", 3)))
    journal.void(held("d", ("x", 10)))
    assert journal.open_count == 2
    die(journal)
    found = recovered(tmp_path)
    assert found.settled == (entry("c", ("x", 3)),)
    assert found.unresolved == (held("a", ("x", 10)), held("b", ("x", 20)))
    assert found.damaged == 0


async def test_an_attempt_that_is_over_stays_over(tmp_path):
    """A late extension of a settled attempt is no new attempt."""
    lines = [line(Kind.OPEN, held("a")), line(Kind.SETTLED, entry("a", ("x", 3))), line(Kind.OPEN, held("a", ("x", 9)))]
    assert replay(lines).settled == (entry("a", ("x", 3)),)
    assert replay([line(Kind.VOID, held("a")), line(Kind.OPEN, held("a", ("x", 9)))]).unresolved == ()


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["open", "extend", "settle", "void", "restart", "move"]), st.integers(0, 5), st.integers(0, 99)
    ),
    max_size=40,
)
NO_FUSS = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@NO_FUSS
@given(OPERATIONS, st.sampled_from([1, 2000, 1 << 20]))
def test_whatever_happens_in_whatever_order_the_last_word_is_found(tmp_path_factory, operations, segment_bytes):
    """Against a model that is two dictionaries. Segments rotate in between, and processes die."""
    folder = tmp_path_factory.mktemp("journal")
    asyncio.run(play(folder, operations, segment_bytes))


async def play(folder, operations, segment_bytes):
    opened, settled, ledger = {}, {}, {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SEGMENT_BYTES", segment_bytes)
        journal = Journal(folder, SYNC_NEVER)
        for number, (what, word, amount) in enumerate(operations):
            if what == "open":
                name = f"{word}-{number}"  # Every attempt has a name of its own.
                opened[name] = held(name, ("x", amount))
                await journal.open(opened[name])
                continue
            name = next((known for known in opened if known.startswith(str(word))), None)
            if what == "restart":
                die(journal)
                journal = Journal(folder, SYNC_NEVER)
                found = journal.recover()
                assert {e.id: e for e in found.unresolved} == opened
                assert {e.id: e for e in found.settled} | ledger == settled | ledger, "none invented, none lost"
                assert found.damaged == 0
                ledger |= {e.id: e for e in (*found.settled, *found.unresolved)}
                settled |= opened
                opened.clear()
                journal.forget_recovered()
            elif what == "move":
                ledger |= {e.id: e for e in journal.settled}
                journal.moved(len(journal.settled), list(journal.retired))
            elif name is None:
                continue
            elif what == "extend":
                opened[name] = held(name, ("x", amount + 100))
                journal.extend(opened[name])
            elif what == "settle":
                del opened[name]
                settled[name] = entry(name, ("x", amount))
                journal.settle(settled[name])
            elif what == "void":
                journal.void(opened.pop(name))
            assert journal.open_count == len(opened)
        die(journal)
    found = recovered(folder)
    assert {e.id: e for e in found.unresolved} == opened
    known = {e.id: e for e in found.settled} | ledger
    assert known == settled, "with what the ledger has, all is there"


async def written(folder):
    """A file with every kind of line; its bytes."""
    journal = Journal(folder, SYNC_NEVER)
    for name in ("a", "b", "ä"):
        await journal.open(held(name, ("x", 10)))
    journal.extend(held("b", ("x", 30)))
    journal.settle(entry("a", ("x", 3)))
    journal.void(held("ä"))
    die(journal)
    (path,) = files(folder)
    return path, path.read_bytes()


async def test_cut_at_every_byte_only_the_torn_line_is_lost(tmp_path):
    path, whole = await written(tmp_path)
    for size in range(len(whole) + 1):
        path.write_bytes(whole[:size])
        found = replay(module._lines([path]))
        whole_lines = [text for text in whole[:size].splitlines(keepends=True) if text.endswith(b"\n")]
        expected = replay(whole_lines)
        assert (found.settled, found.unresolved) == (expected.settled, expected.unresolved), size
        assert found.damaged == (size > 0 and not whole[:size].endswith(b"\n")), size


async def test_a_flipped_bit_costs_its_line_and_no_other(tmp_path):
    path, whole = await written(tmp_path)
    lines = whole.splitlines(keepends=True)
    chance = random.Random(1)
    for at in range(len(whole)):
        broken = bytearray(whole)
        broken[at] ^= 1 << chance.randrange(8)
        if broken[at] == ord("\n") or whole[at] == ord("\n"):
            continue  # Lines joined or split: see below.
        number = whole[:at].count(b"\n")
        path.write_bytes(broken)
        found, expected = replay(module._lines([path])), replay(lines[:number] + lines[number + 1 :])
        if not found.damaged:  # Another way to write the same checksum: a letter's case, a blank for a nought.
            assert at - whole.rfind(b"\n", 0, at) <= 8
            expected = replay(lines)
        assert (found.settled, found.unresolved) == (expected.settled, expected.unresolved)


@NO_FUSS
@given(st.data())
def test_no_damage_whatsoever_invents_anything(tmp_path_factory, data):
    """Bytes replaced, removed and put in anywhere: what is found was written, and whole lines are found."""
    path, whole = asyncio.run(written(tmp_path_factory.mktemp("damage")))
    lines = whole.splitlines(keepends=True)
    told = {text[8:] for text in lines}
    broken = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(broken) - 1))
        broken[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=40))
        if not broken:
            break
    path.write_bytes(broken)
    found = replay(module._lines([path]))
    for one, kind in [(e, Kind.SETTLED) for e in found.settled] + [(e, Kind.OPEN) for e in found.unresolved]:
        assert line(kind, one)[8:] in told
    left = [text for text in bytes(broken).splitlines(keepends=True) if text in lines]
    assert {e.id for e in replay(left).settled} <= {e.id for e in found.settled}
    assert found.damaged <= bytes(broken).count(b"\n") + 1


def test_a_checksum_of_something_else_is_damage():
    """JSON of another shape, an unknown kind, no text at all: with a right checksum too."""
    for text in (b"", b"O", b"S{}", b'Z"a"', b"V5", b'S{"id":"a"}', b"O" + b"[" * 100_000, b"\xff", "Ö".encode()):
        assert replay([b"%08x%b\n" % (crc32(text), text)]).damaged == 1, text[:20]
    assert replay([b"\n", b"        \n", b"-0000001x\n", b"+1_0\n"]).damaged == 4


async def test_segments_follow_each_other_and_go_when_the_ledger_has_them(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SEGMENT_BYTES", 2000)
    journal = Journal(tmp_path, SYNC_NEVER)
    await journal.open(held("long", ("x", 50)))
    for number in range(20):
        await journal.open(held(f"{number}", ("x", 10)))
        journal.settle(entry(f"{number}", ("x", 1)))
    kept = files(tmp_path)
    assert len(kept) > 3
    assert journal.retired == kept[:-1]
    half = journal.retired[:1]
    journal.moved(10, half)
    assert not half[0].exists()
    assert all(path.exists() for path in journal.retired), "what was retired since is not in the ledger yet"
    journal.moved(len(journal.settled), list(journal.retired))
    assert files(tmp_path) == kept[-1:]
    die(journal)
    found = recovered(tmp_path)
    assert found.unresolved == (held("long", ("x", 50)),), "carried from file to file"


async def test_many_open_calls_do_not_fill_segments_for_ever(tmp_path, monkeypatch):
    """What is carried does not count: else a thousand long streams would begin a new file with every line."""
    monkeypatch.setattr(module, "SEGMENT_BYTES", 5000)
    journal = Journal(tmp_path, SYNC_NEVER)
    for number in range(100):
        await journal.open(held(f"{number}"))
    before = len(files(tmp_path))
    for number in range(100):
        journal.extend(held(f"{number}"))
    assert len(files(tmp_path)) - before <= 100 * len(line(Kind.OPEN, held("10"))) // 5000 + 1
    die(journal)


async def test_files_of_a_process_that_died_while_recovering_are_read_again(tmp_path):
    for _ in range(3):
        journal = Journal(tmp_path, SYNC_NEVER)
        await journal.open(held(f"{len(files(tmp_path))}"))
        die(journal)
    assert ids(recovered(tmp_path).unresolved) == ["1", "2", "3"]


async def test_an_end_in_order_leaves_nothing(tmp_path):
    journal = Journal(tmp_path, SYNC_NEVER)
    await journal.open(held("a"))
    journal.settle(entry("a"))
    journal.moved(1, [])
    journal.close()
    assert files(tmp_path) == []
    journal = Journal(tmp_path, SYNC_NEVER)
    journal.settle(entry("b"))
    journal.close()
    assert ids(recovered(tmp_path).settled) == ["b"], "not in the ledger yet, so it stays"


def test_one_journal_is_one_process(tmp_path):
    journal = Journal(tmp_path, SYNC_NEVER)
    with pytest.raises(JournalBusy):
        Journal(tmp_path, SYNC_NEVER)
    program = (
        f"from pathlib import Path\nfrom gateway.ledger.journal import Journal\nJournal(Path({str(tmp_path)!r}), -1.0)"
    )
    other = subprocess.run(
        [sys.executable, "-c", program], cwd=harness.ROOT, capture_output=True, text=True, check=False
    )
    assert "JournalBusy" in other.stderr
    journal.close()
    Journal(tmp_path, SYNC_NEVER).close()


def test_a_second_gateway_says_so_and_does_no_harm(tmp_path):
    first = harness.gateway(tmp_path)
    second = subprocess.run(
        [sys.executable, "-m", "gateway", "serve", "--port", "0"],
        env=os.environ | {"FAREWAY_HOME": str(tmp_path), "PYTHONPATH": str(harness.ROOT)},
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert second.returncode != 0
    assert "another gateway is running" in second.stderr
    assert "Traceback" not in second.stderr
    assert harness.get(f"{first.url}/v1/models", first.tokens[1])["data"]
    assert first.stop() == 0


@pytest.fixture
def syncs(monkeypatch):
    """Every fdatasync, by handle."""
    seen, real = [], os.fdatasync

    def sync(handle):
        seen.append(handle)
        real(handle)

    monkeypatch.setattr(os, "fdatasync", sync)
    return seen


async def test_always_syncs_before_the_call_may_leave(tmp_path, syncs):
    journal = Journal(tmp_path, SYNC_ALWAYS)
    for number in range(3):
        await journal.open(held(f"{number}"))
        assert syncs == [journal._file] * (number + 1)
    journal.close()


async def test_in_groups_syncs_once_for_many(tmp_path, syncs):
    journal = Journal(tmp_path, 0.01)
    task = asyncio.create_task(journal.keep_synced())
    for number in range(100):
        await journal.open(held(f"{number}"))
    assert len(syncs) <= 1
    await asyncio.sleep(0.1)
    assert 1 <= len(syncs) <= 3
    await stop(task)
    journal.close()


async def test_never_leaves_it_to_the_system_until_the_end(tmp_path, syncs, monkeypatch):
    journal = Journal(tmp_path, SYNC_NEVER)
    await journal.open(held("a"))
    assert syncs == []
    journal.close()


async def test_what_is_written_during_a_sync_is_synced_by_the_next(tmp_path, monkeypatch):
    """Else the last lines before a quiet hour would be on no disk for an hour."""
    began, go_on, count, real = threading.Event(), threading.Event(), [], os.fdatasync

    def sync(handle):
        real(handle)
        count.append(handle)
        began.set()
        go_on.wait(5)

    monkeypatch.setattr(os, "fdatasync", sync)
    journal = Journal(tmp_path, 0.01)
    task = asyncio.create_task(journal.keep_synced())
    await journal.open(held("a"))
    await asyncio.to_thread(began.wait, 5)
    await journal.open(held("b"))
    go_on.set()
    await asyncio.sleep(0.2)
    assert len(count) == 2
    await stop(task)
    journal.close()


async def test_a_disk_that_cannot_sync_lets_no_call_leave_that_must_be_synced(tmp_path, monkeypatch):
    journal = Journal(tmp_path, SYNC_ALWAYS)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", refuse)
        with pytest.raises(Unavailable):
            await journal.open(held("a"))
    journal.void(held("a"))
    journal.close()


async def test_a_disk_that_cannot_sync_for_a_while_is_asked_again(tmp_path, monkeypatch, syncs):
    journal = Journal(tmp_path, 0.01)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", refuse)
        task = asyncio.create_task(journal.keep_synced())
        await journal.open(held("a"))
        await until(lambda: journal.trouble)
        with pytest.raises(Unavailable):
            await journal.open(held("b"))
    await until(lambda: not journal.trouble)
    assert len(syncs) == 1
    await journal.open(held("c"))
    assert not task.done()
    await stop(task)
    journal.close()


async def until(true):
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.005)


class Forgetful:
    """os.fdatasync of a disk that refuses so many times, and each time forgets what was written since the last."""

    def __init__(self, monkeypatch, refusals):
        self.left, self.whole, self._real = refusals, {}, os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self.sync)

    def sync(self, handle):
        file = str(Path(f"/proc/self/fd/{handle}").readlink())
        if self.left:
            self.left -= 1
            os.truncate(file, self.whole.get(file, 0))
            refuse(handle)
        self._real(handle)
        self.whole[file] = os.fstat(handle).st_size


@pytest.mark.parametrize("refusals", [1, 2, 5])
async def test_what_a_sync_has_lost_is_written_again(tmp_path, monkeypatch, refusals):
    """A kernel may forget what it could not write, and say so once. See fsync(2)."""
    monkeypatch.setattr(module, "TRIED_AGAIN_S", 0.01)
    journal = Journal(tmp_path, 0.01)
    task = asyncio.create_task(journal.keep_synced())
    await journal.open(held("early", ("x", 9)))
    await until(lambda: not journal._unsynced)
    Forgetful(monkeypatch, refusals).whole[str(files(tmp_path)[0])] = files(tmp_path)[0].stat().st_size
    journal.settle(entry("early", ("x", 3)))
    await journal.open(held("late", ("x", 7)))
    await until(lambda: journal.trouble)
    await until(lambda: not journal.trouble)
    assert len(files(tmp_path)) == 2, "a disk that refuses for an hour does not get a file for each refusal"
    await stop(task)
    die(journal)
    found = recovered(tmp_path)
    assert found.settled == (entry("early", ("x", 3)),)
    assert found.unresolved == (held("late", ("x", 7)),)


def handles():
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def refuse(_):
    raise OSError(errno.EIO, "Input/output error")


async def test_handles_of_files_left_behind_are_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SEGMENT_BYTES", 500)
    before = handles()
    journal = Journal(tmp_path, 0.01)
    task = asyncio.create_task(journal.keep_synced())
    for number in range(50):
        journal.settle(entry(f"{number}"))
        journal.moved(len(journal.settled), list(journal.retired))
    for _ in range(3000):
        if handles() <= before + 4:
            break
        await asyncio.sleep(0.01)
    assert handles() <= before + 4
    await stop(task)
    journal.close()
    assert handles() <= before + 1


async def stop(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class Disk:
    """os.write of a disk with so many bytes left. The last write before it is full may be a short one."""

    def __init__(self, monkeypatch, left):
        self.left, self._real = left, os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, handle, data):
        if not self.left:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._real(handle, bytes(data)[: self.left])
        self.left -= written
        return written


def assert_whole(folder):
    """No torn line: neither at the end nor, worse, in the middle."""
    assert all(recovered(folder).damaged == 0 for _ in range(1))


@pytest.mark.parametrize("left", [0, 1, 7, 8, 9, 100, 300])
async def test_a_full_disk_lets_no_call_leave_and_forgets_no_settled_one(tmp_path, monkeypatch, left):
    journal = Journal(tmp_path, SYNC_NEVER)
    await journal.open(held("a", ("x", 10)))
    disk = Disk(monkeypatch, left)
    with pytest.raises(Unavailable):
        await journal.open(held("b", ("x", 10)))
    disk.left = left
    with pytest.raises(Unavailable):
        journal.extend(held("a", ("x", 20)))
    disk.left = left
    assert journal.open_count == 1
    journal.settle(entry("a", ("x", 3)))
    assert ids(journal.settled) == ["a"], "the ledger gets it all the same"
    disk.left = left
    journal.settle(entry("c", ("x", 4)))
    assert_whole_now(journal)
    disk.left = 1 << 20
    journal._pay_owed()
    await journal.open(held("d"))
    die(journal)
    found = recovered(tmp_path)
    assert set(ids(found.settled)) == {"a", "c"}
    assert ids(found.unresolved) == ["d"]
    assert found.damaged == 0


async def test_a_full_disk_is_trouble_until_it_takes_a_line_again(tmp_path, monkeypatch, caplog):
    """Also where nobody calls any more, because readiness says that nobody should."""
    journal = Journal(tmp_path, 0.01)
    disk = Disk(monkeypatch, 100)
    task = asyncio.create_task(journal.keep_synced())
    with pytest.raises(Unavailable):
        await journal.open(held("a"))
    assert "No space left" in journal.trouble
    disk.left = 100  # Not enough for a line.
    await asyncio.sleep(0.1)
    assert journal.trouble
    disk.left = 1 << 20
    await until(lambda: not journal.trouble)
    assert "can be written again" in caplog.text
    await stop(task)
    die(journal)
    found = recovered(tmp_path)
    assert (found.settled, found.unresolved, found.damaged) == ((), (), 0)


async def test_a_torn_line_that_stays_spoils_no_other(tmp_path, monkeypatch):
    """The disk takes half a line, and does not let it be taken away."""
    journal = Journal(tmp_path, SYNC_NEVER)
    disk = Disk(monkeypatch, 50)
    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", lambda *_: refuse(_))
        journal.settle(entry("a"))
    disk.left = 1 << 20
    journal._pay_owed()
    journal.settle(entry("b"))
    disk.left = 10
    journal.settle(entry("c"))
    disk.left = 1 << 20
    journal._pay_owed()
    die(journal)
    found = recovered(tmp_path)
    assert ids(found.settled) == ["a", "b", "c"]
    assert found.damaged == 1


async def test_files_that_may_not_be_deleted_now_go_later(tmp_path, monkeypatch):
    """The disk was mounted read-only meanwhile."""
    monkeypatch.setattr(module, "SEGMENT_BYTES", 500)
    journal = Journal(tmp_path, SYNC_NEVER)
    for number in range(5):
        journal.settle(entry(f"{number}"))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: refuse(_))
        journal.moved(5, list(journal.retired))
        assert journal.retired
    journal.moved(0, list(journal.retired))
    assert not journal.retired
    assert len(files(tmp_path)) == 1
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: refuse(_))
        patch.setattr(os, "fdatasync", refuse)
        journal.close()
    assert recovered(tmp_path).damaged == 0


async def test_why_calls_are_refused_is_told_once(tmp_path, monkeypatch, caplog):
    journal = Journal(tmp_path, SYNC_NEVER)
    disk = Disk(monkeypatch, 0)
    for name in ("a", "b"):
        with pytest.raises(Unavailable):
            await journal.open(held(name))
    monkeypatch.undo()
    assert disk.left == 0
    told = [record.getMessage() for record in caplog.records if record.name == "fareway.journal"]
    assert len(told) == 1
    assert str(tmp_path) in told[0]
    assert "No space left on device" in told[0]
    journal.close()


def assert_whole_now(journal):
    """Every byte in the file belongs to a whole line."""
    assert replay(module._lines([journal._path(journal._number)])).damaged == 0


@pytest.mark.parametrize("left", range(0, 2600, 97))
async def test_a_disk_that_fills_while_segments_change(tmp_path, monkeypatch, left):
    """Whenever it happens, the files say what is true, and all goes on when there is room again."""
    monkeypatch.setattr(module, "SEGMENT_BYTES", 1000)
    journal = Journal(tmp_path, SYNC_NEVER)
    await journal.open(held("long", ("x", 9)))
    disk = Disk(monkeypatch, left)
    opened, settled = {"long"}, set()
    for number in range(6):
        name = f"{number}"
        try:
            await journal.open(held(name))
        except Unavailable:
            continue
        opened.add(name)
        if number % 2:
            journal.settle(entry(name))
            opened.discard(name)
            settled.add(name)
    disk.left = 1 << 20
    journal._pay_owed()
    journal.extend(held("long", ("x", 10)))
    assert set(ids(journal.settled)) == settled
    die(journal)
    found = recovered(tmp_path)
    assert set(ids(found.settled)) == settled
    assert set(ids(found.unresolved)) == opened
    assert found.damaged == 0


async def test_what_is_owed_is_written_in_order_and_before_anything_later(tmp_path, monkeypatch):
    journal = Journal(tmp_path, 0.01)
    disk = Disk(monkeypatch, 0)
    for name in ("a", "b"):
        journal.settle(entry(name))
    journal.void(held("c"))
    disk.left = 1 << 20
    journal.settle(entry("d"))
    task = asyncio.create_task(journal.keep_synced())
    await asyncio.sleep(0.05)
    await stop(task)
    assert journal._owed == []
    die(journal)
    assert ids(recovered(tmp_path).settled) == ["a", "b", "d"]


async def test_a_disk_that_stays_full_does_not_stop_the_end(tmp_path, monkeypatch):
    journal = Journal(tmp_path, SYNC_NEVER)
    await journal.open(held("a"))
    disk = Disk(monkeypatch, 0)
    journal.settle(entry("a"))
    journal.close()
    disk.left = 1 << 20
    assert ids(recovered(tmp_path).unresolved) == ["a"], "rather its hold than nothing"


def test_a_real_limit_of_the_system(tmp_path):
    """RLIMIT_FSIZE: the kernel itself writes short and then refuses."""
    program = f"""
import asyncio, resource, signal, sys
sys.path[:0] = [{str(harness.ROOT)!r}, {str(harness.ROOT / "tests/ledger")!r}]
from pathlib import Path
from entries import entry, held
from gateway.core.errors import Unavailable
from gateway.ledger.journal import SYNC_NEVER, Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
async def main():
    journal = Journal(Path({str(tmp_path)!r}), SYNC_NEVER)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8000, resource.RLIM_INFINITY))
    begun = 0
    try:
        while True:
            await journal.open(held(str(begun)))
            begun += 1
    except Unavailable:
        journal.settle(entry("0"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    journal._pay_owed()
    print(begun)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    found = recovered(tmp_path)
    assert found.damaged == 0
    assert ids(found.settled) == ["0"]
    assert len(found.unresolved) == int(done.stdout) - 1 > 3


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


async def test_a_real_disk_that_is_full(small_disk):
    journal = Journal(small_disk, SYNC_NEVER)
    await journal.open(held("a", ("x", 10)))
    (ballast := small_disk / "ballast").write_bytes(b"")
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    with suppress(Unavailable):
        for number in range(1000):
            await journal.open(held(f"{number}"))
    with pytest.raises(Unavailable):
        await journal.open(held("one more"))
    begun = journal.open_count
    journal.settle(entry("a", ("x", 3)))
    assert_whole_now(journal)
    ballast.unlink()
    journal._pay_owed()
    await journal.open(held("b"))
    die(journal)
    found = recovered(small_disk)
    assert found.damaged == 0
    assert found.settled == (entry("a", ("x", 3)),)
    assert len(found.unresolved) == begun
