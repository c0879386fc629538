"""What `fareway serve` refuses before it starts anything."""

from __future__ import annotations

import pytest

from gateway.cli.main import main


@pytest.mark.parametrize(
    "options",
    [
        ("serve", "--port", "99999"),
        ("serve", "--port", "-1"),
        ("sim", "--port", "http"),
        ("serve", "--workers", "0"),
    ],
)
def test_numbers_that_cannot_be_are_refused(options, capsys):
    with pytest.raises(SystemExit) as ended:
        main(list(options))
    assert ended.value.code == 2
    assert "a number between" in capsys.readouterr().err
