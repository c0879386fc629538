"""What `pip install` puts on a machine."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile

from harness import ROOT

BUILD = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--disable-pip-version-check")


def test_the_wheel_carries_code_policies_and_data_alone(tmp_path):
    """Nothing that a running gateway reads is left behind, and nothing else comes along."""
    subprocess.run([*BUILD, "--wheel-dir", str(tmp_path), str(ROOT)], check=True)
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


def test_two_builds_of_the_same_sources_are_the_same_wheel(tmp_path):
    """Wherever, whenever and by whomever: what was published can be checked by building it again."""
    digests = set()
    for folder, umask in ((tmp_path / "here", 0o022), (tmp_path / "a" / "place elsewhere", 0o077)):
        copied(folder / "src", umask)
        env = os.environ | {"SOURCE_DATE_EPOCH": "1700000000"}
        command = [*BUILD, "--wheel-dir", str(folder), str(folder / "src")]
        subprocess.run(command, check=True, env=env, umask=umask)
        (wheel,) = folder.glob("*.whl")
        digests.add(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert len(digests) == 1


def copied(into, umask):
    """What the image is built from, with times and permissions of its own."""
    sources = re.findall(r"^COPY (pyproject.+) \./$", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)[0].split()
    into.mkdir(parents=True)
    for name in sources:
        shutil.copyfile(ROOT / name, into / name)
    for name in ("gateway", "policies"):
        shutil.copytree(ROOT / name, into / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in into.rglob("*"):
        os.utime(path, (umask * 1_000_000, umask * 1_000_000))
        path.chmod((0o777 if path.is_dir() else 0o666) & ~umask)
