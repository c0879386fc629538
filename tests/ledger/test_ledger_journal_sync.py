"""When the journal is synced, and what becomes of a sync that fails."""

import asyncio
import os
import threading
from pathlib import Path

import pytest
from entries import entry, held
from journals import die, files, on_disk, recovered, refuse, stop, until

from gateway.core.errors import Unavailable
from gateway.ledger import journal as module
from gateway.ledger.journal import SYNC_ALWAYS, SYNC_NEVER, Journal


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


class FailsOnce:
    """os.fdatasync of a disk that forgets what was written, and tells one who asks. See fsync(2)."""

    def __init__(self, monkeypatch, file):
        self.tell, self.told = True, 0
        self._file, self._whole, self._real = file, file.stat().st_size, os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self.sync)

    def sync(self, handle):
        if self.tell:
            self.tell, self.told = False, self.told + 1
            os.truncate(self._file, self._whole)
            refuse(handle)
        self._real(handle)


async def test_what_a_sync_before_a_call_has_lost_is_written_again(tmp_path, monkeypatch):
    """That the same file can be synced a moment later says nothing of what it has lost."""
    monkeypatch.setattr(module, "TRIED_AGAIN_S", 0.01)
    journal = Journal(tmp_path, SYNC_ALWAYS)
    await journal.open(held("early", ("x", 9)))
    disk = FailsOnce(monkeypatch, files(tmp_path)[0])
    journal.settle(entry("early", ("x", 3)))
    with pytest.raises(Unavailable):
        await journal.open(held("late", ("x", 7)))
    with pytest.raises(Unavailable):
        await journal.open(held("later", ("x", 7)))
    assert disk.told == 1
    task = asyncio.create_task(journal.keep_synced())
    await until(lambda: not journal.trouble)
    await journal.open(held("again", ("x", 1)))
    await stop(task)
    die(journal)
    found = recovered(tmp_path)
    assert found.settled == (entry("early", ("x", 3)),)
    assert [one.id for one in found.unresolved] == ["late", "again"]


async def test_who_syncs_beside_one_that_failed_does_not_leave(tmp_path, monkeypatch):
    journal = Journal(tmp_path, SYNC_ALWAYS)
    begun, go_on, real = threading.Event(), threading.Event(), os.fdatasync

    def sync(handle):
        if not begun.is_set():
            begun.set()
            go_on.wait(10)
            refuse(handle)
        real(handle)
        go_on.set()

    monkeypatch.setattr(os, "fdatasync", sync)
    one = asyncio.create_task(journal.open(held("one")))
    await until(begun.is_set)
    other = asyncio.create_task(journal.open(held("other")))
    await asyncio.wait([one, other])
    assert isinstance(one.exception(), Unavailable)
    journal.void(held("one"))
    journal.void(held("other"))
    journal.close()


async def test_a_disk_too_full_for_another_file_stays_in_doubt(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "TRIED_AGAIN_S", 0.01)
    journal = Journal(tmp_path, 0.01)
    task = asyncio.create_task(journal.keep_synced())
    await journal.open(held("a"))
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "_create", lambda *_: refuse(0))
        with monkeypatch.context() as inner:
            inner.setattr(os, "fdatasync", refuse)
            await until(lambda: journal.trouble)
        await asyncio.sleep(0.1)
        assert journal.trouble
    await until(lambda: not journal.trouble)
    assert len(files(tmp_path)) == 2
    await stop(task)
    journal.close()


def handles():
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


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


class Disk:
    """What a power cut would leave: of each file as much as was synced, if its name was; what was deleted is gone."""

    def __init__(self, monkeypatch):
        self._sizes, self._named = {}, set()
        self._fdatasync, self._fsync = os.fdatasync, os.fsync
        monkeypatch.setattr(os, "fdatasync", self.fdatasync)
        monkeypatch.setattr(os, "fsync", self.fsync)

    def fdatasync(self, handle):
        self._fdatasync(handle)
        self._sizes[path_of(handle)] = os.fstat(handle).st_size

    def fsync(self, folder):
        self._fsync(folder)
        self._named |= set(path_of(folder).iterdir())

    def unresolved(self, folder, elsewhere):
        """The calls in flight that the next process would find."""
        elsewhere.mkdir()
        for path in files(folder):
            if path in self._named:
                (elsewhere / path.name).write_bytes(path.read_bytes()[: self._sizes.get(path, 0)])
        return [one.id for one in recovered(elsewhere).unresolved]


def path_of(handle):
    return Path(f"/proc/self/fd/{handle}").readlink()


@pytest.mark.parametrize("pace", [SYNC_ALWAYS, 60])
async def test_a_power_cut_after_a_new_file_finds_what_was_in_flight(tmp_path, monkeypatch, pace):
    """A file goes when the next one is on the disk with what it carries, and with its name in the folder."""
    monkeypatch.setattr(module, "SEGMENT_BYTES", 2000)
    disk, home = Disk(monkeypatch), tmp_path / "home"
    journal = Journal(home, pace)
    await journal.open(held("long"))
    await on_disk(journal)
    assert disk.unresolved(home, tmp_path / "begun") == ["long"]
    for number in range(20):
        journal.settle(entry(f"{number}"))
    journal.moved(20, list(journal.retired))
    assert len(files(home)) > 2
    assert disk.unresolved(home, tmp_path / "carried") == ["long"]
    await on_disk(journal)
    journal.moved(0, list(journal.retired))
    assert len(files(home)) == 1
    assert disk.unresolved(home, tmp_path / "moved") == ["long"]
    journal.void(held("long"))
    journal.close()


async def test_a_call_leaves_when_the_name_of_its_file_is_on_the_disk(tmp_path, monkeypatch):
    """Before every call, in files that are new, too."""
    monkeypatch.setattr(module, "SEGMENT_BYTES", 2000)
    disk, home = Disk(monkeypatch), tmp_path / "home"
    journal = Journal(home, SYNC_ALWAYS)
    for number in range(10):
        await journal.open(held(f"{number}"))
        journal.moved(0, list(journal.retired))
        assert len(files(home)) == 1
        assert len(disk.unresolved(home, tmp_path / f"{number}")) == number + 1
    for number in range(10):
        journal.void(held(f"{number}"))
    journal.close()


async def test_a_file_that_could_not_be_synced_lets_none_before_it_go(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SEGMENT_BYTES", 500)
    journal = Journal(tmp_path, 60)
    for number in range(3):
        journal.settle(entry(f"{number}"))
    first = files(tmp_path)[0]
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        await on_disk(journal)
        assert journal.trouble
        assert journal.retired == []
    await on_disk(journal)
    assert not journal.trouble
    assert first in journal.retired
    journal.moved(3, list(journal.retired))
    journal.close()
