"""A schedule of network conditions, as people write it. Pure.

    0s loss=5; 20s outage=3s; 30s down.rate=400k down.queue=300ms; 45s clear

Steps are parted by semicolons; each begins with its time (0s if left out). A setting holds until
it is set again; `clear` undoes all; an outage ends by itself. `up.` (to the server) or `down.`
before a name means one direction, else both.

| setting | |
|---|---|
| `delay=40ms` `jitter=10ms` | one way; jitter is added and keeps order |
| `loss=5` | percent, independent |
| `burst=20` `burst_length=5` | percent lost in bursts, and their mean number of packets |
| `reorder=1` | percent that is not delayed and so overtakes |
| `rate=400k` `queue=200ms` | bit/s with k or M, and the longest wait before it |
| `outage=3s` | nothing passes for so long |

JSON is the same in other brackets: `[{"at": "20s", "down": {"rate": "400k"}, "loss": 5}]`.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Literal

import msgspec

from scripts.bench.impairment import Conditions

Direction = Literal["up", "down"]
Written = str | float
DIRECTIONS: tuple[Direction, Direction] = ("up", "down")

_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)|0")
_RATE = re.compile(r"(\d+(?:\.\d+)?)([kKM]?)")
_TIME_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_RATE_UNITS = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6}
_LARGEST_BURST = 0.9


class InvalidProfile(ValueError):
    """A schedule that cannot be read; the text says where."""


class Step(msgspec.Struct, frozen=True):
    """What changes at one time."""

    at_s: float
    settings: tuple[tuple[str, str], ...]
    "Names, perhaps with a direction in front, and values as written; `clear` has none."


class Profile:
    """Conditions of both directions over time, in seconds since its start."""

    def __init__(self, steps: list[Step]) -> None:
        """Compile.

        Raises:
            InvalidProfile: a name or value means nothing.
        """
        self._starts: dict[Direction, list[float]] = {}
        self._conditions: dict[Direction, list[Conditions]] = {}
        for direction in DIRECTIONS:
            timeline = _compile(sorted(steps, key=lambda step: step.at_s), direction)
            self._starts[direction] = [at for at, _ in timeline]
            self._conditions[direction] = [conditions for _, conditions in timeline]

    def conditions(self, direction: Direction, elapsed_s: float) -> Conditions:
        """Return what holds so long after the start; O(log steps)."""
        index = bisect_right(self._starts[direction], elapsed_s) - 1
        return self._conditions[direction][max(0, index)]

    @property
    def ends_s(self) -> float:
        """Return the time of the last change."""
        return max(starts[-1] for starts in self._starts.values())


def read_profile(text: str) -> Profile:
    """Read a schedule, JSON if it begins with a bracket; empty text is a perfect network.

    Raises:
        InvalidProfile: with the part that is wrong.
    """
    is_json = text.lstrip().startswith("[")
    return Profile(list(_read_json(text) if is_json else _read_steps(text)))


def _read_steps(text: str) -> Iterator[Step]:
    for part in text.split(";"):
        words = part.split()
        at_s = read_time(words.pop(0)) if words and words[0][0].isdigit() else 0.0
        pairs = tuple((name, value) for name, _, value in (word.partition("=") for word in words))
        if pairs:
            yield Step(at_s, pairs)


def _read_json(text: str) -> Iterator[Step]:
    try:
        steps = msgspec.json.decode(
            text, type=list[dict[str, str | float | dict[str, str | float]]]
        )
    except msgspec.DecodeError as error:
        raise InvalidProfile(f"JSON: {error}") from error
    for step in steps:
        at_s = read_time(str(step.pop("at", "0s")))
        yield Step(at_s, tuple(_flatten(step)))


def _flatten(settings: dict[str, Written | dict[str, Written]]) -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", _spell(it)) for inner, it in value.items())
        else:
            yield name, _spell(value)


def _spell(value: Written) -> str:
    return value if isinstance(value, str) else f"{value:.12g}"


def _compile(steps: list[Step], direction: Direction) -> list[tuple[float, Conditions]]:
    """Cut time where anything changes."""
    settings: dict[str, float] = {}
    held: list[tuple[float, dict[str, float]]] = [(0.0, {})]
    outages: list[tuple[float, float]] = []
    for step in steps:
        for written, value in step.settings:
            where, _, name = written.rpartition(".")
            if where not in {"", *DIRECTIONS}:
                raise InvalidProfile(f"{written}: a direction is up or down")
            field, number = _read_setting(name, value)
            if where and where != direction:
                continue
            if field == "clear":
                settings = {}
            elif field == "outage":
                outages.append((step.at_s, step.at_s + number))
            else:
                settings = {**settings, field: number}
        held.append((step.at_s, settings))
    cuts = sorted({at for at, _ in held} | {edge for outage in outages for edge in outage})
    return [(at, _conditions_at(at, held, outages)) for at in cuts]


def _conditions_at(
    at: float, held: list[tuple[float, dict[str, float]]], outages: list[tuple[float, float]]
) -> Conditions:
    settings = [fields for since, fields in held if since <= at][-1]
    is_down = any(start <= at < end for start, end in outages)
    return Conditions(**settings, is_down=is_down)


def _read_setting(name: str, value: str) -> tuple[str, float]:
    """Return the field of `Conditions` and its value in base units."""
    match name:
        case "delay" | "jitter" | "queue":
            return f"{name}_s", read_time(value)
        case "outage":
            return name, read_time(value)
        case "loss" | "reorder":
            return name, _read_percent(value, 1.0)
        case "burst":
            return name, _read_percent(value, _LARGEST_BURST)
        case "burst_length":
            return "burst_packets", max(1.0, _read_number(value))
        case "rate":
            found = _RATE.fullmatch(value)
            if found is None:
                raise InvalidProfile(f"{value!r} is no rate; write 400k, 2.5M or bits per second")
            return "rate_bps", float(found[1]) * _RATE_UNITS[found[2]]
        case "clear":
            return name, 0.0
        case _:
            raise InvalidProfile(f"{name!r} is no setting")


def read_time(text: str) -> float:
    """Read a time with its unit, such as 20s, 500ms or 1m, as seconds.

    Raises:
        InvalidProfile: it is none.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        raise InvalidProfile(f"{text!r} is no time; write 20s, 500ms or 1m")
    return float(found[1]) * _TIME_UNITS[found[2]] if found[1] else 0.0


def _read_percent(text: str, largest: float) -> float:
    share = _read_number(text.removesuffix("%")) / 100
    if not 0 <= share <= largest:
        raise InvalidProfile(f"{text!r} is not between 0 and {100 * largest:g} percent")
    return share


def _read_number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InvalidProfile(f"{text!r} is no number") from error
