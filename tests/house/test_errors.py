"""Error codes are an interface: unique, snake_case, documented."""

import re
from collections import Counter

from scripts.error_docs import PAGE, documented_errors, page_with_table

errors = documented_errors()


def test_error_codes_are_unique() -> None:
    twice = [code for code, count in Counter(error.code for error in errors).items() if count > 1]
    assert [error for error in errors if error.code in twice] == []


def test_error_codes_are_snake_case() -> None:
    assert [e for e in errors if not re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", e.code)] == []


def test_error_table_is_current() -> None:
    page = PAGE.read_text("utf-8")
    assert page == page_with_table(page), "run scripts/error_docs.py"
