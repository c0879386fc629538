"""Key records in the state database, and the pepper beside it."""

import stat
import threading

from gateway.core.caller import Caller, Key
from gateway.stores.base import Ask
from gateway.stores.sqlite import SqliteStore
from gateway.stores.sqlite_keys import PEPPER_BYTES, SqliteKeys, load_pepper

FULL = Key(
    "abc", b"\x00\xff" * 16, Caller("abc", "o", "t", "ü"), "alias", 1.5, 2.5,
    revoked=True, admin=True, models=("a", "b"), cache=True,
)  # fmt: skip


def test_a_key_is_kept_with_all_that_it_says(tmp_path):
    keys = SqliteKeys(tmp_path / "state.db")
    keys.save(FULL)
    assert keys.find("abc") == FULL
    assert keys.all() == {"abc": FULL}
    assert keys.find("other") is None
    keys.close()


def test_saving_again_replaces_the_key_of_that_id(tmp_path):
    keys = SqliteKeys(tmp_path / "state.db")
    keys.save(FULL)
    keys.save(Key("abc", b"new"))
    assert keys.all() == {"abc": Key("abc", b"new")}
    keys.close()


def test_the_version_changes_when_somebody_else_writes(tmp_path):
    gateway, command = SqliteKeys(tmp_path / "state.db"), SqliteKeys(tmp_path / "state.db")
    before = gateway.version
    assert gateway.version == before
    command.save(FULL)
    assert gateway.version != before
    assert gateway.find("abc") == FULL
    gateway.close()
    command.close()


def test_every_save_changes_the_version_whoever_makes_it_and_all_see_the_same(tmp_path):
    """Also a save that replaces a key, changes nothing in it, or comes from the connection that looks."""
    gateway, command = SqliteKeys(tmp_path / "state.db"), SqliteKeys(tmp_path / "state.db")
    seen = [gateway.version]
    for keys, key in ((command, FULL), (command, FULL), (gateway, Key("abc", b"new")), (gateway, Key("x", b""))):
        keys.save(key)
        seen.append(gateway.version)
        assert command.version == gateway.version
    assert len(set(seen)) == len(seen)
    gateway.close()
    command.close()
    again = SqliteKeys(tmp_path / "state.db")
    assert again.version == seen[-1]
    again.save(FULL)
    assert again.version not in seen
    again.close()


async def test_leases_in_the_same_file_and_reading_keys_leave_the_version(tmp_path):
    """Leases change many times a second; keys would be read anew each time."""
    keys, store = SqliteKeys(tmp_path / "state.db"), SqliteStore(tmp_path / "state.db")
    keys.save(FULL)
    before = keys.version
    for n in range(3):
        await store.exchange("a", [Ask("x", 100, n, 60)])
    await store.sweep(1e12)
    assert keys.all() == {"abc": keys.find("abc")}
    assert keys.version == before
    store.close()
    keys.close()


def test_the_pepper_is_made_once_for_its_owner_only(tmp_path):
    path = tmp_path / "deep" / "pepper"
    pepper = load_pepper(path)
    assert len(pepper) == PEPPER_BYTES
    assert load_pepper(path) == pepper == path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_pepper(tmp_path / "other") != pepper
    assert [p.name for p in path.parent.iterdir()] == ["pepper"]


def test_processes_that_start_at_once_agree_on_one_pepper(tmp_path):
    """None may see a pepper that is not written yet: keys made under it would open nothing later."""
    for attempt in range(30):
        path, seen, gate = tmp_path / f"pepper-{attempt}", [], threading.Barrier(4)

        def load(path=path, seen=seen, gate=gate):
            gate.wait()
            seen.append(load_pepper(path))

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(seen) == {path.read_bytes()}


def test_a_pepper_that_could_not_be_written_leaves_no_empty_one(tmp_path, monkeypatch):
    """After a crash or a full disk in between, the next start makes a good one."""

    def full(size):
        raise OSError("no space left on device")

    monkeypatch.setattr("gateway.stores.sqlite_keys.secrets.token_bytes", full)
    try:
        load_pepper(tmp_path / "pepper")
    except OSError:
        monkeypatch.undo()
    assert len(load_pepper(tmp_path / "pepper")) == PEPPER_BYTES
