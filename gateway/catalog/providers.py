"""Providers as data: where they are, how they are asked, and how their bills differ from what one would expect.

Base URLs and key variables are the vendors' own; quirks and billing after a hang-up are in the
comments' words where a recording or a published list shows them (see docs/providers.md).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import resources
from urllib.parse import urlsplit

import msgspec

from gateway.core.route import TIERS
from gateway.dialects.base import Quirk

OPENAI_DIALECTS = frozenset({"openai-chat", "openai-completions", "openai-embeddings"})
"""What a provider that nobody knows is taken to speak."""


@dataclass(frozen=True, slots=True)
class Native:
    """Where a provider speaks some dialects that it does not speak at its ordinary address."""

    base_url: str
    dialects: frozenset[str]
    auth: str = "bearer"


@dataclass(frozen=True, slots=True)
class Access:
    """Where to send calls, and what shows that they are ours."""

    base_url: str
    headers: Mapping[str, str] = field(repr=False)  # Names in lower case, as callers' are: they replace those.
    defaults: Mapping[str, str] = field(default_factory=dict)  # Of headers that a caller may send itself. The same.
    signed: str = ""  # Who signs each call: "sigv4" or "google"; empty where the headers say all.


SIGNED = frozenset({"sigv4", "google"})
"""Kinds of `auth` that need more than a key."""


@dataclass(frozen=True)
class Provider:
    """One place that answers calls."""

    name: str  # As in "openai/gpt-4o".
    base_url: str  # May hold {region}, {region-} (nothing for "global") and {project}.
    key: str = field(default="", repr=False)
    key_env: str = ""  # Found there, the provider is enabled without any configuration.
    auth: str = "bearer"  # Or the name of the header that carries the bare key, or one of SIGNED.
    prices: str = ""  # The provider's name in the price book; empty for its own name.
    dialects: frozenset[str] = OPENAI_DIALECTS
    quirks: frozenset[Quirk] = frozenset()
    bills_after_abort: bool = True  # Whether it goes on charging when we hang up. Unknown is yes.
    headers: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)  # Headers for callers that do not send their own.
    selfhosted: bool = False
    region: str = ""  # Where it runs, if its address or its price depends on that.
    project: str = ""  # Of Vertex AI.
    native: Native | None = None
    free: tuple[str, ...] = ()  # Paths, as in its documentation, that may be posted to and are not charged for.
    cache_tokens: int = 3_000_000  # Of prompts, that an engine of our own keeps. Nobody tells of a provider's.
    batches: str = ""  # Whose batches it takes: "openai" (with files) or "anthropic"; empty for nobody's.
    backends: tuple[str, ...] = ()  # The base URLs of engines of ours that are watched, each with a machine of its own.
    engine: str = ""  # What kind its backends are: see gateway/fleet/engines. Empty: they are asked as OpenAI is.
    backend: str = ""  # Which of them this is, by host and port: "10.0.0.5:8000". Empty where it is all, or none.

    @property
    def priced_as(self) -> str:
        """Its name in the price book."""
        return self.prices or self.name

    @cached_property
    def engines(self) -> tuple[Provider, ...]:
        """Itself at each of its backends."""
        return tuple(replace(self, base_url=url, backends=(), backend=urlsplit(url).netloc) for url in self.backends)

    @cached_property
    def access(self) -> Mapping[str, Access]:
        """How it is asked, by dialect. Worked out once: every call asks."""
        ordinary, *apart = self.addresses
        own = dict.fromkeys(self.dialects, ordinary)
        if self.native is not None:
            own |= dict.fromkeys(self.dialects & self.native.dialects, *apart)
        return own

    @cached_property
    def addresses(self) -> tuple[Access, ...]:
        """Its ordinary address, and behind it the native one if it has one."""
        ordinary = self._access(self.base_url, self.auth)
        if self.native is None:
            return (ordinary,)
        return (ordinary, self._access(self.native.base_url, self.native.auth))

    def _access(self, base_url: str, auth: str) -> Access:
        before = "" if self.region == "global" else f"{self.region}-"
        url = base_url.replace("{region-}", before).replace("{region}", self.region).replace("{project}", self.project)
        headers, defaults = _folded(self.headers), _folded(self.defaults)
        if not self.key:
            return Access(url, headers, defaults, auth if auth in SIGNED else "")
        shown = {auth: self.key} if auth not in SIGNED | {"bearer"} else {"Authorization": f"Bearer {self.key}"}
        return Access(url, headers | _folded(shown), defaults)


@dataclass(frozen=True, slots=True)
class Deployment:
    """One model at one provider: what a policy chooses among."""

    provider: Provider
    model: str
    tier: str = TIERS[1]
    weight: int = 1
    output_tokens_max: int | None = None  # The most it generates in one answer; None: ask the price book.
    name: str = field(init=False)  # Unique: "openai/gpt-4o", "local@10.0.0.5:8000/llama-70b".
    group: str = field(init=False)  # The same without the backend: "local/llama-70b" answers alike wherever it runs.

    def __post_init__(self) -> None:
        """Worked out once: every call asks."""
        provider = self.provider
        group = f"{provider.name}/{self.model}"
        object.__setattr__(self, "group", group)
        name = f"{provider.name}@{provider.backend}/{self.model}" if provider.backend else group
        object.__setattr__(self, "name", name)


def _folded(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _known() -> dict[str, Provider]:
    files = sorted(resources.files("gateway.catalog").joinpath("known").iterdir(), key=lambda file: file.name)
    read = {file.name.removesuffix(".toml"): tomllib.loads(file.read_text(encoding="utf-8")) for file in files}
    return {name: msgspec.convert({"name": name, **found}, Provider) for name, found in read.items()}


KNOWN = _known()
"""Providers that need no more than a key, or less; one file each in `known/`, which says where its facts are from."""


def priced_as(name: str, configured: Mapping[str, Provider]) -> str:
    """A provider's name in the price book, by its name in calls, `configured` or not."""
    provider = configured.get(name) or KNOWN.get(name)
    return name if provider is None else provider.priced_as
