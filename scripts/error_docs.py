"""Write the table in docs/errors.md from the packages' error classes.

    .venv/bin/python scripts/error_docs.py

A code is what clients and pages react to, so it is unique and never renamed. Only modules named
`errors` define them; a house test keeps table and classes equal.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

PACKAGES = ("liveserver", "media", "chat", "catalog_bridge")
PAGE = Path(__file__).parents[1] / "docs" / "errors.md"
START = "<!-- table from scripts/error_docs.py -->\n"
END = "<!-- end of table -->\n"


class DocumentedError(msgspec.Struct, frozen=True, order=True):
    """One class with its own `code`."""

    code: str
    status: int
    retryable: bool
    meaning: str
    where: str
    "Module and class."


def error_modules() -> Iterator[ModuleType]:
    """Import every module named `errors` of our packages."""
    for package in PACKAGES:
        root = importlib.import_module(package)
        for found in pkgutil.walk_packages(root.__path__, f"{package}."):
            if found.name.rpartition(".")[2] == "errors":
                yield importlib.import_module(found.name)


def is_own_error(kind: Any, module: ModuleType) -> bool:
    """Tell whether the module itself defines this class, with a code of its own."""
    return inspect.isclass(kind) and kind.__module__ == module.__name__ and "code" in vars(kind)


def documented_errors() -> list[DocumentedError]:
    """Return the errors that define a code, ordered by it."""
    return sorted(
        DocumentedError(
            code=kind.code,
            status=kind.status_hint,
            retryable=kind.retryable,
            meaning=(inspect.getdoc(kind) or "").splitlines()[0].rstrip("."),
            where=f"{module.__name__}.{kind.__name__}",
        )
        for module in error_modules()
        for kind in vars(module).values()
        if is_own_error(kind, module)
    )


def page_with_table(page: str) -> str:
    """Return the page with its table written anew.

    Raises:
        ValueError: The page lacks the two marks around its table.
    """
    head, start, rest = page.partition(START)
    _, end, tail = rest.partition(END)
    if not (start and end):
        raise ValueError(f"no table marks in {PAGE}")
    rows = ["| code | HTTP | retry | meaning |", "|---|---|---|---|"]
    rows += [
        f"| `{it.code}` | {it.status} | {'yes' if it.retryable else 'no'} | {it.meaning} |"
        for it in documented_errors()
    ]
    return head + start + "\n".join(rows) + "\n" + end + tail


if __name__ == "__main__":
    PAGE.write_text(page_with_table(PAGE.read_text("utf-8")), "utf-8")
