"""One limit that is not in a file, written as it would be there: over the admin API, or on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.config.findings import Findings
from gateway.config.problems import ConfigError
from gateway.config.rules import limits
from gateway.config.schema import LimitSection
from gateway.config.shape import shaped
from gateway.config.yaml_file import Document
from gateway.core.limit import Limit

WHERE = "limits[0]"
"""What messages call it."""


def limit_of(section: Mapping[str, Any]) -> Limit:
    """The rule. Raises ConfigError with everything that is wrong with it. References are not followed."""
    findings = Findings(Document("limit", {"limits": [dict(section)]}))
    found = limits(shaped(findings).limits, findings)
    if findings.problems:
        raise ConfigError(findings.problems)
    return found[0]


def limit_schema() -> dict[str, Any]:
    """The JSON Schema of such a section."""
    return LimitSection.model_json_schema(mode="validation")
