"""What is kept of answers and what is not, over sockets; who shares them, how a caller steers it, and forgetting."""

import http.client
import json
import stat
import time
from urllib.parse import urlsplit

import pytest
from admin.api import Api
from road import PATIENCE_S, PROVIDERS, eventually, road

pytestmark = pytest.mark.xdist_group("cache-kept")

CONFIG = (
    PROVIDERS
    + """
cache: {scope: team, exact: {store: shared}}
routing: {retry: {rounds: 0}, breaker: {failures: 1000}}
limits:
  - {node: all, amount: 1000 usd, window: month}
"""
)
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("kept"), CONFIG) as found:
        yield found


@pytest.fixture(scope="module")
def teams(way):
    """Two keys of one team, and one of another."""
    return [way.key("--team", team) for team in ("red", "red", "blue")]


def post(way, token, body, path="/v1/chat/completions", **headers):
    """An answer: its status, what the cache did, and the body."""
    parts = urlsplit(way.url)
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE_S)
    told = {"Authorization": f"Bearer {token}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        line.request("POST", path, json.dumps(body), told)
        answer = line.getresponse()
        raw = answer.read()
        return answer.status, answer.headers["x-fareway-cache"], raw
    finally:
        line.close()


def ask(way, token, text, *, header="use", more=None, **headers):
    """What the cache did with one question."""
    body = {"model": "sim-small", "messages": [{"role": "user", "content": text}]} | (more or {})
    return post(way, token, body, x_fareway_cache=header, **headers)[1]


def twice(way, token, text, **options):
    """The same for the question asked a second time."""
    ask(way, token, text, **options)
    return ask(way, token, text, **options)


def test_a_team_shares_and_another_gets_nothing(way, teams):
    one, two, other = teams
    assert [ask(way, token, "Shared.") for token in (one, two, other)] == ["miss", "hit", "miss"]
    alone = way.key()
    assert ask(way, alone, "Shared.") == "miss"


def test_errors_and_broken_answers_are_never_kept(way, teams):
    for order in ("fail=400 fail_first=1", "garbage", "cut=3", "error_after=3"):
        text = f"Broken {order}. [[sim: {order}]]"
        body = {"model": "sim-small", "messages": [{"role": "user", "content": text}], "stream": True}
        post(way, teams[0], body, x_fareway_cache="use")
        assert post(way, teams[0], body, x_fareway_cache="use")[1] != "hit", order


def test_what_a_filter_cut_short_is_not_kept(way, teams):
    assert twice(way, teams[0], "Bad. [[sim: filtered]]") == "miss"
    assert twice(way, teams[0], "Bad stream. [[sim: filtered]]", more={"stream": True}) == "miss"


def test_what_ends_at_its_cap_is_kept(way, teams):
    assert twice(way, teams[0], "Long. [[sim: tokens=50]]", more={"max_tokens": 5}) == "hit"


@pytest.mark.parametrize("stream", [False, True])
def test_calls_of_tools_are_not_kept_unless_allowed(way, teams, stream):
    more = {"tools": [TOOL], "stream": stream}
    assert twice(way, teams[0], f"{stream} Use the tool", more=more) == "miss"
    assert twice(way, teams[0], f"{stream} Use this tool", more=more, x_fareway_cache_tools="allow") == "hit"
    assert twice(way, teams[0], f"{stream} Say hello.", more=more) == "hit"


def test_a_search_is_not_answered_from_the_cache(way, teams):
    more = {"web_search_options": {}}
    assert twice(way, teams[0], "News?", more=more) == "off"


def test_anthropics_own_callers_too(way, teams):
    def said(text, **more):
        body = {"model": "sim-small", "max_tokens": 30, "messages": [{"role": "user", "content": text}]} | more
        return [post(way, teams[0], body, "/v1/messages", x_fareway_cache="use")[1] for _ in range(2)]

    assert said("Hello from Claude's side.") == ["miss", "hit"]
    tool = {"name": "look", "input_schema": {"type": "object", "properties": {}}}
    assert said("Now use the tool", tools=[tool]) == ["miss", "miss"]


def test_a_namespace_divides(way, teams):
    assert [ask(way, teams[0], "Spaced.", x_fareway_cache_namespace=name) for name in "aba"] == ["miss", "miss", "hit"]
    assert ask(way, teams[0], "Spaced.") == "miss"


def test_an_answer_may_be_kept_for_less_or_wanted_fresher(way, teams):
    assert ask(way, teams[0], "Soon old.", x_fareway_cache_ttl="1s") == "miss"
    eventually(lambda: ask(way, teams[0], "Soon old.", x_fareway_cache_ttl="1s") == "miss")
    ask(way, teams[0], "Kept.")
    time.sleep(1.1)
    assert ask(way, teams[0], "Kept.", x_fareway_cache_ttl="1s") == "miss"
    assert ask(way, teams[0], "Kept.", x_fareway_cache_ttl="1h") == "hit"


def test_http_s_own_words_for_keys_that_use_it(way):
    key = way.key("--cache", "--team", "red")
    body = {"model": "sim-small", "messages": [{"role": "user", "content": "In HTTP's words."}]}
    said = [
        post(way, key, body, cache_control=words)[1] for words in ("no-store", "max-age=60", "max-age=60", "no-cache")
    ]
    assert said == ["off", "miss", "hit", "miss"]


def test_a_word_that_means_nothing_is_refused(way, teams):
    body = {"model": "sim-small", "messages": [{"role": "user", "content": "x"}]}
    status, _, raw = post(way, teams[0], body, x_fareway_cache="use", x_fareway_cache_ttl="soon")
    assert (status, json.loads(raw)["error"]["param"]) == (400, "x-fareway-cache-ttl")


def test_forgetting_by_the_admin_api_and_by_the_command(way, teams):
    admin, (red, _, blue) = Api.of(way, way.admin), teams
    for token in (red, blue):
        assert twice(way, token, "To be forgotten.") == "hit"
    admin.delete("/cache?team=red")
    assert [ask(way, token, "To be forgotten.") for token in (red, blue)] == ["miss", "hit"]
    assert admin.ask("DELETE", "/cache?tema=red").status == 400
    assert admin.by(red).ask("DELETE", "/cache").status == 403
    assert "deleted from the store" in way.command("cache", "clear", "--model", "sim-small")
    eventually(lambda: ask(way, blue, "To be forgotten.") == "miss")
    (line,) = [line for line in admin.get("/audit?limit=5")["data"] if line["of"] == "team:red"]
    assert line["action"] == "cache.clear"


def test_what_is_kept_survives_a_restart_and_only_its_owner_reads_it(tmp_path):
    with road(tmp_path, CONFIG) as way:
        token, home = way.first, way.gate.home
        assert twice(way, token, "Over a restart.") == "hit"
        eventually(lambda: _kept(home) > 0)
        assert stat.S_IMODE((home / "answers.db").stat().st_mode) == 0o600
        before = len(way.bill())
        assert way.gate.stop() == 0
        way.gate.start()
        assert ask(way, token, "Over a restart.") == "hit"
        assert len(way.bill()) == before


def test_two_workers_give_each_other_s_answers(tmp_path):
    config = "server: {workers: 2}\n" + CONFIG
    with road(tmp_path, config) as way:
        ask(way, way.first, "At either.")
        eventually(lambda: _kept(way.gate.home) > 0)
        before = len(way.bill())
        assert {ask(way, way.first, "At either.") for _ in range(12)} == {"hit"}
        assert len(way.bill()) == before
        Api.of(way, way.admin).delete("/cache")
        eventually(lambda: _kept(way.gate.home) == 0)


def _kept(home):
    """How many answers the file has."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(f"file:{home / 'answers.db'}?mode=ro", uri=True, timeout=PATIENCE_S)) as database:
        return database.execute("SELECT count(*) FROM answers").fetchone()[0]
