"""Which providers are there: those in the file, and those whose key is in the environment."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from gateway.catalog.providers import KNOWN, SIGNED, Provider
from gateway.config.fields import secret
from gateway.config.findings import Findings
from gateway.config.problems import did_you_mean
from gateway.config.references import Source
from gateway.config.schema import ProviderSection
from gateway.config.units import UnreadableError
from gateway.config.yaml_file import KeyPath
from gateway.tenants import is_token

SIMULATOR = "sim"
"""Needs neither a key nor an address: it runs inside the gateway."""

COMPATIBLE = "/openai"
"""How Google's address ends that speaks OpenAI's dialects; without it, its own."""

AWS_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
"""Where AWS's own tools look for the region, in their order."""

_REGION = re.compile(r"[a-z0-9-]+")
_PROJECT = re.compile(r"\w[\w.:-]*", re.ASCII)
_PLACES = {  # What an address holds a place for, and no more than that: its host must stay the vendor's.
    "region": (_REGION, "must be lower-case letters, digits and hyphens"),
    "project": (_PROJECT, "must be letters, digits, _, -, . and :"),
}

_SECRET_HEADERS = ("auth", "key", "token", "secret", "cookie", "password")
_BY_REFERENCE = "must not stand in the file"


class Headers(dict[str, str]):
    """Headers by name. Their values may be secrets, so they are not shown."""

    def __repr__(self) -> str:
        return repr(dict.fromkeys(self, "…"))


def enabled(
    sections: Mapping[str, ProviderSection | None], environ: Mapping[str, str], findings: Findings
) -> dict[str, Provider]:
    """Every provider to use, by name. `None` for a section is "off"; it wins over the environment."""
    providers = _from_environment(environ, frozenset(sections), findings)
    for name, section in sections.items():
        if section is not None:
            providers[name] = _configured(name, section, environ, findings)
    return providers


def left_alone(environ: Mapping[str, str], named: Collection[str]) -> Iterator[str]:
    """A sentence for each variable that holds a key of a gateway and none of its provider's, and so enables none:
    whoever follows the quickstart has told OpenAI's clients that one. `named`: providers that the file speaks of, if
    only to turn them off."""
    for name, known in KNOWN.items():
        if name not in named and is_token(environ.get(known.key_env, "").strip()):
            yield f"{known.key_env} holds a gateway's key (fw-…), so it is not used as {name}'s."


def _from_environment(environ: Mapping[str, str], named: frozenset[str], findings: Findings) -> dict[str, Provider]:
    """Those that need no more than a key, if the file does not speak of them."""
    found = {}
    for name, known in KNOWN.items():
        text = environ.get(known.key_env, "").strip()
        if not text or is_token(text) or name in named or not known.base_url:
            continue
        try:
            provider = replace(known, key=secret(text).get_secret_value())
        except UnreadableError:
            findings.add_environment(f"{known.key_env} must be one line of plain characters, as keys are")
            continue
        found[name] = provider = _placed(provider, environ)
        if "{region}" in provider.base_url and not provider.region:
            findings.add_environment(f"{known.key_env} is set, so {' or '.join(AWS_REGIONS)} must say the region, too")
        elif "{region}" in provider.base_url and not _REGION.fullmatch(provider.region):
            findings.add_environment(f"the region in {' or '.join(AWS_REGIONS)} {_PLACES['region'][1]}")
    return found


def _placed(provider: Provider, environ: Mapping[str, str]) -> Provider:
    """A provider of AWS's in the region that the environment names, if the file names none."""
    if provider.auth != "sigv4" or provider.region:
        return provider
    named = (environ.get(variable, "").strip() for variable in AWS_REGIONS)
    return replace(provider, region=next(filter(None, named), ""))


def _configured(name: str, section: ProviderSection, environ: Mapping[str, str], findings: Findings) -> Provider:
    path: KeyPath = ("providers", name)
    base = _base(name, section.kind, path, findings)
    _check_secrets(section, path, base.key_env or f"{name.upper().replace('-', '_')}_API_KEY", findings)
    changes: dict[str, Any] = section.model_dump(
        include={
            "base_url",
            "auth",
            "prices",
            "selfhosted",
            "bills_after_abort",
            "quirks",
            "dialects",
            "region",
            "project",
            "cache_tokens",
        },
        exclude_none=True,
    )
    key = section.key.get_secret_value() if section.key else environ.get(base.key_env, "").strip() or base.key
    headers = Headers({header: value.get_secret_value() for header, value in section.headers.items()})
    changes |= _backends(section, base, path, findings)
    if base.native is not None and section.base_url is not None:
        changes["native"] = replace(base.native, base_url=section.base_url.removesuffix(COMPATIBLE))
    provider = _placed(replace(base, key=key, headers=headers, **changes), environ)
    _check_complete(provider, section, path, findings)
    return provider


def _backends(section: ProviderSection, base: Provider, path: KeyPath, findings: Findings) -> dict[str, Any]:
    """What follows from engines of one's own behind the name: several addresses, or one whose machine is known."""
    if section.base_urls and section.base_url is not None:
        findings.add((*path, "base_url"), "must not stand beside base_urls", "write it as one of them", at_key=True)
    one = section.base_url or base.base_url
    several = section.base_urls or ([one] if section.gpu is not None and one else [])
    urls = tuple(_versioned(url) if base.engine else url for url in several)
    if not urls:
        return {}
    places = [urlsplit(url).netloc for url in urls]
    for index, place in enumerate(places):
        if place in places[:index]:
            findings.add(
                (*path, "base_urls", index), "must have a host and port of its own, as another one has the same"
            )
    if base.base_url and not base.selfhosted:
        findings.add(path, "is nobody's own engine, so it has neither base_urls nor a gpu", at_key=True)
    selfhosted = True if section.selfhosted is None else section.selfhosted
    return {"base_url": urls[0], "backends": urls, "selfhosted": selfhosted}


def _versioned(url: str) -> str:
    """Engines serve OpenAI's dialects under /v1, which people leave out."""
    return url if urlsplit(url).path else f"{url}/v1"


def _base(name: str, kind: str | None, path: KeyPath, findings: Findings) -> Provider:
    """What is known of a provider before the file speaks: by its name, or by the kind that it is of."""
    if kind is None or kind == name:
        return KNOWN.get(name) or Provider(name, "")
    if kind not in KNOWN:
        hint = did_you_mean(kind, KNOWN, otherwise="write what is known, or a base_url and no kind")
        findings.add((*path, "kind"), f"there is no kind of provider {findings.named((*path, 'kind'), kind)}", hint)
        return Provider(name, "")
    return replace(KNOWN[kind], name=name, prices=KNOWN[kind].priced_as)


def _check_secrets(section: ProviderSection, path: KeyPath, variable: str, findings: Findings) -> None:
    """A secret comes from outside of the file, all of it; of a header, at least a part."""
    hint = f"write ${{{variable}}} and set that variable"
    if section.key is not None and findings.source((*path, "key")) is not Source.REFERENCE:
        findings.add((*path, "key"), _BY_REFERENCE, hint)
    for header in section.headers:
        secretive = any(word in header.lower() for word in _SECRET_HEADERS)
        if secretive and findings.source((*path, "headers", header)) is Source.LITERAL:
            findings.add((*path, "headers", header), _BY_REFERENCE, hint)


def _check_placed(provider: Provider, path: KeyPath, findings: Findings) -> None:
    """What its address holds a place for must be given, and fit there."""
    signs_place = provider.auth == "sigv4" and not provider.key
    region = "us-east-1" if provider.auth == "sigv4" else "us-central1"
    for name, example in (("region", region), ("project", "my-project")):
        needed = f"{{{name}" in provider.base_url or (signs_place and name == "region")
        given, (form, wanted) = getattr(provider, name), _PLACES[name]
        if needed and not given:
            findings.add(path, f"needs a {name}", f"write {name}: {example}", at_key=True)
        elif needed and not form.fullmatch(given):
            findings.add((*path, name), wanted, f"such as {name}: {example}")


def _check_complete(provider: Provider, section: ProviderSection, path: KeyPath, findings: Findings) -> None:
    kind = section.kind or provider.name
    if kind == SIMULATOR or (section.kind is not None and kind not in KNOWN):
        return
    known = kind in KNOWN
    if not provider.base_url:
        hint = "" if known else did_you_mean(provider.name, KNOWN)
        stranger = "" if known else ", being none that the gateway knows"
        findings.add(path, f"needs a base_url, such as https://api.example.com/v1{stranger}", hint, at_key=True)
    elif (
        known
        and not provider.key
        and section.base_url is None
        and not provider.backends
        and provider.auth not in SIGNED
    ):
        message = f"has no key: set {provider.key_env}, or write key: ${{NAME}}"
        findings.add(path, message, f"write {provider.name}: off if it is not wanted", at_key=True)
    elif known and is_token(provider.key) and section.base_url is None and not provider.backends:
        findings.add(path, "has the key of a gateway (fw-…), which is not told to a provider", at_key=True)
    _check_placed(provider, path, findings)
