"""From nothing to the first answer, as a newcomer would: a fresh clone, `make run`, one call with curl.

Also what an installation weighs. Figures: build/bench/first-run.json. Needs git, make and Python alone.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from record import ROOT, record

TOKEN = re.compile(r"fw-[0-9a-z]{12}-[\w-]{43}")
BODY = b'{"model": "sim-small", "messages": [{"role": "user", "content": "Hello! [[sim: tokens=8]]"}]}'


def first_answer(clone: Path, home: Path) -> float:
    """Seconds from `make run` to the first answered call."""
    log = home.with_suffix(".log")
    began = time.monotonic()
    with log.open("wb") as file:
        environ = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
        make = subprocess.Popen(
            ["make", "run"],
            cwd=clone,
            stdout=file,
            stderr=file,
            env=environ | {"FAREWAY_HOME": str(home)},
            start_new_session=True,
        )
    try:
        while time.monotonic() - began < 300:
            tokens = TOKEN.findall(log.read_text())
            if len(tokens) > 1 and answered(tokens[1]):
                return time.monotonic() - began
            if make.poll() is not None:
                break
            time.sleep(0.02)
        raise SystemExit(f"no answer:\n{log.read_text()}")
    finally:
        os.killpg(make.pid, signal.SIGTERM)
        make.wait()


def answered(token: str) -> bool:
    request = urllib.request.Request(
        "http://127.0.0.1:4000/v1/chat/completions", BODY, {"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def installation(clone: Path, folder: Path) -> tuple[float, float]:
    """Seconds and megabytes of `pip install .` in a fresh environment, pip itself not counted."""
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    before = size_mb(venv)
    began = time.monotonic()
    subprocess.run(
        [str(venv / "bin/pip"), "install", "--quiet", "--disable-pip-version-check", "."], cwd=clone, check=True
    )
    return time.monotonic() - began, size_mb(venv) - before


def size_mb(folder: Path) -> float:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 2**20


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="fareway-first-run-"))
    clone = folder / "fareway"
    try:
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        seconds = first_answer(clone, folder / "home")
        again = first_answer(clone, folder / "another-home")
        install_seconds, install_mb = installation(clone, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    figures = {
        "seconds_to_first_answer": round(seconds, 1),
        "seconds_to_first_answer_installed": round(again, 2),
        "install_seconds": round(install_seconds, 1),
        "install_mb": round(install_mb, 1),
    }
    record("first-run", "make bench-first-run", figures)
    subprocess.run(["make", "bench-overhead", "BENCH=--first-run"], cwd=ROOT, check=True)


main()
