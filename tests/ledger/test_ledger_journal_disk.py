"""The journal on a disk that is full."""

import asyncio
import errno
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import harness
import pytest
from entries import entry, held, ids
from journals import die, files, on_disk, recovered, refuse, stop, until

from gateway.core.errors import Unavailable
from gateway.ledger import journal as module
from gateway.ledger.journal import SYNC_NEVER, Journal
from gateway.ledger.records import look_over


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
    assert_whole(journal)
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
    await on_disk(journal)
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


def assert_whole(journal):
    """Every byte in the file belongs to a whole line."""
    assert look_over([journal._path(journal._number)]).damaged == 0


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
    async with asyncio.timeout(10):
        while journal._owed:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    await stop(task)
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
    assert_whole(journal)
    ballast.unlink()
    journal._pay_owed()
    await journal.open(held("b"))
    die(journal)
    found = recovered(small_disk)
    assert found.damaged == 0
    assert found.settled == (entry("a", ("x", 3)),)
    assert len(found.unresolved) == begun
