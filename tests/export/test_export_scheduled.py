"""Every day that is over has its file: in a folder or a bucket, once, whole, and made up for when it was missed."""

import csv
import io
import json
from contextlib import contextmanager

import pytest
from booked_calls import call
from s3_server import S3

from gateway.core.errors import Unavailable
from gateway.export import places
from gateway.export.places import Folder, PlaceError, place
from gateway.export.scheduled import DAY_S, SETTLED_S, Export, Schedule
from gateway.export.table import Form
from gateway.export.written import Written

DAY_40 = 40 * DAY_S
CALLS = Form("calls", "csv")


class Books:
    """A ledger with a call on each of these days; `away` while it cannot be read."""

    def __init__(self, *days):
        self.calls = [call(at=day * DAY_S + 5) for day in days]
        self.away = False

    @contextmanager
    def read(self):
        if self.away:
            raise Unavailable("not now")
        yield self

    def entries(self, since, until):
        return iter([one for one in self.calls if since <= one.at < until])

    def count(self, since, until):
        return len(list(self.entries(since, until)))

    def prices(self):
        return {}

    def began(self):
        return min((one.at for one in self.calls), default=None)


@pytest.fixture
def home(tmp_path):
    """Where it is noted what files were written from."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def schedule(home):
    """A gateway of this home that has just started."""

    def started(books, to, now, form=CALLS):
        told, clock = [], now if callable(now) else lambda: now
        written = Written(home / "exports.json")
        return Schedule([Export(form, to, "there")], books.read, clock, told.append, written), told

    return started


def names(folder):
    return sorted(path.name for path in folder.glob("*.csv"))


def rows(path):
    return list(csv.DictReader(io.StringIO(path.read_text(), newline="")))


def test_days_since_the_first_call_have_a_file_each_the_quiet_ones_too(schedule, tmp_path):
    wanted, told = schedule(Books(37, 39, 40), Folder(tmp_path / "out"), DAY_40 + SETTLED_S)
    wanted.catch_up()
    assert names(tmp_path / "out") == [f"fareway-calls-1970-02-{day}.csv" for day in ("07", "08", "09")]
    assert [len(rows(path)) for path in sorted((tmp_path / "out").iterdir())] == [1, 0, 1]
    assert told == ["written"] * 3


def test_a_day_is_over_when_its_calls_have_ended(schedule, tmp_path):
    wanted, _ = schedule(Books(39), Folder(tmp_path), DAY_40 + SETTLED_S - 1)
    wanted.catch_up()
    assert names(tmp_path) == []


def test_without_any_call_there_is_no_file(schedule, tmp_path):
    wanted, told = schedule(Books(), Folder(tmp_path / "out"), DAY_40 + SETTLED_S)
    wanted.catch_up()
    assert (names(tmp_path / "out"), told) == ([], [])


def test_a_day_of_which_the_ledger_has_more_is_written_again(schedule, tmp_path):
    """A batch that ended in the evening is corrected at the moment of its call, whose day may be over for weeks."""
    books, out, now = Books(37, 39), Folder(tmp_path / "out"), [DAY_40 + SETTLED_S]
    wanted, told = schedule(books, out, lambda: now[0])
    wanted.catch_up()
    (path,) = tmp_path.glob("out/*-07.csv")
    books.calls.append(call(at=37 * DAY_S + 5, usd="-0.5"))
    wanted.catch_up()
    assert (len(told), len(rows(path))) == (3, 1), "once a day"
    now[0] += DAY_S
    wanted.catch_up()
    assert (len(told), len(rows(path))) == (5, 2), "the corrected day, and the new one"
    now[0] += DAY_S
    wanted.catch_up()
    assert len(told) == 6


def test_a_restart_writes_only_what_is_out_of_date(schedule, tmp_path):
    books, out = Books(37, 39), Folder(tmp_path / "out")
    schedule(books, out, DAY_40 + SETTLED_S)[0].catch_up()
    books.calls.append(call(at=39 * DAY_S + 6))
    again, told = schedule(books, out, DAY_40 + SETTLED_S)
    again.catch_up()
    assert told == ["written"]


def test_what_the_ledger_has_no_more_stays_in_its_file(schedule, tmp_path):
    """Days may be taken out of a ledger."""
    books, out, now = Books(37, 39), Folder(tmp_path / "out"), [DAY_40 + SETTLED_S]
    wanted, told = schedule(books, out, lambda: now[0])
    wanted.catch_up()
    del books.calls[1]
    now[0] += DAY_S
    wanted.catch_up()
    assert len(told) == 4
    assert len(rows(tmp_path / "out" / "fareway-calls-1970-02-09.csv")) == 1


def test_files_of_which_nothing_is_known_are_written_once_more(schedule, tmp_path, home, caplog):
    """From an earlier version, or where the note is lost. Notes of days that are not looked at any more go."""
    (home / "exports.json").write_text("{")
    path = tmp_path / "fareway-calls-1970-02-09.csv"
    path.write_text("old")
    now = [DAY_40 + SETTLED_S]
    wanted, told = schedule(Books(39), Folder(tmp_path), lambda: now[0])
    assert "so they are written again" in caplog.text
    wanted.catch_up()
    assert (len(rows(path)), told) == (1, ["written"])
    assert json.loads((home / "exports.json").read_text()) == {"1970-02-09": {f"there {path.name}": 1}}
    now[0] += 31 * DAY_S
    wanted.catch_up()
    assert min(json.loads((home / "exports.json").read_text())) == "1970-02-10"


def test_a_home_that_cannot_be_written_costs_another_writing(schedule, tmp_path, home, caplog):
    home.rmdir()
    for _ in range(2):
        wanted, told = schedule(Books(39), Folder(tmp_path / "out"), DAY_40 + SETTLED_S)
        wanted.catch_up()
        assert told == ["written"]
    assert "could not be noted" in caplog.text


def test_what_failed_is_tried_again(schedule, tmp_path):
    """A ledger or a place that is away; and no half of a file is left behind."""
    books = Books(39)
    books.away = True
    (tmp_path / "out").write_text("a file where a folder should be")
    wanted, told = schedule(books, Folder(tmp_path / "out"), DAY_40 + SETTLED_S)
    wanted.catch_up()
    books.away = False
    wanted.catch_up()
    assert told == ["failed"] * 2
    (tmp_path / "out").unlink()
    wanted.catch_up()
    wanted.catch_up()
    assert told == ["failed"] * 2 + ["written"]
    assert names(tmp_path / "out") == ["fareway-calls-1970-02-09.csv"]


def test_whatever_goes_wrong_with_an_export_stops_nothing(tmp_path, caplog):
    """A package that is missing, say; the other exports are written."""

    class Broken(Folder):
        def put(self, name, fill):
            raise ValueError("a bug")

    told = []
    exports = [Export(CALLS, place, "there") for place in (Broken(tmp_path / "x"), Folder(tmp_path / "out"))]
    written = Written(tmp_path / "exports.json")
    Schedule(exports, Books(39).read, lambda: DAY_40 + SETTLED_S, told.append, written).catch_up()
    assert told == ["failed", "written"]
    assert "a bug" in caplog.text


def test_charges_say_what_they_leave_out(schedule, tmp_path, caplog):
    books = Books(39)
    books.calls.append(call(at=39 * DAY_S + 6, usd=None))
    wanted, _ = schedule(books, Folder(tmp_path), DAY_40 + SETTLED_S, Form("focus", "csv", "1.4"))
    wanted.catch_up()
    assert len(rows(tmp_path / "fareway-focus-1970-02-09.csv")) == 1
    assert "1 calls without a price" in caplog.text


@pytest.fixture
def s3(monkeypatch):
    server = S3()
    for name, value in {
        "AWS_ENDPOINT_URL_S3": server.url,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    yield server
    server.stop()


def test_a_bucket_gets_the_same_files(schedule, s3):
    wanted, told = schedule(Books(39), place("s3://finance/fareway/"), DAY_40 + SETTLED_S)
    wanted.catch_up()
    again, _ = schedule(Books(39), place("s3://finance/fareway"), DAY_40 + SETTLED_S)
    again.catch_up()
    (path,) = s3.kept
    assert path == "/finance/fareway/fareway-calls-1970-02-09.csv"
    assert s3.kept[path].startswith(b"id,request_id,at,")
    assert told == ["written"]


def test_a_bucket_that_refuses_is_tried_again(schedule, s3):
    s3.status = 403
    wanted, told = schedule(Books(39), place("s3://finance"), DAY_40 + SETTLED_S)
    wanted.catch_up()
    s3.status = 0
    wanted.catch_up()
    assert told == ["failed", "written"]
    assert list(s3.kept) == ["/finance/fareway-calls-1970-02-09.csv"]


def test_a_bucket_that_cannot_be_reached_is_said(s3):
    bucket = place("s3://finance")
    s3.stop()
    with pytest.raises(PlaceError, match="cannot read s3://finance"):
        bucket.has("x")
    with pytest.raises(PlaceError, match="cannot write s3://finance/x"):
        bucket.put("x", lambda file: file.write(b"y"))


def test_without_its_package_a_bucket_says_what_to_install(monkeypatch):
    monkeypatch.setattr(places, "find_spec", lambda _: None)
    with pytest.raises(PlaceError, match=r"fareway\[aws\]"):
        place("s3://finance")
