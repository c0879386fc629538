"""How calls with time stand, and their answers: until when they are kept."""

from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from gateway.core.caller import Caller, Key
from gateway.core.request import Asked
from gateway.deferred.record import Later, State
from gateway.deferred.shelf import Shelf
from gateway.front.deferred import FETCHED_KEPT_S, LaterPages

NOW, KEEP_S = 1000.0, 7 * 86_400.0
CALL = Later("later_a_1", Caller("k"), "openai-chat", "m", Asked(b""), {}, accepted=1.0, deadline=2.0)
KEY = Key("k", b"", CALL.caller)


@pytest.fixture
async def shelf(tmp_path):
    shelf = Shelf(tmp_path / "deferred.db")
    await shelf.add(CALL, b"{}", None, 1)
    await shelf.put(replace(CALL, state=State.DONE, status=200, ended=NOW), answer=b"{}", until=NOW + KEEP_S)
    yield shelf
    await shelf.close()


@pytest.mark.parametrize("path", [CALL.id, f"{CALL.id}/answer"])
@pytest.mark.parametrize(("method", "kept_s"), [("GET", FETCHED_KEPT_S), ("HEAD", KEEP_S)])
async def test_an_answer_is_fetched_by_who_gets_it(shelf, path, method, kept_s):
    """HEAD gets none: it is kept as long as if nobody had asked."""

    async def answered(status, *_):
        assert status == 200

    async def nothing(_):
        return []

    pages = LaterPages(shelf, "a", b"p", nothing, nothing, lambda: NOW)
    await pages.serve(SimpleNamespace(method=method, respond=answered), path, KEY)
    await shelf.sweep(NOW + kept_s - 1)
    assert await shelf.find(CALL.id)
    await shelf.sweep(NOW + kept_s)
    assert await shelf.find(CALL.id) is None
