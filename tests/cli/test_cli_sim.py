"""`fareway sim`, as far as its own options go."""

import pytest

from gateway.cli.main import main


@pytest.mark.parametrize("said", ["claude", "claude=", "=sim-small", "claude=sim-huge"])
def test_another_name_is_for_a_model_that_there_is(said, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["sim", "--model", said])
    assert ended.value.code == 2
    assert "sim-small" in capsys.readouterr().err
