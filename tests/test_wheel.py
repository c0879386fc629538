"""What `pip install` puts on a machine."""

from __future__ import annotations

import subprocess
import sys
import zipfile

from harness import ROOT


def test_the_wheel_carries_code_policies_and_data_alone(tmp_path):
    """Nothing that a running gateway reads is left behind, and nothing else comes along."""
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run([*build, "--disable-pip-version-check"], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {"gateway", "policies"} == {top for top in tops if not top.endswith(".dist-info")}
    for data in ("prices.json.gz", "output_limits.json.gz", "corrections.yaml", "snapshot.json"):
        assert f"gateway/prices/{data}" in names
    assert "gateway/tokens/weights.json" in names
    assert "gateway/difficulty/default.json" in names
    for shown in ("index.html", "style.css", "icon.svg", "js/app.js", "js/pages/overview.js"):
        assert f"gateway/dashboard/static/{shown}" in names
    assert "gateway/ledger/migrations/versions/r0001_books.py" in names
    vocabularies = [name for name in names if name.startswith("gateway/encodings/") and not name.endswith(".md")]
    assert len(vocabularies) == 2
    assert not [name for name in names if name.endswith((".pyc", ".pth"))]
