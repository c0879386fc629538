"""Fixtures of the configuration's tests."""

import pytest

from gateway.config.load import load
from gateway.config.problems import ConfigError


@pytest.fixture
def configured(tmp_path):
    """Settings from a text, in an environment."""

    def read(text, **environ):
        path = tmp_path / "fareway.yaml"
        path.write_text(text)
        return load(path, {"HOME": "/home/me", **environ})

    return read


@pytest.fixture
def wrong(configured, tmp_path):
    """The problems of a text, as shown, without the folder and the word error."""

    def read(text, **environ):
        with pytest.raises(ConfigError) as error:
            configured(text, **environ)
        lines = str(error.value).splitlines()
        assert all(line.startswith(f"{tmp_path}/fareway.yaml") for line in lines)
        return [line.removeprefix(f"{tmp_path}/fareway.yaml:").replace(": error: ", " ", 1) for line in lines]

    return read
