"""What Fareway is made of: few parts, each for a reason, each locked by its digests, and free to be used."""

import re
import tomllib
from importlib import metadata

import pytest
from harness import ROOT
from packaging.markers import Marker
from packaging.requirements import Requirement

PROJECT = (ROOT / "pyproject.toml").read_text()
PARTS_MAX = 15
LOCKED = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; (.+?))? \\$", re.MULTILINE)
DIGEST = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")
FREE = re.compile(r"Apache|MIT|BSD|PSF|Python Software Foundation|CNRI|MPL|Mozilla")
WEAKER = {"psycopg": "LGPL", "psycopg-binary": "LGPL"}
"""Of the extra `postgres`: used as a library, unchanged, and replaceable, which is all that the LGPL asks for."""


def requirements(extras):
    """What pyproject.toml asks for, also of these extras."""
    project = tomllib.loads(PROJECT)["project"]
    lists = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    return [Requirement(line) for lines in lists for line in lines]


def image_extras():
    return re.search(r"^ARG EXTRAS=(.+)$", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)[1].split(",")


def locked(name):
    """Name, version and marker of every package of this lock."""
    return LOCKED.findall((ROOT / name).read_text())


def test_an_installation_needs_few_packages_and_each_has_its_reason():
    block = PROJECT.partition("\ndependencies = [\n")[2].partition("\n]")[0].splitlines()
    assert len(block) == len(requirements([])) <= PARTS_MAX
    unreasoned = [line for line in block if not re.search(r'",\s+# \S.{20,}', line)]
    assert not unreasoned


def test_the_lock_has_all_that_is_asked_for():
    versions = {name: version for name, version, _ in locked("requirements.lock")}
    for wanted in requirements(image_extras()):
        name = wanted.name.lower()
        assert wanted.specifier.contains(versions.get(name, "0")), f"{wanted}: run `make lock`"


def test_the_lock_has_what_builds_it():
    names = {name for name, *_ in locked("requirements-build.lock")}
    assert set(tomllib.loads(PROJECT)["build-system"]["requires"]) <= names


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-build.lock"])
def test_every_package_is_locked_by_its_digests_and_from_nowhere_in_particular(lock):
    lines = [line for line in (ROOT / lock).read_text().splitlines() if not line.lstrip().startswith("#")]
    packages = [n for n, line in enumerate(lines) if LOCKED.match(line)]
    assert packages
    assert all(DIGEST.match(lines[n + 1]) for n in packages)
    others = [line for line in lines if not LOCKED.match(line) and not DIGEST.match(line)]
    assert not others, "neither an index nor a URL nor a folder"


def test_what_is_installed_may_be_used():
    """By what each package says of itself; one that says nothing is no better than one that forbids it."""
    unfree = {}
    for name, _, marker in locked("requirements.lock"):
        if marker and not Marker(marker).evaluate():
            continue
        said = metadata.metadata(name)
        classifiers = [c for c in said.get_all("Classifier") or [] if c.startswith("License ::")]
        licence = said.get("License-Expression") or said.get("License", "")[:40] + " ".join(classifiers)
        allowed = re.compile(WEAKER[name]) if name in WEAKER else FREE
        if not allowed.search(licence) or ("GPL" in licence and name not in WEAKER):
            unfree[name] = licence
    assert not unfree


def test_no_package_runs_code_whenever_python_starts():
    """A .pth file does: https://docs.python.org/3/library/site.html."""
    names = [name for name, _, marker in locked("requirements.lock") if not marker or Marker(marker).evaluate()]
    running = [str(file) for name in names for file in metadata.files(name) or () if file.suffix == ".pth"]
    assert not running
