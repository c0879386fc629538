"""Every command is found where the table of commands says, and nothing else is imported for it."""

import argparse
import subprocess
import sys
from importlib import import_module

import pytest

from gateway.cli.main import COMMANDS, main, parser

ALL = [command for declared in COMMANDS.values() for command in declared]


def declared(found):
    """The commands of a parser."""
    choices = [action.choices for action in found._actions if isinstance(action, argparse._SubParsersAction)]
    return tuple(choices[0])


@pytest.mark.parametrize("module", COMMANDS)
def test_a_module_declares_what_the_table_says(module):
    alone = argparse.ArgumentParser()
    import_module(f"gateway.cli.{module}").add_to(alone.add_subparsers(), argparse.ArgumentParser(add_help=False))
    assert declared(alone) == COMMANDS[module]


@pytest.mark.parametrize("command", ALL)
def test_only_what_is_asked_for_is_declared(command):
    assert command in declared(parser([command]))
    assert len(declared(parser([command]))) <= 3


@pytest.mark.parametrize("asked", [[], ["--help"], ["nonsense"], ["--version"]])
def test_everything_is_declared_where_no_command_is_asked_for(asked):
    assert list(declared(parser(asked))) == ALL


def test_a_command_that_does_not_exist_is_told_all_that_do(capsys):
    with pytest.raises(SystemExit) as left:
        main(["nonsense"])
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert [command for command in ALL if command not in said] == []


@pytest.mark.parametrize("command", ["sim", "keys", "limits"])
def test_a_command_that_carries_no_calls_does_not_wait_for_the_gateway(command):
    program = (
        f"import sys; from gateway.cli.main import parser; parser(['{command}']); print('gateway.app' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
