"""What each dialect reads from answers and events: nothing raises, and no counter or cost is negative."""

from __future__ import annotations

from collections.abc import Iterable

from fuzz.golden import by_dialect
from fuzz.promises import check_report

from gateway.core.usage import Report
from gateway.dialects.base import Quirk
from gateway.dialects.spoken import DIALECTS

HEAD = 2
"""Which dialect, and which quirks its provider has."""

JSON = True

NAMES = tuple(DIALECTS)


def quirks_of(choice: int) -> frozenset[Quirk]:
    """Those whose bit is set."""
    return frozenset(quirk for bit, quirk in enumerate(Quirk) if choice >> bit & 1)


def check(data: bytes) -> None:
    """Each line is one event, on top of those before it."""
    if len(data) < HEAD:
        return
    dialect, quirks, report = DIALECTS[NAMES[data[0] % len(NAMES)]], quirks_of(data[1]), Report()
    for message in data[HEAD:].split(b"\n"):
        report = dialect.report(message, quirks, report)
        check_report(report)


def seeds() -> Iterable[bytes]:
    """Recorded answers, each as its own dialect and as the next."""
    for number, (dialect, said) in enumerate(by_dialect()):
        if len(said) < 6000 and number % 3 == 0:
            yield bytes((NAMES.index(dialect), number % 64)) + said
    for number, name in enumerate(NAMES):
        yield bytes((number, 0)) + _SAID.get(
            name, b'{"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}'
        )


_SAID = {
    "openai-transcriptions": b'{"text":"Hi","usage":{"type":"tokens","input_tokens":9,"output_tokens":4,'
    b'"total_tokens":13,"input_token_details":{"text_tokens":2,"audio_tokens":7}},"duration":1.5}',
    "openai-images": b'{"data":[{}],"usage":{"input_tokens":9,"output_tokens":4,"total_tokens":13,'
    b'"input_tokens_details":{"text_tokens":2,"image_tokens":7}}}',
    "cohere-chat": b'{"usage":{"billed_units":{"input_tokens":3,"output_tokens":4,"search_units":1},'
    b'"tokens":{"input_tokens":30,"output_tokens":4}}}',
    "cohere-rerank": b'{"results":[],"meta":{"billed_units":{"search_units":2}}}',
    "gemini-embeddings": b'{"embedding":{"values":[1]},"usageMetadata":{"promptTokenCount":4}}',
    "bedrock-invoke": b'{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":9,'
    b'"outputTokenCount":2,"cacheReadInputTokenCount":1}}',
}
