"""A request in a file, as it would come over HTTP: its path, its headers, and what it is if nobody says so."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from gateway.catalog.providers import Provider
from gateway.cli.settings import Unusable
from gateway.core.errors import GatewayError
from gateway.core.request import Asked
from gateway.dialects.base import Dialect
from gateway.dialects.spoken import DIALECTS
from gateway.front.own_headers import refuse_unknown
from gateway.front.paths import nothing_at, way_of
from gateway.front.surfaces import EXACT, Surface, asked_at

IN_PATH = {
    "gemini": "/v1beta/models/MODEL:generateContent",
    "gemini-embeddings": "/v1beta/models/MODEL:embedContent",
    "gemini-count-tokens": "/v1beta/models/MODEL:countTokens",
    "bedrock-converse": "/model/MODEL/converse",
    "bedrock-invoke": "/model/MODEL/invoke",
}
"""Dialects whose callers name the model in the path."""

_ANTHROPIC = frozenset(
    {"system", "stop_sequences", "thinking", "top_k", "anthropic_version", "mcp_servers", "container"}
)
_RESPONSES = frozenset(
    {"instructions", "max_output_tokens", "previous_response_id", "text", "include", "store", "tools"}
)
_COHERE = frozenset({"documents", "citation_options", "safety_mode", "strict_tools"})


def add_request(parser: argparse.ArgumentParser) -> None:
    """Declare it."""
    parser.add_argument("request", type=Path, metavar="REQUEST.json", help="a request body; - for standard input")
    path = "where it is posted, such as /v1/messages; default: guessed from the body"
    parser.add_argument("--path", default="", metavar="PATH", help=path)
    parser.add_argument("--dialect", default="", choices=["", *DIALECTS], metavar="NAME", help="the same by its name")
    parser.add_argument("--header", action="append", default=[], metavar="'NAME: VALUE'", help="that comes with it")


def read_request(
    parsed: argparse.Namespace, providers: Mapping[str, Provider]
) -> tuple[Dialect, Asked, Mapping[str, str]]:
    """The request, in whose dialect, and its headers. Raises Unusable; and BadRequest, as the gateway does, for a
    header that only begins as ours do."""
    try:
        body = sys.stdin.buffer.read() if str(parsed.request) == "-" else parsed.request.read_bytes()
    except OSError as error:
        raise Unusable(f"cannot read the request: {error}") from None
    headers = dict(map(_header, parsed.header))
    refuse_unknown(headers)
    path, _, query = parsed.path.partition("?")
    surface, only = _surface(path, parsed.dialect, body, providers)
    return surface.dialect, asked_at(surface, headers, body, query, only), headers


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise Unusable(f"--header: {text!r} is not 'name: value'", 2)
    return name.strip().lower(), value.strip()


def _surface(path: str, dialect: str, body: bytes, providers: Mapping[str, Provider]) -> tuple[Surface, str]:
    if path and dialect:
        raise Unusable("say --path or --dialect: a path says which dialect it is", 2)
    if path:
        try:
            way = way_of(path if path.startswith("/") else f"/{path}", providers)
        except GatewayError as error:
            raise Unusable(f"--path: {error}", 2) from None
        if way.surface is None:
            raise Unusable(f"--path: {nothing_at(way.path)}", 2)
        return way.surface, "" if way.provider is None else way.provider.name
    name = dialect or guessed(body)
    if name in IN_PATH:
        raise Unusable(f"callers of {name} name the model in the path: say --path {IN_PATH[name]}", 2)
    return next((one for one in EXACT.values() if one.dialect.name == name), Surface(DIALECTS[name])), ""


def guessed(body: bytes) -> str:
    """The dialect that a body is written in, where that is clear. Raises Unusable."""
    try:
        said = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise Unusable(f"the request is not JSON: {error}") from None
    if not isinstance(said, dict):
        raise Unusable("the request is no JSON object")
    if "contents" in said:
        return "gemini"
    if isinstance(said.get("messages"), list):
        return _of_messages(said)
    if "query" in said and "documents" in said:
        return "cohere-rerank"
    if "input" in said:
        return _of_input(said)
    if isinstance(said.get("prompt"), str | list):
        return "openai-images" if said.keys() & {"size", "quality"} else "openai-completions"
    raise Unusable("the body does not show which dialect it is in: say --dialect, such as openai-chat", 2)


def _of_messages(said: Mapping[str, Any]) -> str:
    if "inferenceConfig" in said or "toolConfig" in said:
        return "bedrock-converse"
    if said.keys() & _COHERE:
        return "cohere-chat"
    blocks = {kind for part in _parts(said["messages"]) if isinstance(kind := part.get("type"), str)}
    tools = _objects(said.get("tools"))
    signed = any("input_schema" in tool for tool in tools) or blocks & {"tool_use", "tool_result", "image", "thinking"}
    return "anthropic-messages" if signed or said.keys() & _ANTHROPIC else "openai-chat"


def _parts(messages: Iterable[Any]) -> Iterable[Mapping[str, Any]]:
    for message in messages:
        if isinstance(message, dict):
            yield from _objects(message.get("content"))


def _objects(found: Any) -> list[dict[str, Any]]:
    """The objects in a list; none where it is no list."""
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _of_input(said: Mapping[str, Any]) -> str:
    if "voice" in said:
        return "openai-speech"
    given = said["input"]
    items = isinstance(given, list) and any(isinstance(item, dict) for item in given)
    if items or said.keys() & _RESPONSES:
        return "openai-responses"
    embeds = "embed" in str(said.get("model")) or said.keys() & {"dimensions", "encoding_format"}
    if embeds or isinstance(given, list):
        return "openai-embeddings"
    raise Unusable("this may be for /v1/responses or /v1/embeddings: say --dialect", 2)
