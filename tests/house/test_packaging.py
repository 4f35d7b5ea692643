"""A checkout installs anywhere: every package pinned, no host and no machine named."""

import re
import subprocess
import tomllib

import pytest

from tests.house.checkout import ROOT, name_of, text_of, tracked

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
