"""docs/reference/*.md from what the code declares: `python scripts/reference.py`. A test compares them with it."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from gateway.admin import openapi  # noqa: E402
from gateway.admin.server import BASE, ROUTES  # noqa: E402
from gateway.cli.main import parser  # noqa: E402
from gateway.config.fields import REFERENCE  # noqa: E402
from gateway.config.json_schema import json_schema  # noqa: E402
from gateway.dashboard.door import CSRF  # noqa: E402
from gateway.front.own_headers import SAID, TOLD  # noqa: E402

FOLDER = ROOT / "docs" / "reference"
NOTE = "<!-- Made by scripts/reference.py. -->\n"


def pages() -> dict[str, str]:
    """File name -> text."""
    return {"config.md": _config(), "cli.md": _cli(), "headers.md": _headers(), "api.md": _api()}


def _table(head: str, rows: list[list[str]]) -> str:
    columns = head.count("|") + 1
    lines = [f"| {head} |", "|" + "---|" * columns]
    return (
        "\n".join(lines + ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]) + "\n"
    )


def _config() -> str:
    schema = json_schema()
    told = [
        NOTE,
        "# The configuration\n",
        "Every key of `fareway.yaml`; `fareway schema` prints the same for editors.\n",
    ]
    rows = list(_keys(schema, schema["$defs"], ""))
    return "\n".join([*told, _table("Key | What it may be | Left out | What it is", rows)])


def _keys(node: dict[str, Any], kinds: dict[str, Any], path: str) -> Iterator[list[str]]:
    for name, found in node.get("properties", {}).items():
        if path == "providers." and name in node["properties"] and node.get("additionalProperties") == found:
            continue  # A known provider has the keys of any.
        where = f"{path}{name}"
        default = found.get("default")
        left_out = "" if default is None else f"`{default if isinstance(default, str) else json.dumps(default)}`"
        yield [f"`{where}`", _kind(found, kinds), left_out, " ".join(found.get("description", "").split())]
        for inner, suffix in _inside(found, kinds):
            yield from _keys(inner, kinds, f"{where}{suffix}.")
    entry = node.get("additionalProperties")
    if isinstance(entry, dict) and path:
        for inner, suffix in _inside(entry, kinds):
            yield from _keys(inner, kinds, f"{path}<name>{suffix}.")


def _inside(node: dict[str, Any], kinds: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for one in [node, *node.get("anyOf", []), *node.get("allOf", [])]:
        if "$ref" in one:
            yield from _inside(kinds[one["$ref"].rpartition("/")[2]], kinds)
        elif one.get("type") == "array":
            yield from ((inner, f"[]{suffix}") for inner, suffix in _inside(one.get("items", {}), kinds))
        elif one.get("type") == "object":
            yield one, ""


def _kind(node: dict[str, Any], kinds: dict[str, Any]) -> str:
    found = []
    for one in node.get("anyOf", [node]):
        if "$ref" in one:
            found.append(_kind(kinds[one["$ref"].rpartition("/")[2]], kinds))
        elif "anyOf" in one and one is not node:
            found.append(_kind(one, kinds))
        elif "enum" in one:
            found.append(", ".join(f"`{word if isinstance(word, str) else json.dumps(word)}`" for word in one["enum"]))
        elif one.get("type") == "array":
            found.append(f"list of: {_kind(one.get('items', {}), kinds)}")
        elif (kind := one.get("type", "string")) != "null" and one.get("pattern") != REFERENCE:
            found.append({"object": "section", "string": "text", "integer": "whole number"}.get(kind, kind))
    return " or ".join(dict.fromkeys(filter(None, found))) or "`${NAME}`"


def commands(found: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and all below it, in the order in which they were declared."""
    found = getattr(found, "declared", lambda: found)()
    yield found
    for action in found._actions:  # noqa: SLF001 - argparse offers no other way to see them
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for one in dict.fromkeys(action.choices.values()):
                yield from commands(one)


def _cli() -> str:
    told = [NOTE, "# The commands\n", "Each says the same with `--help`.\n"]
    for found in commands(parser()):
        told.append(f"## {found.prog}\n")
        told += [found.description + "\n"] if found.description else []
        rows = [[_spelt(action), _help(found, action)] for action in found._actions if _shown(action)]  # noqa: SLF001
        told.append(_table("Argument | What it is", rows))
    return "\n".join(told)


def _shown(action: argparse.Action) -> bool:
    return "--help" not in action.option_strings and action.help != argparse.SUPPRESS


def _spelt(action: argparse.Action) -> str:
    if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
        return ", ".join(f"`{name}`" for name in action.choices)
    choices = ",".join(map(str, action.choices)) if action.choices else None
    value = action.metavar or choices or action.dest.upper()
    if not action.option_strings:
        return f"`{action.metavar or choices or action.dest}`"
    return f"`{', '.join(action.option_strings)}{'' if action.nargs == 0 else f' {value}'}`"


def _help(found: argparse.ArgumentParser, action: argparse.Action) -> str:
    if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
        return "one of them"
    text = (action.help or "").replace("%%", "%")
    return text.replace("%(default)s", str(action.default)).replace("%(prog)s", found.prog)


def headers() -> list[str]:
    """All that the gateway knows, but for what the dashboard's pages alone say."""
    return sorted((SAID | TOLD) - {CSRF})


def _headers() -> str:
    texts = {page: page.read_text() for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
    rows = []
    for name in headers():
        where = [page for page, text in texts.items() if re.search(rf"{name}(?![\w-])", text)]
        links = [f"[{page.stem}](../{page.name})" if page.parent.name == "docs" else page.stem for page in where]
        rows.append([f"`{name}`", ", ".join(links)])
    refused = "A call with any other that begins with `x-fareway-` is refused with a 400"
    told = [NOTE, "# Headers\n", "Of calls and of answers, and where each is explained. "]
    told[-1] += f"{refused}, but for those of the dashboard's own pages.\n"
    return "\n".join([*told, _table("Header | Explained in", rows)])


def _api() -> str:
    document = openapi.document(ROUTES, BASE)
    rows = [
        [f"`{method.upper()} {path}`", operation["summary"], operation["description"].removeprefix("For ").rstrip(".")]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    told = [
        NOTE,
        "# The admin API\n",
        f"`{BASE}/openapi.json` has bodies and answers, too ([how to use it](../admin.md)).\n",
    ]
    return "\n".join([*told, _table("Request | What it does | For", rows)])


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
