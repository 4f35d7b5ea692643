"""Tests speak to the outside of what they test."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.checkout import ROOT, name_of, text_of, tracked


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def private_pokes(path: Path) -> Iterator[str]:
    """Yield the places where a file reaches for `something._hidden` that is not its own."""
    for node in ast.walk(ast.parse(text_of(path))):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                continue
            case ast.Attribute(attr=name) if is_private(name):
                yield f"{name_of(path)}:{node.lineno} .{name}"
            case ast.ImportFrom(names=names) if any(is_private(item.name) for item in names):
                yield f"{name_of(path)}:{node.lineno} import"
            case _:
                pass


def test_tests_touch_nothing_private() -> None:
    files = [path for path in tracked(".py") if path.is_relative_to(ROOT / "tests")]
    assert [poke for path in files for poke in private_pokes(path)] == []
