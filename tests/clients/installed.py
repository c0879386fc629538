"""Where the clients are, once scripts/setup-clients.sh has put them there, and which versions they are."""

from __future__ import annotations

import json
from pathlib import Path

from harness import ROOT
from roster import Client

INSTALLED = ROOT / "build" / "clients"
NODE = INSTALLED / "node" / "bin" / "node"
MODULES = INSTALLED / "npm" / "node_modules"


def environment(client: Client) -> Path:
    """What must be there for it to run."""
    return INSTALLED / client.home if client.kind == "python" else MODULES


def version_of(client: Client, package: str) -> str:
    """The version that is installed."""
    if client.kind != "python":
        return json.loads((MODULES / package / "package.json").read_text())["version"]
    wheel = package.replace("-", "_")
    (found,) = environment(client).glob(f"lib/python*/site-packages/{wheel}-*.dist-info")
    return found.name.removeprefix(f"{wheel}-").removesuffix(".dist-info")
