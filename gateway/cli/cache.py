"""`fareway cache …`: forgetting kept answers, and what broke a prompt that a provider had kept."""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import Any

from gateway.assembly.answers import answer_store
from gateway.assembly.stores import directory
from gateway.cli import cache_explain
from gateway.cli.settings import settings
from gateway.config.settings import Settings
from gateway.core.clearing import Clearing
from gateway.directory.actor import Actor


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser("cache", help="caches: clear, explain")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    clearing = verbs.add_parser(
        "clear", parents=[common], help="forget kept answers, also those of gateways that run: all, unless said"
    )
    clearing.add_argument("--key", default="", metavar="ID", help="those that this key has asked for")
    clearing.add_argument("--team", default="", help="those that this team has asked for")
    clearing.add_argument("--model", default="", help="those of this model, by the name asked for or the deployment's")
    clearing.set_defaults(run=_clear)
    cache_explain.add_to(verbs, common)


def _clear(parsed: argparse.Namespace) -> int:
    found = settings(parsed)
    clearing = Clearing(time.time(), parsed.key, parsed.team, parsed.model)
    with directory(found) as kept:
        kept.clear_answers(Actor.of_machine(), clearing)
    if found.cache.shared:
        print(f"cleared {clearing.id}: {asyncio.run(_deleted(found, clearing))} answers deleted from the store")
    else:
        print(f"cleared {clearing.id}: gateways that run forget it within a second")
    return 0


async def _deleted(found: Settings, clearing: Clearing) -> int:
    store = answer_store(found, time.time)
    try:
        return await store.clear(clearing)
    finally:
        await store.close()
