"""What hostile peers send: the seeded corpus, and strategies that break valid inputs."""

from collections.abc import Sequence
from pathlib import Path

from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "corpus"


def packets(name: str) -> dict[str, bytes]:
    """The named packets of a corpus file of `name: hex` lines; spaces in the hex are free."""
    lines = (CORPUS / name).read_text("ascii").splitlines()
    pairs = (line.split(":", 1) for line in lines if line and not line.startswith("#"))
    return {title: bytes.fromhex(text) for title, text in pairs}


def offers() -> dict[str, str]:
    """Offers of real clients by file name, line ends untouched."""
    return {file.stem: file.read_bytes().decode() for file in sorted(CORPUS.glob("sdp/*.sdp"))}


def texts(name: str) -> dict[str, str]:
    """The named texts of a corpus file of `name: escaped text` lines.

    A name in braces is a part to put into the texts behind it.
    """
    found: dict[str, str] = {}
    for line in (CORPUS / name).read_text("ascii").splitlines():
        if line and not line.startswith("#"):
            title, _, text = line.partition(": ")
            for part in [part for part in found if part.startswith("{")]:
                text = text.replace(part, found[part])
            found[title.removesuffix(":")] = text
    return {k: v.encode().decode("unicode_escape") for k, v in found.items() if k[0] != "{"}


@st.composite
def broken_bytes(draw: st.DrawFn, samples: Sequence[bytes]) -> bytes:
    """A valid packet with bytes changed, cut out or put in."""
    data = bytearray(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 6)))
        data[start:end] = draw(st.binary(max_size=6))
    return bytes(data)


@st.composite
def broken_text(draw: st.DrawFn, samples: Sequence[str], words: Sequence[str]) -> str:
    """A valid text with lines dropped, repeated, or partly replaced by words of its grammar."""
    lines = draw(st.sampled_from(samples)).split("\r\n")
    for _ in range(draw(st.integers(1, 6))):
        index = draw(st.integers(0, len(lines) - 1))
        line = lines[index]
        cut = draw(st.integers(0, len(line)))
        insert = draw(st.one_of(st.sampled_from(words), st.text(max_size=8)))
        changed = line[:cut] + insert + line[cut + draw(st.integers(0, 8)) :]
        lines[index : index + 1] = draw(
            st.sampled_from([[changed], [], [line, line], [line, changed], [changed] * 40])
        ) or [""]
    return "\r\n".join(lines)
