"""A checkout installs anywhere: every package pinned, no host and no machine named."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.house.checkout import ROOT, name_of, text_of, tracked

PACKAGES = {"liveserver", "media", "chat", "catalog_bridge"}
# Written so that this file does not name them itself.
REGISTRY_HOSTS = ["pypi" + ".org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com"]
MACHINE_PATHS = ["/wo" + "rk/", "/tmp/se" + "tup", "/ro" + "ot/"]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_no_file_names_a_registry_or_one_machine() -> None:
    named = [
        f"{name_of(path)}: {word}"
        for path in tracked()
        for word in (*REGISTRY_HOSTS, *MACHINE_PATHS)
        if word in text_of(path)
    ]
    assert not named


def test_npm_lock_names_no_download_addresses() -> None:
    locks = [path for path in tracked(".json") if path.name == "package-lock.json"]
    assert [name_of(path) for path in locks if '"resolved"' in text_of(path)] == []


def test_every_required_package_is_pinned() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    extras = project["optional-dependencies"].values()
    required = [*project["dependencies"], *(name for extra in extras for name in extra)]
    pins = text_of(ROOT / "scripts" / "constraints.txt").splitlines()
    assert [pin for pin in pins if not re.fullmatch(r"[\w.\-]+==[\w.]+", pin)] == []
    pinned = {canonical(pin.partition("==")[0]) for pin in pins}
    names = {canonical(re.split(r"[^\w.\-]", name, maxsplit=1)[0]) for name in required}
    assert names - pinned == set()


@pytest.mark.parametrize("name", ["serve", "test", "check", "lock", "../.ci/run"])
def test_scripts_are_sound_bash(name: str) -> None:
    script = ROOT / "scripts" / name
    assert text_of(script).startswith("#!/usr/bin/env bash\n")
    subprocess.run(["bash", "-n", script], check=True)


def imported_names(path: Path) -> set[str]:
    """Return the top-level names a Python file imports."""
    names = set()
    for node in ast.walk(ast.parse(text_of(path))):
        match node:
            case ast.Import(names=items):
                names |= {item.name.partition(".")[0] for item in items}
            case ast.ImportFrom(module=str(module), level=0):
                names.add(module.partition(".")[0])
            case _:
                pass
    return names


def test_every_imported_package_is_required() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    required = {
        canonical(re.split(r"[^\w.\-]", it, maxsplit=1)[0]) for it in project["dependencies"]
    }
    sources = [path for path in tracked(".py") if name_of(path).partition("/")[0] in PACKAGES]
    foreign = {name for path in sources for name in imported_names(path)}
    foreign -= {*sys.stdlib_module_names, *PACKAGES}
    homes = packages_distributions()
    missing = {
        name
        for name in foreign
        if not required & {canonical(home) for home in homes.get(name, [name])}
    }
    assert not missing
