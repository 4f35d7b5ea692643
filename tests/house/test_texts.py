"""The pages speak every language in full."""

import re
from pathlib import Path

from tests.house.checkout import ROOT, name_of, text_of

FOLDER = ROOT / "liveserver" / "web" / "src" / "i18n"
LANGUAGES = (FOLDER / "en.ts", FOLDER / "zh-CN.ts")
ENTRY = re.compile(r"^\s+\"([\w.]+)\":", re.MULTILINE)
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def keys(language: Path) -> list[str]:
    return ENTRY.findall(text_of(language))


def test_languages_have_the_same_texts() -> None:
    english, chinese = (keys(language) for language in LANGUAGES)
    assert english
    assert sorted(english) == sorted(chinese)


def test_texts_are_given_once() -> None:
    for language in LANGUAGES:
        assert len(keys(language)) == len(set(keys(language)))


def test_chinese_stands_only_among_the_texts() -> None:
    pages = (ROOT / "liveserver" / "web" / "src").rglob("*.ts*")
    assert [
        name_of(page) for page in pages if page.parent != FOLDER and CHINESE.search(text_of(page))
    ] == []
