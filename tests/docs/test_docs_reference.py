"""The reference is what the code declares."""

import re
import sys

import pytest
from harness import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import reference


@pytest.mark.parametrize("page", reference.pages())
def test_a_page_is_current(page):
    """`python scripts/reference.py` after a change of keys, commands, headers or routes."""
    assert (reference.FOLDER / page).read_text() == reference.pages()[page]


def test_every_header_is_explained_somewhere():
    rows = (reference.FOLDER / "headers.md").read_text()
    assert [name for name in reference.headers() if not re.search(rf"\| `{name}` \| \S", rows)] == []


def test_every_header_that_a_page_names_is_there():
    """The table says that all others are refused."""
    rows = (reference.FOLDER / "headers.md").read_text()
    texts = [page.read_text() for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]]
    named = {name for text in texts for name in re.findall(r"`(x-fareway-[a-z-]*[a-z])\b", text)}
    assert "x-fareway-cache-ttl" in named
    assert [name for name in sorted(named) if f"| `{name}` |" not in rows] == []


def test_every_command_is_there_with_its_options():
    told = (reference.FOLDER / "cli.md").read_text()
    parsers = list(reference.commands(reference.parser()))
    assert len(parsers) > 40
    for found in parsers:
        section = told.partition(f"## {found.prog}\n")[2].partition("\n## ")[0]
        options = {action.option_strings[-1] for action in found._actions if action.option_strings} - {"--help"}
        assert [one for one in options if one not in section] == [], found.prog
