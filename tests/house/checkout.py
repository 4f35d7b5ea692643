"""The repository as its tests see it."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def tracked(*suffixes: str) -> tuple[Path, ...]:
    """Return the files under version control, or only those with one of the suffixes."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    paths = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    return tuple(
        path for path in paths if path.is_file() and (not suffixes or path.suffix in suffixes)
    )


def text_of(path: Path) -> str:
    """Return a file's text; an empty one for pictures and other binary files."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        return ""


def name_of(path: Path) -> str:
    """Return the path as people write it: from the repository's top."""
    return path.relative_to(ROOT).as_posix()
