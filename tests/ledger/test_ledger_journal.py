"""The journal: what it was told it tells again, however the process, the disk or single bytes fail."""

import asyncio
import os
import random
import subprocess
import sys
from zlib import crc32

import harness
import pytest
from entries import entry, held, ids
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journals import die, files, on_disk, recovered

from gateway.ledger import journal as module
from gateway.ledger.disk import JournalBusy
from gateway.ledger.journal import SYNC_NEVER, Journal
from gateway.ledger.records import Kind, line, look_over, replay


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
        st.sampled_from(["open", "extend", "settle", "void", "restart", "sync", "move"]),
        st.integers(0, 5),
        st.integers(0, 99),
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
            elif what == "sync":
                await on_disk(journal)
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
        found = look_over([path])
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
        found, expected = look_over([path]), replay(lines[:number] + lines[number + 1 :])
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
    found = look_over([path])
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
    assert journal.retired == []
    await on_disk(journal)
    assert journal.retired == kept[:-1], "as soon as the disk has what was carried on"
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


async def test_an_end_in_order_leaves_no_file_that_was_carried_on(tmp_path, monkeypatch):
    """Where the last file went alone, an attempt that was void in it would be open again."""
    monkeypatch.setattr(module, "SEGMENT_BYTES", 500)
    journal = Journal(tmp_path, SYNC_NEVER)
    await journal.open(held("a"))
    journal.settle(entry("b"))
    journal.void(held("a"))
    assert len(files(tmp_path)) > 1
    journal.moved(1, [])
    journal.close()
    assert files(tmp_path) == []


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
