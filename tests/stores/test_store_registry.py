"""Records in the state database or in Redis, the audit log beside them, and the pepper."""

import sqlite3
import stat
import threading

import pytest
from stores.redis_server import RedisServer

from gateway.core.caller import Caller, Key, Role
from gateway.core.errors import Unavailable
from gateway.stores.base import Ask
from gateway.stores.redis_registry import RedisRegistry
from gateway.stores.registry import Kind, Write, encoded, key_of
from gateway.stores.sqlite import SqliteStore
from gateway.stores.sqlite_registry import PEPPER_BYTES, SqliteRegistry, load_pepper

FULL = Key(
    "abc", b"\x00\xff" * 16, Caller("abc", "o", "t", "ü", tags=("x",)), "alias", 1.5, 2.5,
    revoked=True, role=Role.TEAM_ADMIN, models=("a", "b"), cache=True, networks=("10.0.0.0/8",),
    metadata={"why": "tests"}, former_digest=b"\x01", former_until=3.5,
)  # fmt: skip
BY_AN_EARLIER_VERSION = b'{"id":"a","digest":"AA==","caller":{"key_id":"a"},"alias":"x","created":1.5,"admin":%s}'


@pytest.fixture(params=["sqlite", "redis"])
def connect(request, tmp_path):
    """Opens the same registry as often as one likes."""
    opened, server = [], None
    if request.param == "redis":
        server = RedisServer(tmp_path / "redis").start()

    def make():
        opened.append(RedisRegistry(server.patient_url) if server else SqliteRegistry(tmp_path / "state.db"))
        return opened[-1]

    yield make
    for registry in opened:
        registry.close()
    if server:
        server.kill()


def put(registry, name, after, before=None, kind=Kind.KEYS):
    return registry.write([Write(kind, name, before, after)], [b"put " + name.encode()])


def test_a_key_is_read_as_it_was_written():
    assert key_of(encoded(FULL)) == FULL


def test_keys_of_earlier_versions_have_the_role_that_they_had_in_other_words():
    assert key_of(BY_AN_EARLIER_VERSION % b"true").role is Role.ADMIN
    assert key_of(BY_AN_EARLIER_VERSION % b"false").role is Role.CALLER


def test_records_are_found_replaced_and_deleted_by_whoever_looks(connect):
    one, two = connect(), connect()
    assert put(one, "a", b"1")
    assert put(one, "b", b"2", kind=Kind.TEAMS)
    assert two.all(Kind.KEYS) == {"a": b"1"}
    assert two.find(Kind.TEAMS, "b") == b"2"
    assert two.find(Kind.TEAMS, "a") is two.find(Kind.USERS, "b") is None
    assert put(two, "a", b"3", before=b"1")
    assert put(two, "b", None, before=b"2", kind=Kind.TEAMS)
    assert (one.all(Kind.KEYS), one.all(Kind.TEAMS)) == ({"a": b"3"}, {})


def test_a_write_happens_only_to_what_its_maker_saw_and_wholly_or_not_at_all(connect):
    registry = connect()
    assert put(registry, "a", b"1")
    before = registry.version
    assert not put(registry, "a", b"2"), "it is there already"
    assert not put(registry, "a", b"2", before=b"0"), "it is another one"
    assert not put(registry, "x", b"2", before=b"1"), "it is gone"
    both = [Write(Kind.KEYS, "b", None, b"1"), Write(Kind.KEYS, "a", b"0", b"2")]
    assert not registry.write(both, [b"not said"])
    assert registry.all(Kind.KEYS) == {"a": b"1"}
    assert [note for _, note in registry.notes(None, 10)] == [b"put a"]
    assert registry.version == before


def test_every_write_changes_the_version_and_all_see_the_same(connect):
    gateway, command = connect(), connect()
    seen = [gateway.version]
    for by, before, after in (
        (command, None, b"1"),
        (command, b"1", b"1"),
        (gateway, b"1", b"2"),
        (command, b"2", None),
    ):
        assert put(by, "a", after, before=before)
        seen.append(gateway.version)
        assert command.version == gateway.version
    assert len(set(seen)) == len(seen)


def test_a_version_that_is_lifted_is_later_than_one_that_was_seen_and_never_earlier_than_it_was(connect):
    one, two = connect(), connect()
    one.lift(7)
    assert one.version == two.version == 8
    assert put(two, "a", b"1")
    one.lift(3)
    assert one.version == two.version == 9


def test_files_and_batches_are_kept_beside_and_nobody_follows_them(connect):
    one, two = connect(), connect()
    assert put(one, "a", b"1")
    before = one.version
    for kind in (Kind.FILES, Kind.BATCHES):
        assert put(one, "file-1", b"1", kind=kind)
        assert put(two, "file-1", b"2", before=b"1", kind=kind)
        assert two.find(kind, "file-1") == b"2"
        assert one.all(kind) == {"file-1": b"2"}
    assert one.version == two.version == before
    assert one.all(Kind.KEYS) == {"a": b"1"}


def test_the_audit_log_is_read_backwards_page_by_page(connect):
    registry = connect()
    assert registry.notes(None, 5) == []
    for n in range(7):
        assert registry.write((), [b"%d" % n])
    first = registry.notes(None, 3)
    assert [note for _, note in first] == [b"6", b"5", b"4"]
    second = registry.notes(first[-1][0], 3)
    third = registry.notes(second[-1][0], 3)
    assert [note for _, note in second + third] == [b"3", b"2", b"1", b"0"]
    assert registry.notes(third[-1][0], 3) == []


def test_nobody_takes_a_line_out_of_the_audit_log(tmp_path):
    registry = SqliteRegistry(tmp_path / "state.db")
    assert put(registry, "a", b"1")
    with sqlite3.connect(tmp_path / "state.db") as database:
        for statement in ("DELETE FROM audit", "UPDATE audit SET note = x'00'"):
            with pytest.raises(sqlite3.IntegrityError, match="only added to"):
                database.execute(statement)
    database.close()
    assert len(registry.notes(None, 5)) == 1
    registry.close()


async def test_leases_in_the_same_file_and_reading_keys_leave_the_version(tmp_path):
    """Leases change many times a second; keys would be read anew each time."""
    registry, store = SqliteRegistry(tmp_path / "state.db"), SqliteStore(tmp_path / "state.db")
    put(registry, "a", b"1")
    before = registry.version
    for n in range(3):
        await store.exchange("a", [Ask("x", 100, n, 60)])
    await store.sweep(1e12)
    assert registry.all(Kind.KEYS) == {"a": b"1"}
    assert registry.version == before
    store.close()
    registry.close()


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

    monkeypatch.setattr("gateway.stores.sqlite_registry.secrets.token_bytes", full)
    with pytest.raises(Unavailable, match="no space left"):
        load_pepper(tmp_path / "pepper")
    monkeypatch.undo()
    assert len(load_pepper(tmp_path / "pepper")) == PEPPER_BYTES
