"""Code stays small enough to be read in one look."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.checkout import name_of, text_of, tracked

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
CODE = (".py", ".ts", ".tsx", ".css", ".sh", ".c", ".h")


def test_files_stay_short() -> None:
    lengths = {name_of(path): text_of(path).count("\n") for path in tracked(*CODE)}
    long = {
        name: lines
        for name, lines in lengths.items()
        if lines > LONGEST_FILE and not name.startswith("tests/")
    }
    assert not long


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each function with its place and its number of lines."""
    for node in ast.walk(ast.parse(text_of(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            yield f"{name_of(path)}:{node.lineno} {node.name}", lines


def test_functions_stay_short() -> None:
    every = [found for path in tracked(".py") for found in functions(path)]
    assert [found for found in every if found[1] > LONGEST_FUNCTION] == []
