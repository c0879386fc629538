"""`fareway sim`: what makes no sense is refused in a sentence."""

import pytest

from gateway.cli.main import main


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--jitter", "2"), "shares between 0 and 1"),
        (("--engine", "vllm", "--speed", "0"), "speed is more than 0"),
        (("--engine", "vllm", "--num-gpu-blocks", "10"), "10 blocks do not hold max_model_len"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, told, capsys):
    assert main(["sim", "--port", "0", *options]) == 1
    assert told in capsys.readouterr().err
