"""From a file and the environment to settings, or to a list of everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gateway.config.build import Folders, build
from gateway.config.enabled import enabled
from gateway.config.findings import Findings
from gateway.config.names import names_in
from gateway.config.problems import ConfigError
from gateway.config.references import References
from gateway.config.settings import Settings
from gateway.config.shape import shaped
from gateway.config.yaml_file import Document, read

DEFAULTS = "defaults"
"""What a configuration without a file is called."""


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read a configuration; without a file, everything is at its default.

    Providers whose key is in the environment are enabled in either case, unless the file turns them off.
    Raises ConfigError with every problem there is. Nothing is created, and nobody is asked over a network.
    """
    folder = path.parent.absolute() if path else Path.cwd()
    document = read(path, References(environ, folder)) if path else Document(DEFAULTS)
    findings = Findings(document)
    found = shaped(findings)
    providers = enabled(found.file.providers, environ, findings)
    names = names_in(findings, found, providers)
    result = build(found, providers, names, Folders(folder, environ))
    if findings.problems:
        raise ConfigError(findings.problems)
    return result
