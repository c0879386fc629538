"""What the journal asks of a disk."""

import errno
import os

import pytest

from gateway.ledger.disk import to_disk


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EIO, errno.ENOSPC])
def test_a_mount_that_syncs_no_folders_is_taken_as_it_is_and_one_that_fails_is_not(tmp_path, monkeypatch, number):
    def refuses(handle):
        raise OSError(number, "no")

    monkeypatch.setattr(os, "fsync", refuses)
    with (tmp_path / "file").open("wb") as file:
        if number in (errno.EINVAL, errno.ENOTSUP):
            to_disk([file.fileno()], tmp_path)
        else:
            with pytest.raises(OSError, match="no"):
                to_disk([file.fileno()], tmp_path)
