"""Numbers to people: percentiles, Prometheus text, a plain table. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{[^}]*\})?\s+(\S+)", re.MULTILINE)


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Return the nearest-rank percentile (0..100); None for no values."""
    if not values:
        return None
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[int(rank) - 1]


def spread(values: Sequence[float], digits: int = 1) -> dict[str, float | int | None]:
    """Return count, p50, p95 and maximum, rounded."""
    points = {"p50": percentile(values, 50), "p95": percentile(values, 95)}
    points["max"] = max(values, default=None)
    rounded = {key: None if v is None else round(v, digits) for key, v in points.items()}
    return {"n": len(values), **rounded}


def read_samples(text: str) -> dict[str, float]:
    """Sum the samples of a Prometheus page by name, whatever their labels."""
    sums: dict[str, float] = {}
    for name, value in _SAMPLE.findall(text):
        try:
            sums[name] = sums.get(name, 0.0) + float(value)
        except ValueError:
            continue
    return sums


def table(report: Mapping[str, Any]) -> str:
    """Lay out a report, nested one level, as two columns."""
    rows: list[tuple[str, str]] = []
    for name, value in report.items():
        if isinstance(value, Mapping):
            inner = "  ".join(f"{key} {_shown(item)}" for key, item in value.items())
            rows.append((name, inner))
        else:
            rows.append((name, _shown(value)))
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in rows)


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)
