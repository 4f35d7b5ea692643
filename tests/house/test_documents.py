"""What the documents promise is there."""

import os
import re
import tomllib
from pathlib import Path

from tests.house.checkout import ROOT, name_of, text_of, tracked

LINK = re.compile(
    r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\""
)
CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
pyproject = tomllib.loads(text_of(ROOT / "pyproject.toml"))


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_nowhere(page: Path, link: str) -> bool:
    target, _, anchor = link.partition("#")
    path = (page.parent / target).resolve() if target else page
    if not path.exists():
        return True
    return bool(anchor) and path.suffix == ".md" and anchor not in anchors(path)


def test_links_lead_somewhere() -> None:
    broken = [
        f"{name_of(page)}: {link}"
        for page in tracked(".md")
        for found in LINK.findall(CODE_BLOCK.sub("", text_of(page)))
        if not re.match(r"[a-z]+:", link := "".join(found)) and leads_nowhere(page, link)
    ]
    assert not broken


def test_commands_named_in_documents_can_be_run() -> None:
    pages = "\n".join(text_of(page) for page in tracked(".md"))
    named = set(re.findall(r"(?<![\w/])(?:\./)?(scripts/\w+|\.ci/\w+)(?![\w.])", pages))
    assert {"scripts/serve", "scripts/test"} <= named
    assert [name for name in named if not os.access(ROOT / name, os.X_OK)] == []


def test_readme_opens_with_the_two_commands() -> None:
    readme = text_of(ROOT / "README.md")
    assert re.search(r"^```.*\n(?:.*\n)*?\./scripts/serve\b", readme, re.MULTILINE)
    assert re.search(r"^```.*\n(?:.*\n)*?\./scripts/test\b", readme, re.MULTILINE)


def test_changelog_knows_the_version() -> None:
    version = re.escape(pyproject["project"]["version"])
    assert re.search(rf"^## {version}\b", text_of(ROOT / "CHANGELOG.md"), re.MULTILINE)


def test_license_is_the_one_declared() -> None:
    assert pyproject["project"]["license"] == "Apache-2.0"
    assert "Apache License" in text_of(ROOT / "LICENSE")
