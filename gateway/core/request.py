"""What a request asks, as far as routing and billing care."""

from __future__ import annotations

from msgspec import Struct

from gateway.core.usage import Extras

PROMPT_PART_CHARACTERS = 1000


def excerpt(text: str) -> str:
    """The beginning and the end of a long text: what is asked stands at one of them, more often than not. The excerpt
    of an excerpt is itself."""
    if len(text) <= 2 * PROMPT_PART_CHARACTERS:
        return text
    return f"{text[:PROMPT_PART_CHARACTERS]}\n{text[-PROMPT_PART_CHARACTERS:]}"


class Asked(Struct, frozen=True):
    """A request as it came: its body, and what the path and the head say beside it."""

    body: bytes
    model: str = ""  # Where the path names it, as Gemini's and Bedrock's do.
    verb: str = ""  # What the path asks for: "streamGenerateContent".
    query: str = ""
    content_type: str = "application/json"
    betas: str = ""  # Features that a header turns on and that change the price, such as Anthropic's anthropic-beta.
    tier: str = ""  # A service tier that a header asks for, as at Vertex AI.
    provider: str = ""  # The only one that it may go to, where the path names it.


class Other(Struct, frozen=True, gc=False):
    """Another model that a request names: the provider may run it within the call."""

    model: str
    output_tokens_max: int | None = None  # Its own cap, each time that it runs.
    advises: int = 0  # So often the model that answers may ask it; 0 for one that answers in the model's place.
    tier: str = ""  # What is asked for it alone that changes its price, as `service_tier` says it.


class Facts(Struct, frozen=True):
    """What a dialect reads from a request. The request itself stays as received."""

    model: str
    stream: bool = False
    wants_usage: bool = True  # False for a stream whose caller did not ask for the usage chunk.
    output_tokens_max: int | None = None  # The caller's own cap, for one choice.
    choices: int = 1
    needs: frozenset[str] = frozenset()  # Of "tools", "vision", "audio", "files", "json".
    reasons: bool = False  # The caller asks for reasoning, which a provider may charge for and not show.
    hides_output: bool = False  # Some of it shows in no text of a stream: sound, pictures, what a prediction had wrong.
    images: int = 0
    files: int = 0
    turns: int = 1
    prompt: str = ""  # The excerpt of the last thing said, for difficulty rules.
    service_tier: str | None = None
    session: str | None = None  # Names a conversation, where the caller does, in the body or a header.
    free: bool = False  # Nobody charges for it, as for counting tokens.
    also: tuple[Other, ...] = ()
    input_tokens_max: int | None = None  # Of the body, where not all of it is text: a form with files.
    defined: int = 0  # Tokens of definitions that the provider has for tools of its own, which it puts into the prompt.
    unseen: bool = False  # Part of the prompt lies at the provider: only the context window bounds it.
    fees_untold: bool = False  # It may be charged for more than any answer tells, as for tools of the provider's.
    extras: Extras | None = None  # What it is charged for by the request itself: characters to speak, images to make.
    extras_max: Extras | None = None  # The same where only the answer tells how much: the length of a recording.
    provider: str = ""  # The only one that it may go to. Of the path, not of the body.

    @property
    def models(self) -> tuple[str, ...]:
        """All that may run: the caller must be allowed each of them."""
        return (self.model, *[other.model for other in self.also])


class Request(Struct, frozen=True):
    """One call, as routing policies see it."""

    id: str
    key_id: str
    dialect: str
    facts: Facts
    input_tokens: int  # Never less than the truth, unless images or files are involved.
    input_exact: bool = False  # True once counted by a tokenizer rather than bounded by bytes.


class Picture(Struct, frozen=True, gc=False):
    """A picture that a body carries in itself."""

    base64: str
    low: bool = False  # Little detail is asked for.


class Countable(Struct, frozen=True, gc=False):
    """The parts of a body that become tokens, for an exact count when a decision hangs on it."""

    texts: tuple[str, ...] = ()
    messages: int = 0
    names: int = 0  # Messages that carry a `name`.
    tools: str = ""  # The tool definitions, as their JSON,
    defined: int = 0  # and the tokens of those that are not in the body.
    schema: str = ""  # What the answer has to be like, as its JSON.
    images: int = 0  # All of them,
    pictures: tuple[Picture, ...] = ()  # and those whose size can be told.
    files: int = 0
    unread: int = 0  # Bytes of all that is nothing of these: sound, and what is not known.
