"""A journal as another process leaves it and as the next one finds it."""

import asyncio
import errno
import os

import pytest

from gateway.ledger.journal import SYNC_NEVER, Journal


def die(journal):
    """As SIGKILL leaves it: nothing is written, synced or deleted any more."""
    for handle in (journal._file, journal._lock, *journal._left, *journal._lost):
        os.close(handle)


def files(folder):
    return sorted(folder.glob("*.journal"))


def recovered(folder):
    """What the next process finds."""
    journal = Journal(folder, SYNC_NEVER)
    found = journal.recover()
    die(journal)
    return found


async def on_disk(journal):
    """A turn of syncing: what was left behind may be retired."""
    await journal._sync_group()


def refuse(_):
    """As a disk that is broken."""
    raise OSError(errno.EIO, "Input/output error")


async def until(true):
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.005)


async def stop(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
