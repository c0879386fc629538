"""Ask for known faults of every package that is locked. Ends with 1 if there are any, with 0 if there are none, or if
nobody could be asked.

pip-audit knows two sources: PyPI's JSON API and https://osv.dev. Where PyPI answers 404 to a package that it has (a
mirror without that API), pip-audit skips it and says "No known vulnerabilities found": what was skipped was not asked
for.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
AUDIT = ROOT / "build" / "supply" / "bin" / "pip-audit"
LOCKS = ("requirements.lock", "requirements-build.lock")
SOURCES = ("osv", "pypi")


def answers(source: str) -> dict[str, list[dict]] | None:
    """Each package with its known faults, or None where this source did not answer for all of them."""
    locks = [part for lock in LOCKS for part in ("--requirement", str(ROOT / lock))]
    options = ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    command = [str(AUDIT), *locks, *options, "--vulnerability-service", source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout.startswith("{"):
        print(f"{source}: {done.stderr.strip().splitlines()[-1][:200]}")
        return None
    packages = json.loads(done.stdout)["dependencies"]
    if skipped := [package["name"] for package in packages if "skip_reason" in package]:
        print(f"{source}: it does not answer for {len(skipped)} of {len(packages)} packages, such as {skipped[0]}")
        return None
    return {f"{package['name']} {package['version']}": package["vulns"] for package in packages}


def main() -> int:
    """The first source that answers decides."""
    for source in SOURCES:
        if (found := answers(source)) is None:
            continue
        faults = [f"{name}: {fault['id']}" for name, known in found.items() for fault in known]
        print(*faults, f"{source}: {len(found)} packages, {len(faults)} known faults", sep="\n")
        return int(bool(faults))
    print("NOT AUDITED: no source of known faults can be reached from here.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
