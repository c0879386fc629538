"""Files that nobody but their owner reads or writes."""

import errno
import os
import re
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from gateway.alerts.outbox import Outbox
from gateway.core.errors import Unavailable
from gateway.core.request import Facts
from gateway.ledger.sqlite import SqliteLedger
from gateway.simulator.bill import Bill
from gateway.stores.closed import closed_to_others
from gateway.stores.sqlite_registry import SqliteRegistry, load_pepper
from gateway.tokens import kept, measure
from gateway.tokens.calibration import Calibration

OPENED_ELSEWHERE = "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.execute('SELECT * FROM t'); d.close()"


def test_all_files_of_a_home_are_their_owners_alone_also_where_others_may_enter_it(tmp_path):
    tmp_path.chmod(0o755)
    learned = Calibration()
    learned.learn(measure(b"some words " * 20, Facts("m")), "openai/m", 60, bound=1000)
    kept.save(kept.learned_path(tmp_path, None), learned.remembered())
    load_pepper(tmp_path / "pepper")
    with (
        closing(SqliteRegistry(tmp_path / "state.db")),
        closing(SqliteLedger(tmp_path / "ledger.db")),
        closing(Outbox(tmp_path / "alerts.db")),
        closing(Bill(tmp_path / "simulator-bill.jsonl")),
    ):
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert {"state.db", "state.db-wal", "ledger.db-shm", "alerts.db", "tokens.json", "simulator-bill.jsonl"} <= set(
        modes
    )
    assert set(modes.values()) == {0o600}


def test_a_file_of_an_earlier_version_is_closed(tmp_path):
    (tmp_path / "state.db").touch(0o644)
    closed_to_others(tmp_path / "state.db")
    assert stat.S_IMODE((tmp_path / "state.db").stat().st_mode) == 0o600


def shared(home):
    (home / "state.db").touch()
    (home / "state.db").chmod(0o660)
    return home / "state.db"


def test_a_file_of_another_owner_stays_as_it_is(tmp_path, monkeypatch):
    """A volume's group may read and write it, and SQLite needs no more. Root could close it, and would shut out those
    who share it."""
    path = shared(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with closing(SqliteRegistry(path)) as registry:
        assert registry.version == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


@pytest.mark.parametrize("why", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EROFS])
def test_a_file_whose_mode_cannot_be_changed_where_it_lies_stays_as_it_is(tmp_path, monkeypatch, why):
    def refused(path, mode):
        raise OSError(why, os.strerror(why), str(path))

    path = shared(tmp_path)
    monkeypatch.setattr(Path, "chmod", refused)
    with closing(SqliteRegistry(path)) as registry:
        assert registry.version == 0


def test_what_this_process_has_open_stays_its_own(tmp_path):
    """Whoever else opens the file must not take itself for the last one, and the log of what was written away."""
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE t (n)")
        closed_to_others(path)
        subprocess.run([sys.executable, "-c", OPENED_ELSEWHERE, str(path)], check=True)
        assert (tmp_path / "state.db-wal").exists()


def linked(home, volume):
    (home / "state.db").symlink_to(volume / "state.db")
    return home / "state.db"


def test_a_link_may_lead_to_a_volume_that_has_no_file_yet(tmp_path):
    volume = tmp_path / "volume"
    volume.mkdir()
    closed_to_others(linked(tmp_path, volume))
    assert (volume / "state.db").stat().st_mode & 0o777 == 0o600


def test_a_link_to_a_volume_that_is_not_there_makes_none(tmp_path):
    """A database without keys and limits was made on the disk below, and used."""
    volume = tmp_path / "volume"
    with pytest.raises(Unavailable, match=re.escape(f"{tmp_path / 'state.db'} cannot be opened")):
        SqliteRegistry(linked(tmp_path, volume))
    assert not volume.exists()


def test_links_in_a_circle_are_told(tmp_path):
    with pytest.raises(Unavailable, match="Too many levels of symbolic links"):
        SqliteRegistry(linked(tmp_path, tmp_path))
