"""Row C6, the admin API: everything that its OpenAPI document allows, and what it does not, with an admin's key."""

import re
import subprocess

from api import Api
from fuzz.figures import WORK
from harness import ROOT
from road import PROVIDERS, road

CONFIG = f"""
{PROVIDERS}
limits:
  - {{node: all, amount: 1000 usd, window: month}}
"""
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"),
    *("response_headers_conformance", "negative_data_rejection", "ignored_auth", "use_after_free"),
)
"""Not those that would take a refusal by meaning, such as of a team that is not there, for a fault."""

SHORT = ("--phases", "fuzzing", "--max-examples", "2")
FULL = ("--max-examples", "50")


def test_the_admin_api_does_what_its_document_says(shown, seed, full, tmp_path):
    how, target = "the admin API, by schemathesis", "0 failures"
    if subprocess.run([ROOT / "scripts" / "setup-fuzz.sh"], capture_output=True, check=False).returncode:
        shown.untried("C6", how, target=target, lacking="schemathesis could not be installed")
    with road(tmp_path, CONFIG) as way:
        api = Api.of(way, way.admin)
        command = [WORK / "venv" / "bin" / "st", "run", f"{api.url}/openapi.json", *(FULL if full else SHORT)]
        command += ["--header", f"Authorization: Bearer {way.admin}", "--checks", ",".join(CHECKS)]
        command += ["--seed", str(seed), "--no-color", "--continue-on-failure", "--request-timeout", "20"]
        run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    print(run.stdout[-8000:])
    cases = re.search(r"(\d+) generated", run.stdout)
    failures = re.search(r"(\d+) unique failures?", run.stdout)
    assert cases is not None, run.stdout + run.stderr
    found = int(failures[1]) if failures else 0
    shown("C6", how, f"{found} failures in {cases[1]} cases", target=target, met=not found and run.returncode == 0)
