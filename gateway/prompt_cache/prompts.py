"""The prompts that leave, watched: what comes again, where a conversation's prompt breaks, what is worth a mark.

Kept in memory alone, for each conversation that has a name: one number for each 2 KiB of its last prompt, and what the
provider counted. Nothing of a prompt is kept, here or on disk.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from hashlib import blake2b
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from gateway.core.money import PICOS_PER_NANO
from gateway.core.price import Price
from gateway.core.prompt_note import PromptNote
from gateway.core.usage import Usage
from gateway.dialects import splice
from gateway.prompt_cache import breakpoints
from gateway.prompt_cache.blocks import BLOCK_BYTES, Prompt, chain, prompt_of, shared
from gateway.prompt_cache.economics import LATER_S, Life, lifetime, saved_picos
from gateway.prompt_cache.places import place
from gateway.prompt_cache.reuse import Sightings

ON_DEMAND = frozenset({"anthropic-messages", "bedrock-invoke", "bedrock-converse"})
"""Dialects whose providers keep nothing that is not marked."""

KEYED = frozenset({"openai-chat", "openai-responses"})
"""Dialects with a `prompt_cache_key`. Only OpenAI itself is known to take it."""

UNASKED_MIN = 1024
"""Tokens that a prompt must have where providers keep it unasked.
https://platform.openai.com/docs/guides/prompt-caching"""

BLOCKS_KEPT = 2_000_000
"""Of all conversations together: 16 MB, or prompts of 4 GB."""


class Leaving(NamedTuple):
    """A call on its way to a provider."""

    key_id: str
    session: str
    deployment: str
    dialect: str
    body: bytes
    model: str  # As the provider calls it.
    price: Price | None
    maker: str  # Of the provider, as its prices are listed: "openai".


class _Last(Struct, frozen=True):
    """A conversation's last prompt at one deployment."""

    links: array[int]
    at: float
    tokens: int  # As the provider counted it.
    cached: int  # Of these, what it may have in its cache.


class _Sent(NamedTuple):
    """A prompt that is on its way."""

    key_id: str
    session: str
    deployment: str
    links: array[int]  # One number for each of its blocks,
    head: int  # of which so many are tools and system prompt.
    at: float
    on_demand: bool  # The provider keeps what is marked alone.
    price: Price | None


class Prompts:
    """See the module. `improve`: bodies for Anthropic get marks where that pays, those for OpenAI say their session."""

    def __init__(self, *, improve: bool) -> None:
        self._improve = improve
        self._sightings = Sightings()
        self._talks: OrderedDict[tuple[str, str, str], _Last] = OrderedDict()  # The longest unseen first.
        self._blocks = 0

    def leaving(self, call: Leaving, at: float) -> tuple[bytes, Watched]:
        """The body as it is to leave, and what was seen. `at`: Unix seconds. Nothing is learned before the answer: a
        call may be tried more than once."""
        prompt = prompt_of(call.dialect, call.body)
        head = next((start for key, start in prompt.starts if key == "messages"), 0) // BLOCK_BYTES
        on_demand = call.dialect in ON_DEMAND
        links = array("q", chain(prompt))
        sent = _Sent(call.key_id, call.session, call.deployment, links, head, at, on_demand, call.price)
        note = self._compared(sent, prompt) if call.session else PromptNote()
        body, marks = self._improved(call, sent) if self._improve else (call.body, "")
        return body, Watched(self, sent, replace(note, marks=marks) if marks else note)

    def answered(self, sent: _Sent, usage: Usage) -> None:
        """The provider took the prompt. What it has of it now can be told by its last word alone."""
        kind = (sent.key_id, sent.deployment)
        if self._improve and sent.on_demand:
            self._sightings.seen(kind, sent.links, sent.at)
            self._sightings.seen((*kind, "head"), sent.links[: sent.head], sent.at)
        if not sent.session or not usage.final:
            return
        given = usage.prompt or usage.input_total
        touched = _read(usage) + usage.cache_write + usage.cache_write_1h + usage.cache_write_12h
        unasked = 0 if sent.on_demand or given < UNASKED_MIN else given
        before = self._talks.pop((sent.key_id, sent.session, sent.deployment), None)
        self._talks[sent.key_id, sent.session, sent.deployment] = _Last(
            sent.links, sent.at, given, max(touched, unasked)
        )
        self._blocks += len(sent.links) - (len(before.links) if before is not None else 0)
        while self._blocks > BLOCKS_KEPT and len(self._talks) > 1:
            self._blocks -= len(self._talks.popitem(last=False)[1].links)

    def _compared(self, sent: _Sent, prompt: Prompt) -> PromptNote:
        """The prompt beside the conversation's last one."""
        before = self._talks.get((sent.key_id, sent.session, sent.deployment))
        if before is None or not before.links:
            return PromptNote()
        same = shared(before.links, sent.links)
        broken = ""
        if same < min(len(before.links), len(sent.links)):
            broken = place_of_block(prompt, same * BLOCK_BYTES)
        elif same < len(before.links):
            broken = "the prompt ends earlier"
        if sent.at - before.at > LATER_S:
            return PromptNote(broken=broken)
        expected = min(before.tokens * same // len(before.links), before.cached)
        return PromptNote(expected=expected, broken=broken, dropped=before.cached - expected if broken else 0)

    def _improved(self, call: Leaving, sent: _Sent) -> tuple[bytes, str]:
        """The body with a name for its conversation, or with marks where what was measured says that they pay; and
        which marks."""
        if call.maker == "openai" and call.dialect in KEYED and call.session:
            return _keyed(call), ""
        ours = call.dialect == breakpoints.DIALECT and call.price is not None
        if not ours or not breakpoints.may_mark(call.body, call.model):
            return call.body, ""
        assert call.price is not None
        rates = call.price.standard.at(len(call.body) // breakpoints.BYTES_PER_TOKEN)
        kind, said = (call.key_id, call.deployment), self._sightings
        turns = lifetime(said.reuse(kind, sent.links, sent.at), rates)
        head = lifetime(said.reuse((*kind, "head"), sent.links[: sent.head], sent.at), rates)
        if head is turns is Life.NONE:
            return call.body, ""
        head = breakpoints.longer(head, turns)
        return breakpoints.marked(call.body, head, turns), f"head {head}, turns {turns}"


class Watched:
    """One call's prompt, until its answer tells what was read."""

    __slots__ = ("_prompts", "_sent", "note")

    def __init__(self, prompts: Prompts, sent: _Sent, note: PromptNote) -> None:
        self.note = note
        self._prompts = prompts
        self._sent = sent

    def told(self, usage: Usage, service_tier: str | None) -> PromptNote:
        """What the ledger says of it, once it is settled."""
        self._prompts.answered(self._sent, usage)
        given = usage.prompt or usage.input_total
        note = replace(self.note, unread=max(0, min(self.note.expected, given) - _read(usage)))
        price = self._sent.price
        if price is None:
            return note
        rates, _ = price.rates_for(usage, service_tier)
        lost = (note.unread + min(note.dropped, given)) * max(0, rates.input - rates.cache_read)
        saved = saved_picos(price, usage, service_tier) if note.marks else 0
        return replace(note, lost_nanos=_nanos(lost), saved_nanos=_nanos(saved))


def _read(usage: Usage) -> int:
    return usage.cache_read + usage.cache_read_audio + usage.cache_read_image


def _keyed(call: Leaving) -> bytes:
    """The body with a name for its conversation, by which OpenAI finds the machine that has its prompt
    (https://platform.openai.com/docs/guides/prompt-caching). The caller's own stays."""
    if b'"prompt_cache_key"' in call.body:
        return call.body
    name = blake2b(f"{call.key_id}/{call.session}".encode(), digest_size=16).hexdigest()
    return splice.append(call.body, "prompt_cache_key", b'"%b"' % name.encode())


def place_of_block(prompt: Prompt, offset: int) -> str:
    """Where the block that begins here lies in the body, as people write it."""
    (first, start), (last, end) = place_in(prompt, offset), place_in(prompt, offset + BLOCK_BYTES - 1)
    if first == last:
        return f"{first}, bytes {start:,} to {end + 1:,}"
    return f"{first}, byte {start:,}, to {last}, byte {end + 1:,}"


def place_in(prompt: Prompt, offset: int) -> tuple[str, int]:
    """The path of the value that holds this byte of the prompt, and how far into the value it lies."""
    part, within = prompt.part_at(offset)
    start = dict(prompt.starts)[part]
    ends = [begin for _, begin in prompt.starts if begin > start]
    path, inside = place(prompt.text[start : ends[0] if ends else len(prompt.text)], within)
    return part + path, inside


def _nanos(picos: int) -> int:
    """The nearest whole nano-dollars: a figure to tell, which nobody is charged."""
    return (picos + PICOS_PER_NANO // 2) // PICOS_PER_NANO
