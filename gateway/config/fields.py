"""The types of configuration values: how each is read, and how editors see it."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, SecretStr, WithJsonSchema

from gateway.config import hours, units, windows
from gateway.config.embeddings import known_embedding
from gateway.config.moments import exact_moment
from gateway.config.policies import known_policy
from gateway.config.problems import did_you_mean
from gateway.config.units import Amount, UnreadableError
from gateway.config.urls import base_url, feed, url
from gateway.core import limit
from gateway.core.money import Money
from gateway.core.node import KINDS, kind_of
from gateway.fleet.rate import Week
from gateway.ledger.journal import SYNC_ALWAYS, SYNC_NEVER
from gateway.prices.overrides import OTHERS
from gateway.prices.spelled import RATES, pattern

REFERENCE = r"\$\{.+\}"
"""What may stand for any scalar."""

PORT_MAX = 65535
_PART = rf"({'|'.join(KINDS[1:])}):(\*|[^\s*]{{1,200}})"
_NODE = rf"^(all|{_PART}( {_PART})*)$"
_LATER = frozenset({"redis", "rediss", "valkey", "postgres", "postgresql"})


def _pattern(pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": list(examples)})


def node(value: str) -> str:
    """Whom and what a limit speaks about, its parts in the order of KINDS. Raises UnreadableError."""
    parts = sorted(value.split(" "), key=lambda part: KINDS.index(kind_of(part)) if kind_of(part) in KINDS else -1)
    kinds = [kind_of(part) for part in parts]
    if re.fullmatch(_NODE, value) and len(set(kinds)) == len(kinds):
        return " ".join(parts)
    hint = "" if kinds[0] in KINDS else did_you_mean(kinds[0], KINDS)
    one_of = ", ".join(f"{kind}:x" for kind in KINDS[1:])
    raise UnreadableError(
        f"must be all, or one of {one_of}, where x may be *, or several of different kinds: team:research model:gpt-5",
        hint,
    )


def sqlite(value: str) -> str:
    """The path in sqlite:///path. Raises UnreadableError; the text may hold a password and is not repeated."""
    scheme, found, rest = value.partition("://")
    if found and scheme in _LATER:
        raise UnreadableError(
            f"cannot be {scheme}: that is not in this version; write sqlite:///var/lib/fareway/file.db"
        )
    if scheme != "sqlite" or not rest.startswith("/") or rest.endswith("/"):
        raise UnreadableError("must be a file such as sqlite:///var/lib/fareway/file.db, with three slashes")
    return "/" + rest.lstrip("/")


def state(value: str) -> str:
    """A file, or the address of a Redis. Raises UnreadableError; the text may hold a password and is not repeated."""
    if not value.startswith(("redis://", "rediss://", "unix://")):
        return sqlite(value)
    if not re.fullmatch(r"[!-~]+", value) or not urlsplit(value).netloc + urlsplit(value).path.strip("/"):
        raise UnreadableError("must be a file, or an address such as redis://10.0.0.5:6379/0")
    if "cluster=true" in urlsplit(value).query and (value[0] == "u" or urlsplit(value).path not in ("", "/", "/0")):
        raise UnreadableError(
            "must have no path: a cluster has one database, such as redis://10.0.0.5:6379?cluster=true"
        )
    return value


def ledger(value: str) -> str:
    """A file, or the address of a PostgreSQL. Raises UnreadableError; the text may hold a password and is not
    repeated."""
    if not value.startswith(("postgresql://", "postgres://")):
        return sqlite(value)
    if not re.fullmatch(r"[!-~]+", value) or not urlsplit(value).netloc + urlsplit(value).path.strip("/"):
        raise UnreadableError("must be a file, or an address such as postgresql://fareway@10.0.0.5/fareway")
    return value


def has_password(address: str) -> bool:
    """Whether a password stands in an address, before the @ or behind the question mark."""
    parts = urlsplit(address)
    return ":" in parts.netloc.rpartition("@")[0] or "password=" in parts.query.lower()


def export_place(value: str) -> str:
    """A path, or a bucket with or without a prefix."""
    bucket, _, _ = value.removeprefix("s3://").partition("/")
    if "://" in value and not (value.startswith("s3://") and bucket):
        raise UnreadableError("must be a folder, or s3://bucket/prefix")
    return value


def sync(value: object) -> float:
    """Seconds between two syncs, or what the journal calls always and os. Raises UnreadableError."""
    words = {"always": SYNC_ALWAYS, "os": SYNC_NEVER}
    if isinstance(value, str) and value in words:
        return words[value]
    try:
        return units.duration(value)
    except UnreadableError:
        raise UnreadableError("must be os, always, or a duration with its unit, such as 50ms") from None


def network(value: str) -> str:
    """A network such as 10.0.0.0/8, or one address. Raises UnreadableError."""
    try:
        return str(ip_network(value))
    except ValueError:
        raise UnreadableError("must be a network such as 10.0.0.0/8, or one address") from None


def admin_port(value: object) -> int | Literal["off"]:
    """A port, or off. Raises UnreadableError."""
    if value is False or value == "off":
        return "off"
    try:
        port = units.whole(value)
    except UnreadableError:
        port = -1
    if not 0 <= port <= PORT_MAX:
        raise UnreadableError(f"must be a port between 0 and {PORT_MAX}, or off")
    return port


def header_name(value: str) -> str:
    """A name that may stand before the colon of an HTTP header. Raises UnreadableError."""
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}", value):
        raise UnreadableError("must be the name of a header, such as api-key")
    return value


def provider_name(value: str) -> str:
    """The part of "openai/gpt-4o" before the slash. Raises UnreadableError."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
        raise UnreadableError("must be letters, digits, dots, dashes and underscores, such as my-gpus")
    return value


def secret(value: object) -> SecretStr:
    """What may follow a header's colon. Raises UnreadableError; the text is never repeated."""
    stripped = value.strip() if isinstance(value, str) else ""
    if not re.fullmatch(r"[ -~]+", stripped):
        raise UnreadableError("must be one line of plain characters, such as ${OPENAI_API_KEY}")
    return SecretStr(stripped)


def _model(value: str) -> str:
    if not re.fullmatch(r"\S{1,200}", value):
        raise UnreadableError("must be a name without spaces, such as gpt-4o-mini")
    return value


def _price_schema() -> dict[str, Any]:
    """One override, as `gateway.prices.overrides` reads it."""
    properties: dict[str, Any] = {name: {"type": "string", "pattern": pattern(name)} for name in RATES}
    properties |= {name: {"type": "string"} for name in sorted(OTHERS)}
    return {"type": "object", "properties": properties, "required": ["model"], "additionalProperties": False}


Whole = Annotated[int, BeforeValidator(units.whole)]
Duration = Annotated[float, PlainValidator(units.duration), _pattern(units.DURATION, "30s", "5m")]
DurationOrZero = Annotated[float, PlainValidator(units.duration_or_zero), _pattern(units.DURATION, "30s", "0s")]
Size = Annotated[int, PlainValidator(units.size), _pattern(units.SIZE, "20MB", "20MiB")]
Percentage = Annotated[float, PlainValidator(units.percentage), _pattern(units.PERCENTAGE, "10%")]
Dollars = Annotated[float, PlainValidator(units.dollars), _pattern(units.DOLLARS, "0.01 usd", "$0.01")]
Share = Annotated[float, PlainValidator(units.share), _pattern(units.PERCENTAGE, "5%")]
Factor = Annotated[int, PlainValidator(units.factor), _pattern(units.FACTOR, "3x")]
LimitAmount = Annotated[
    Amount, PlainValidator(units.amount), _pattern(units.AMOUNT, "500 usd", "$500", "60000 tokens", "8 concurrent")
]
Outage = Annotated[
    Amount | None, PlainValidator(units.outage), _pattern(units.OUTAGE, "refuse", "allow 5 usd per replica")
]
OnReached = Annotated[
    limit.OnReached,
    PlainValidator(units.on_reached),
    _pattern(units.ON_REACHED, "refuse", "fit", "downgrade economy", "queue 5s"),
]
Sync = Annotated[float, PlainValidator(sync), _pattern(f"{units.DURATION}|^(os|always)$", "50ms", "os", "always")]
Feed = Annotated[str | None, PlainValidator(feed), _pattern("^(off|https?://.+)$", "off")]
Node = Annotated[str, AfterValidator(node), _pattern(_NODE, "all", "team:research", "key:*", "key:* model:gpt-5")]
Timezone = Annotated[str, AfterValidator(hours.timezone), Field(examples=["UTC", "Europe/Zurich"])]
State = Annotated[
    str,
    AfterValidator(state),
    _pattern(
        "^(sqlite:///.+[^/]|(redis|rediss|unix)://.+)$", "sqlite:///var/lib/fareway/state.db", "redis://10.0.0.5:6379/0"
    ),
]
Ledger = Annotated[
    str,
    AfterValidator(ledger),
    _pattern(
        "^(sqlite:///.+[^/]|postgres(ql)?://.+)$",
        "sqlite:///var/lib/fareway/ledger.db",
        "postgresql://fareway@10.0.0.5/fareway",
    ),
]
BaseUrl = Annotated[str, AfterValidator(base_url), _pattern("^https?://[^?#@]+$", "http://10.0.0.5:8000/v1")]
Url = Annotated[str, AfterValidator(url), _pattern("^https?://[^@]+$", "http://10.0.0.5:8081/spot")]
Network = Annotated[str, AfterValidator(network), Field(examples=["10.0.0.0/8", "192.0.2.7"])]
AdminPort = Annotated[
    int | Literal["off"],
    PlainValidator(admin_port, json_schema_input_type=Annotated[int, Field(ge=0, le=PORT_MAX)] | Literal["off", False]),
]
Metrics = Annotated[
    Literal["open", "key", "off"],
    BeforeValidator(
        lambda value: "off" if value is False else value,  # As YAML reads off.
        json_schema_input_type=Literal["open", "key", "off", False],
    ),
]
ExportPlace = Annotated[str, AfterValidator(export_place), Field(examples=["/var/exports", "s3://finance/fareway"])]
HeaderName = Annotated[str, AfterValidator(header_name)]
ProviderName = Annotated[str, AfterValidator(provider_name)]
Secret = Annotated[
    SecretStr, PlainValidator(secret), _pattern(REFERENCE, "${OPENAI_API_KEY}", "${file:/run/secrets/key}")
]
HeaderValue = Annotated[SecretStr, PlainValidator(secret), WithJsonSchema({"type": "string"})]
ModelName = Annotated[str, AfterValidator(_model)]
DialectName = Literal[
    "openai-chat",
    "openai-responses",
    "openai-count-tokens",
    "openai-completions",
    "openai-embeddings",
    "openai-images",
    "openai-transcriptions",
    "openai-speech",
    "anthropic-messages",
    "anthropic-count-tokens",
    "gemini",
    "gemini-embeddings",
    "gemini-count-tokens",
    "bedrock-converse",
    "bedrock-invoke",
    "cohere-chat",
    "cohere-rerank",
]
PolicyName = Annotated[str, AfterValidator(known_policy), Field(examples=["policies.cheapest", "policies.tiered"])]
EmbeddingName = Annotated[str, AfterValidator(known_embedding), Field(examples=["acme.embedding"])]
DollarAmount = Annotated[Money, PlainValidator(units.dollar_amount), _pattern(units.DOLLARS, "500 usd", "$500")]
Interval = Annotated[float, PlainValidator(units.interval), _pattern(units.DURATION, "5m", "30s")]
HourlyPrice = Annotated[
    Money, PlainValidator(units.hourly_price), _pattern(units.HOURLY_PRICE, "2.47/h", "$2.47/h", "2.47 usd/h")
]
EnergyPrice = Annotated[Money, PlainValidator(units.energy_price), _pattern(units.ENERGY_PRICE, "0.12/kWh")]
TokenRate = Annotated[int, PlainValidator(units.token_rate), _pattern(units.PER_SECOND, "2000/s")]
Watts = Annotated[int, PlainValidator(units.watts), _pattern(units.WATTS, "350W", "0.7kW")]
OfferName = Annotated[str, _pattern(r"^[^/\s]+/[^/\s]+/[^/\s]+$", "aws/p5.48xlarge/us-east-1")]
Moment = Annotated[float, PlainValidator(exact_moment), Field(examples=["2026-12-01", "2026-12-01T00:00Z"])]
WeekHours = Annotated[Week, PlainValidator(hours.week), Field(examples=[hours.EXAMPLE])]
Price = Annotated[dict[str, Any], WithJsonSchema(_price_schema())]
Window = Annotated[
    str,
    AfterValidator(windows.window),
    _pattern(rf"^({'|'.join(windows.NAMED)})$|{windows.ROLLING}", "month", "rolling 30d"),
]
WindowStart = Annotated[str, PlainValidator(windows.start_text), _pattern(windows.START, "09:00", "sunday", "15 09:00")]
Percent = Annotated[int, PlainValidator(units.percent), _pattern(units.PERCENT, "80%")]
