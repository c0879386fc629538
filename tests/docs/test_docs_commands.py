"""Every command that the documentation shows is run as it stands there, or looked over where it cannot be run here."""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from dataclasses import dataclass

import pytest
from harness import ROOT, gateway, make_key

from gateway.cli.main import parser

PAGES = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SHELL = ("sh", "console")
PORTS = (4000, 4001, 8001, 8002)
TIME_S_MAX = 300

# What cannot be run here, by how it begins, and why.
NOT_RUN = {
    "git clone": "would install all of it a second time: `make bench-first-run` does so",
    "docker ": "no engine is at hand",
    "kubectl ": "no cluster is at hand; what helm makes of the chart is tested in tests/deploy",
    "FAREWAY_KEY=fw-… fareway top": "looks until it is told to stop: tests/cli/test_cli_top.py does so",
    "FAREWAY_HOME=/var/lib/fareway": "is for the machine on which it is a service",
    "make bench": "takes up to 20 minutes",
}
# Examples of what the reader has, and what it is called here.
TOKEN, KEY_ID, REQUEST_ID = "fw-…", "<id>", "req_87ed1cbc297d059500000001"
# As if OpenAI's key were there.
CONFIG = "providers: {sim: {}}\nmodels: {gpt-5-mini: {deployments: [sim/sim-small]}}\n"

PRELUDE = """
set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT
curl() { command curl --silent --show-error --fail-with-body --max-time 30 "$@"; }
ready() { until command curl -sf http://127.0.0.1:4000/readyz >/dev/null; do sleep 0.1; done; }
engines() { until [ "$(fareway fleet list | grep -c ready)" -eq 2 ]; do sleep 0.2; done; }
"""


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    page: str
    kind: str
    text: str

    @property
    def commands(self) -> str:
        """What is to be typed: of a console, what follows the prompts."""
        if self.kind == "sh":
            return self.text
        lines = re.findall(r"^\$ ((?:.*\\\n)*.*\n)", self.text, re.MULTILINE)
        return "".join(lines)

    @property
    def why_not(self) -> str | None:
        """Why it cannot be run here, if it cannot."""
        return next((why for start, why in NOT_RUN.items() if self.text.startswith(start)), None)


def blocks(page):
    return [Block(page, kind, text) for kind, text in FENCE.findall((ROOT / page).read_text())]


SHOWN = [block for page in PAGES for block in blocks(page) if block.kind in SHELL]
RUN = [page for page in PAGES if any(block.page == page and not block.why_not for block in SHOWN)]


def free_ports():
    """As many as the documentation names, under those names."""
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    found = {str(port): str(one.getsockname()[1]) for port, one in zip(PORTS, taken, strict=True)}
    for one in taken:
        one.close()
    return found


def serves(page):
    return any("\nfareway serve\n" in block.commands for block in SHOWN if block.page == page)


def script(page, examples):
    """All that the page has one type, in order, in one shell; what serves does so beside the rest."""
    text = "".join(block.commands for block in SHOWN if block.page == page and not block.why_not)
    serving = "fareway serve --port 4000 --admin-port 4001 &\nready\nengines"
    text = re.sub(r"^fareway serve$", serving, text, flags=re.MULTILINE)
    return re.sub("|".join(examples), lambda example: examples[example[0]], PRELUDE + text)


def asked(url, token):
    """The id of a call that was answered."""
    call = {"model": "sim-small", "messages": [{"role": "user", "content": "Hello!"}]}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(call).encode(), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers["x-fareway-request-id"]


@pytest.mark.parametrize("page", RUN)
def test_what_a_page_has_one_type_works(page, tmp_path):
    """In a home with an admin's key, beside a gateway, unless the page starts one itself."""
    ports = free_ports()
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "fareway").write_text(f'#!/bin/sh\nexec {sys.executable} -m gateway "$@"\n')
    (commands / "fareway").chmod(0o755)
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    token, spare = make_key(home, "--admin"), make_key(home)
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    environ |= {"FAREWAY_HOME": str(home), "PYTHONPATH": str(ROOT), "PATH": f"{commands}:{os.environ['PATH']}"}
    examples = ports | {TOKEN: token, KEY_ID: spare.split("-")[1]}
    gate = None
    if not serves(page):
        gate = gateway(home, CONFIG, "--port", ports["4000"], "--admin-port", ports["4001"])
        examples[REQUEST_ID] = asked(gate.url, token)
        environ |= {"FAREWAY_CONFIG": str(home / "fareway.yaml")}
        environ |= {"KEY": token, "KEY_ID": examples[KEY_ID]}  # As the pages before have called them.
        environ |= {"OPENAI_BASE_URL": f"{gate.url}/v1", "OPENAI_API_KEY": token}
    text = script(page, examples)
    try:
        done = subprocess.run(
            ["bash", "-c", text], cwd=here, env=environ, capture_output=True, text=True, check=False, timeout=TIME_S_MAX
        )
        assert done.returncode == 0, f"{text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    finally:
        if gate is not None:
            gate.stop()


@pytest.mark.parametrize("block", [block for block in SHOWN if block.why_not], ids=lambda block: block.text[:20])
def test_what_cannot_be_run_here_is_at_least_shell_and_names_what_there_is(block):
    text = re.sub(r"<[\w ]+>", "X", block.commands)
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)) <= targets
    for path in re.findall(r"\bdeploy/[\w./]+", text):
        assert (ROOT / path).exists(), path


def test_every_reason_still_has_a_command():
    assert [start for start in NOT_RUN if not any(block.text.startswith(start) for block in SHOWN)] == []


def named(page):
    """Commands in the middle of a sentence, or shown with what they print or may be given."""
    text = (ROOT / page).read_text()
    inline = re.findall(r"(?<!`)`fareway ([^`\n]+)`(?!`)", FENCE.sub("", text))
    plain = [block.text for block in blocks(page) if not block.kind or (block.kind in SHELL and block.why_not)]
    return inline + re.findall(r"^(?:\$ |\w+=\S+ )?fareway ([^#\n]+)", "".join(plain), re.MULTILINE)


def deeper(found, word):
    """The parser of a command's command, if it has one of that name."""
    choices = [action.choices for action in found._actions if isinstance(action, argparse._SubParsersAction)]
    inner = choices[0].get(word) if choices else None
    return getattr(inner, "declared", lambda: inner)()  # Some are, only once they are asked for.


def flags(found):
    return {flag for action in found._actions for flag in action.option_strings}


@pytest.mark.parametrize("page", [page for page in PAGES if named(page)])
def test_commands_in_sentences_exist_and_have_these_options(page):
    for line in named(page):
        first, *rest = line.split()
        for command in first.split("|"):
            found = deeper(parser(), command)
            assert found is not None or command.startswith("-"), f"fareway {line}"
            known = flags(found or parser())
            for word in rest:
                inner = deeper(found, word)
                found = inner or found
                known |= flags(found)
            missing = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", line)) - known
            assert not missing, f"fareway {line}: no {missing}"
