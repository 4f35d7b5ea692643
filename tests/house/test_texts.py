"""The pages speak every language in full."""

import re

from tests.house.checkout import ROOT, name_of, text_of

PAGES = ROOT / "liveserver" / "web" / "src"
TEXTS = PAGES / "i18n"
LANGUAGES = ("en", "zh-CN")
ENTRY = re.compile(r"^\s+\"([\w.]+)\":", re.MULTILINE)
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def keys(language: str) -> list[str]:
    """Return the keys of a language's texts, from all its files."""
    files = sorted((TEXTS / language).glob("*.ts"))
    return [key for file in files for key in ENTRY.findall(text_of(file))]


def test_languages_have_the_same_texts() -> None:
    english, chinese = map(keys, LANGUAGES)
    assert english
    assert sorted(english) == sorted(chinese)


def test_texts_are_given_once() -> None:
    for language in LANGUAGES:
        assert len(keys(language)) == len(set(keys(language)))


def test_chinese_stands_only_among_the_texts() -> None:
    pages = [page for page in PAGES.rglob("*.ts*") if not page.is_relative_to(TEXTS)]
    assert [name_of(page) for page in pages if CHINESE.search(text_of(page))] == []
