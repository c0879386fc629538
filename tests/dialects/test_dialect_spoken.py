"""What every dialect that is spoken here has in common."""

from typing import get_args

import pytest

from gateway.config.fields import DialectName
from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.dialects.spoken import DIALECTS


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_request_is_refused(name, body):
    with pytest.raises(BadRequest):
        DIALECTS[name].read(Asked(body))


@pytest.mark.parametrize("name", [name for name in DIALECTS if not name.endswith("count-tokens")])
@pytest.mark.parametrize("answer", [b"", b"null", b"[]", b"\xff", b'{"usage":"\xff"}', b"[" * 100_000])
def test_garbage_is_no_answer_and_raises_nothing(name, answer):
    assert DIALECTS[name].report(answer, frozenset()).usage is None


def test_every_dialect_can_be_named_in_a_configuration():
    assert DIALECTS.keys() <= set(get_args(DialectName))
