"""The files for containers and services say what is so: linted, and their commands run here as they would run there."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from harness import ROOT, Process

from gateway.cli.main import main
from gateway.config.load import load

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
ENV = {
    "REDIS_URL": "redis://redis:6379/0",
    "DATABASE_URL": "postgresql://fareway:p@postgres/fareway",
    "FAREWAY_PEPPER": "pepper",
    "OPENAI_API_KEY": "k",
}


def needs(*commands):
    missing = [command for command in commands if shutil.which(command) is None]
    if missing:
        pytest.skip(f"{missing[0]} is not on this machine")


def test_the_image_has_no_lint():
    hadolint = shutil.which("hadolint", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    subprocess.run([hadolint, str(DEPLOY / "Dockerfile")], check=True)


def test_the_image_is_built_from_what_is_there():
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name
    (extras,) = re.findall(r"^ARG EXTRAS=(.+)$", DOCKERFILE, re.MULTILINE)
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras.split(",")) <= set(known)


def test_nobody_in_particular_runs_it():
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert "fareway_home=/var/lib/fareway" in DOCKERFILE.lower()


def test_it_runs_where_nothing_can_be_written_but_its_home(tmp_path):
    """Its command and its health check, as the image has them, with a root file system that is read-only."""
    needs("unshare")
    if os.geteuid() != 0:
        pytest.skip("needs root, for a file system of its own")
    (command,) = re.findall(r'^CMD \["(.+)"\]$', DOCKERFILE, re.MULTILINE)
    home = tmp_path / "home"
    home.mkdir()
    locked = (
        "mount --make-rprivate / && mount --bind {home} {home} && mount -o remount,bind,ro / && "
        "! touch {home}/../x 2>/dev/null && exec {python} -m gateway {command}"
    ).format(home=home, python=sys.executable, command=command.replace('", "', " "))
    locked += " --host 127.0.0.1 --port 0 --admin-port off"
    command = ("unshare", "--mount", "sh", "-c", locked)
    gate = Process([], home, r"Fareway is at (http://\S+)", command=command).start()
    try:
        port = gate.url.rpartition(":")[2]
        check = re.search(r'CMD \["python", "-c", "(.+)"\]', DOCKERFILE)[1].replace(":4000/", f":{port}/")
        subprocess.run([sys.executable, "-c", check], check=True, timeout=30)
        down = check.replace(f":{port}/", ":9/")
        assert subprocess.run([sys.executable, "-c", down], capture_output=True, check=False, timeout=30).returncode
    finally:
        assert gate.stop() == 0


def test_the_configuration_of_the_gateways_that_share_is_sound(monkeypatch, capsys, tmp_path):
    settings = load(DEPLOY / "fareway.yaml", ENV | {"FAREWAY_HOME": str(tmp_path)})
    assert settings.shared == ENV["REDIS_URL"]
    assert settings.ledger_url == ENV["DATABASE_URL"]
    for name, value in (ENV | {"FAREWAY_HOME": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)
    assert main(["check", str(DEPLOY / "fareway.yaml")]) == 0
    assert capsys.readouterr().out


def test_the_gateways_of_compose_have_all_that_their_configuration_names():
    asked = set(re.findall(r"\$\{(\w+)\}", (DEPLOY / "fareway.yaml").read_text()))
    gateways = [service for name, service in COMPOSE["services"].items() if name.startswith("gateway-")]
    assert len(gateways) == 2
    for service in gateways:
        assert asked <= set(service["environment"])
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert all(mount.split(":")[0].startswith(("./", "home-")) for mount in service["volumes"])
        assert set(service["depends_on"]) <= set(COMPOSE["services"])
    homes = {mount.split(":")[0] for service in gateways for mount in service["volumes"] if mount.startswith("home-")}
    assert homes <= set(COMPOSE["volumes"])
    assert len(homes) == 2, "each has a journal of its own"


def test_no_secret_has_a_default():
    environment = COMPOSE["services"]["gateway-1"]["environment"]
    assert "${FAREWAY_PEPPER:?" in environment["FAREWAY_PEPPER"]
    assert "${POSTGRES_PASSWORD:?" in environment["DATABASE_URL"]
    assert "noeviction" in COMPOSE["services"]["redis"]["command"]


def test_a_stop_takes_longer_than_calls_may_run_on():
    drain = load(DEPLOY / "fareway.yaml", ENV).server.drain_s
    unit = (DEPLOY / "systemd" / "fareway.service").read_text()
    assert int(re.search(r"TimeoutStopSec=(\d+)", unit)[1]) > drain
    assert int(COMPOSE["services"]["gateway-1"]["stop_grace_period"].rstrip("s")) > drain


def test_the_service_is_locked_in(tmp_path):
    """By systemd's own measure: 0 is perfectly safe, 10 is not at all."""
    needs("systemd-analyze")
    unit = DEPLOY / "systemd" / "fareway.service"
    security = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", str(unit)]
    subprocess.run(security, check=True, capture_output=True)
    there = tmp_path / "fareway.service"
    there.write_text(unit.read_text().replace("/opt/fareway/bin/fareway", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(there)], capture_output=True, text=True, check=False
    )
    assert "fareway.service" not in done.stderr, done.stderr
