"""Amazon Bedrock's InvokeModel, whose bodies are those of the model's vendor: `POST /model/{modelId}/invoke[-with-…]`.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from gateway.core.errors import BadRequest
from gateway.core.request import Asked, Countable, Facts
from gateway.core.usage import Report, Usage
from gateway.dialects import aws_errors, bedrock_vendors, splice
from gateway.dialects.anthropic_others import kinds_of, own_tools_tokens
from gateway.dialects.anthropic_report import read_report
from gateway.dialects.base import NOTHING_YET, Aimed, Quirk, Signs
from gateway.dialects.bedrock_usage import read_usage
from gateway.dialects.generated import ends, generated
from gateway.dialects.openai_usage import read_usage as read_openai_usage
from gateway.dialects.validate import decode, model_name

STREAM = "invoke-with-response-stream"
_BEGIN = rb'"(?<!\\")'  # Of a string. Looking behind only at quotes is sixty times as fast.
_PICTURE = re.compile(_BEGIN + rb'(?:type"\s*:\s*"(?:image|image_url)"|image"\s*:\s*\{)')
_FILE = re.compile(_BEGIN + rb'(?:type"\s*:\s*"(?:document|file)"|(?:document|audio)"\s*:\s*\{)')
_FILM = re.compile(_BEGIN + rb'(?:type"\s*:\s*"(?:video|video_url|input_video)"|video"\s*:\s*\{)')


class _Answer(msgspec.Struct):
    """What money depends on, of a whole answer or an event."""

    usage: Any = None
    metrics: Any = msgspec.field(name="amazon-bedrock-invocationMetrics", default=None)
    """What Bedrock adds to the last event of every stream, whoever made the model."""


_requests = msgspec.json.Decoder(dict[str, Any])
_answers = msgspec.json.Decoder(_Answer)

_SIGNS = Signs(
    usage=re.compile(rb'"(?:usage|amazon-bedrock-invocationMetrics)"\s*:\s*\{'),
    text=re.compile(
        rb'"(?:text|partial_json|thinking|generation|outputText|completion|content)"\s*:\s*"((?:[^"\\]++|\\.)++)"',
        re.DOTALL,
    ),
    finish=ends(rb"parameters", rb'(?:stop_reason|stopReason|finish_reason|completionReason)"\s*:\s*"'),
    # The last member of an event, which nothing is that stands deeper: arguments of Cohere's tools are objects.
    done=re.compile(rb'"amazon-bedrock-invocationMetrics"\s*:\s*\{[^{}]*\}\s*\}\s*(?:\n|\Z)'),
    done_hint=b"amazon-bedrock-invocationMetrics",
    reasoning=re.compile(rb'"(?:thinking|reasoningContent)"\s*:\s*["{]'),
    reasoning_hint=b"ing",  # Of either name.
    text_whole=lambda: generated(rb"text|thinking|generation|outputText|completion|content|arguments", rb"input"),
)


class BedrockInvoke:
    """The lens for InvokeModel: bodies of Anthropic, Nova and those that borrow OpenAI's usage are metered; of all
    others only streams, by Bedrock's own metrics."""

    name = "bedrock-invoke"
    signs = _SIGNS
    shows_cost = False

    def read(self, asked: Asked) -> Facts:
        """See `Dialect.read`. A tier that headers ask for is refused: only headers tell which one served."""
        if asked.tier:
            raise BadRequest("InvokeModel's service tiers and latency are not metered here: ask with Converse.")
        body = decode(_requests, asked.body)
        bedrock_vendors.refuse_twins(asked.body)
        bedrock_vendors.refuse_others(body)
        messages = body.get("messages")
        tools = body.get("tools") or body.get("toolConfig")
        pictures, files, films = _shown(asked.body, tools)
        needs = {name for name, needed in (("tools", tools), ("vision", pictures), ("files", files + films)) if needed}
        return Facts(
            model=model_name(asked.model),
            stream=asked.verb == STREAM,
            output_tokens_max=bedrock_vendors.output_cap(body),
            choices=bedrock_vendors.choices(body),
            needs=frozenset(needs),
            reasons=bool(body.get("thinking") or body.get("reasoning_effort")),
            images=pictures,
            files=files + films,
            turns=len(messages) if isinstance(messages, list) else 1,
            defined=own_tools_tokens(kinds_of(body.get("tools"))),
            unseen=films > 0,  # An hour of film can be a few kilobytes.
        )

    def aim(self, asked: Asked, model: str, facts: Facts) -> Aimed:
        """See `Dialect.aim`. The body names no model."""
        del facts
        return Aimed(f"/model/{quote(model, safe='')}/{asked.verb}", asked.body)

    def countable(self, asked: Asked) -> Countable:
        """See `Dialect.countable`. All of the body counts: no one knows every vendor's."""
        body = decode(_requests, asked.body)
        pictures, files, films = _shown(asked.body, body.get("tools") or body.get("toolConfig"))
        defined = own_tools_tokens(kinds_of(body.get("tools")))
        return Countable(
            texts=(asked.body.decode(errors="replace"),), defined=defined, images=pictures, files=files + films
        )

    def report(self, message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
        """See `Dialect.report`. The vendor's own usage says more than Bedrock's metrics, so they come second."""
        try:
            answer = _answers.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return before
        block = answer.usage if isinstance(answer.usage, dict) else {}
        ended = isinstance(answer.metrics, dict)
        if ended and not block and before.usage is None:
            block = answer.metrics
        if "inputTokens" in block or "inputTokenCount" in block:
            seen = _with_usage(before, read_usage(block), block)
        elif "prompt_tokens" in block:
            seen = _with_usage(before, read_openai_usage(block, quirks), block)
        else:
            seen = read_report(message, quirks, before)
        return replace(seen, last=ended)

    error = staticmethod(aws_errors.error_body)
    stream_error = staticmethod(aws_errors.stream_error)


def _shown(body: bytes, tools: Any) -> tuple[int, ...]:
    """How many pictures, files and films there are, by whoever's names. Those in `tools` are names of parameters. No
    quote inside a string counts: written anew, those of `tools` may be escaped otherwise than in the body."""
    plain = splice.with_plain_letters(body)
    defined = msgspec.json.encode(tools)
    return tuple(len(kind.findall(plain)) - len(kind.findall(defined)) for kind in (_PICTURE, _FILE, _FILM))


def _with_usage(before: Report, read: tuple[Usage | None, bool], block: dict[str, Any]) -> Report:
    usage, clamped = read
    return replace(
        before,
        usage=usage or before.usage,
        clamped=clamped or before.clamped,
        raw=msgspec.json.encode(block),
    )
