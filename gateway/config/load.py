"""From a file and the environment to settings, or to a list of everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gateway.config.build import Folders, build
from gateway.config.enabled import enabled, left_alone
from gateway.config.findings import Findings
from gateway.config.names import names_in
from gateway.config.problems import ConfigError
from gateway.config.references import References
from gateway.config.schema import FarewayFile
from gateway.config.settings import Settings
from gateway.config.shape import shaped
from gateway.config.yaml_file import Document, read

BOOKS = frozenset({"home", "state", "pepper", "ledger", "journal", "limits", "deferred"})
"""The sections that say where keys and money are kept, what limits there are, and which webhooks a key may have."""

DEFAULTS = "defaults"
"""What a configuration without a file is called."""


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read a configuration; without a file, everything is at its default.

    Providers whose key is in the environment are enabled in either case, unless the file turns them off.
    Raises ConfigError with every problem there is. Nothing is created, and nobody is asked over a network.
    """
    return _load(path, environ, frozenset())


def load_books(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The same, but of the file only where books are kept, and the limits: so that a key can be revoked where the
    secrets of providers and the code of policies are not at hand, or something is wrong with them. Raises
    ConfigError."""
    return _load(path, environ, frozenset(FarewayFile.model_fields) - BOOKS)


def _load(path: Path | None, environ: Mapping[str, str], left_out: frozenset[str]) -> Settings:
    folder = path.parent.absolute() if path else Path.cwd()
    document = read(path, References(environ, folder)) if path else Document(DEFAULTS)
    document.leave_out(left_out)
    findings = Findings(document)
    found = shaped(findings)
    sections = found.file.providers
    providers = {} if "providers" in left_out else enabled(sections, environ, findings)
    names = names_in(findings, found, providers)
    result = build(found, providers, names, Folders(folder, environ))
    if "providers" not in left_out:
        result = replace(result, left_alone=tuple(left_alone(environ, sections)))
    if findings.problems:
        raise ConfigError(findings.problems)
    return result
