"""Points and lines in a plane, either axis linear or logarithmic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from markupsafe import Markup

from .charts import WIDTH, Dot, chart, cut
from .marks import short, tag, text

__all__ = ["Axis", "Trace", "plane", "ticks"]

_LEFT, _RIGHT, _HEAD, _FOOT, _HEIGHT = 46.0, 10.0, 24.0, 34.0, 270.0
_LETTER = 5.4  # width of a letter of a name
_LINE = 12.0  # between two names


@dataclass(frozen=True)
class Axis:
    """An axis.

    Parameters
    ----------
    name : str
    logarithmic : bool
    shown : callable
        A value as it stands at a tick.
    """

    name: str
    logarithmic: bool = True
    shown: Callable[[float], str] = short


@dataclass(frozen=True)
class Trace:
    """A line through points.

    Parameters
    ----------
    points : tuple of (float, float)
    name : str
        Stands at its end.
    kind : str
        Colour: ``a`` to ``d``.
    stepped : bool
        Level up to the next point, then up: what can be had for so much.
    """

    points: tuple[tuple[float, float], ...]
    name: str
    kind: str = "a"
    stepped: bool = False


def ticks(low: float, high: float, *, logarithmic: bool, most: int = 6) -> list[float]:
    """Round values from one at or below ``low`` to one at or above ``high``.

    On a logarithmic axis 1, 2 and 5 of each decade, or decades alone if these are too many.
    """
    if logarithmic:
        first, last = floor(log10(low) + 1e-9), ceil(log10(high) - 1e-9)
        found: list[float] = []
        for digits in ((1, 2, 5), (1,)):
            all_ = [d * 10.0**k for k in range(first, last + 1) for d in digits]
            below = [v for v in all_ if v <= low * (1 + 1e-9)]
            above = [v for v in all_ if v >= high * (1 - 1e-9)] or [10.0**last * 10]
            found = [v for v in all_ if below[-1] <= v <= above[0]]
            if len(found) <= most:
                break
        return found if len(found) > 1 else [found[0], found[0] * 10]
    span = (high - low) or abs(high) or 1.0
    unit = 10.0 ** floor(log10(span / most))
    step = next(unit * f for f in (1, 2, 5, 10, 20) if span / (unit * f) <= most - 1)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(k * step, 12) for k in range(first, max(last, first + 1) + 1)]


def plane(label: str, dots: Sequence[Dot], traces: Sequence[Trace], x: Axis, y: Axis) -> Markup:
    """A plane with points, and lines over them.

    Parameters
    ----------
    label : str
        What it shows, for those who cannot see it.
    dots : sequence of Dot
        Drawn in this order; those of kind ``faint`` are grey. Above 0 on a logarithmic axis.
    traces : sequence of Trace
    x, y : Axis
    """
    spots = [(dot.x, dot.y) for dot in dots] + [p for trace in traces for p in trace.points]
    x_ticks, y_ticks = (_ticks([spot[k] for spot in spots], axis)
                        for k, axis in enumerate((x, y)))
    width, height = WIDTH - _LEFT - _RIGHT, _HEIGHT - _HEAD - _FOOT

    def at(spot: tuple[float, float]) -> tuple[float, float]:
        return (_LEFT + _share(spot[0], x_ticks, x) * width,
                _HEIGHT - _FOOT - _share(spot[1], y_ticks, y) * height)

    marks: list[str] = []
    for value in x_ticks:
        place, base = at((value, y_ticks[0]))
        marks += [tag("line", x1=place, x2=place, y1=_HEAD, y2=base, class_="grid"),
                  text(place, base + 13, x.shown(value), class_="tick", text_anchor="middle")]
    for value in y_ticks:
        place, level = at((x_ticks[0], value))
        marks += [tag("line", x1=place, x2=WIDTH - _RIGHT, y1=level, y2=level, class_="grid"),
                  text(place - 5, level + 3, y.shown(value), class_="tick", text_anchor="end")]
    marks += [text(_LEFT + width / 2, _HEIGHT - 4, x.name, class_="axis", text_anchor="middle"),
              text(0, 10, y.name, class_="axis")]
    drawn = [(trace, [at(point) for point in trace.points]) for trace in traces]
    back = [dot for dot in dots if dot.kind == "faint"]
    marks += [_dot(dot, at((dot.x, dot.y))) for dot in back]
    marks += [tag("path", d=_path(places, stepped=trace.stepped), class_=f"trace {trace.kind}")
              for trace, places in drawn]
    marks += [_dot(dot, at((dot.x, dot.y))) for dot in dots if dot.kind != "faint"]
    taken: list[tuple[float, float, float]] = []
    for trace, places in drawn:
        marks.append(_name(places[-1], trace.name, f"label {trace.kind}", taken))
    for dot in dots:
        if dot.named:
            marks.append(_name(at((dot.x, dot.y)), cut(dot.label, 24), "note", taken))
    return chart(_HEIGHT, label, *marks)


def _ticks(values: Sequence[float], axis: Axis) -> list[float]:
    return ticks(min(values), max(values), logarithmic=axis.logarithmic)


def _share(value: float, marks: Sequence[float], axis: Axis) -> float:
    low, high = marks[0], marks[-1]
    if axis.logarithmic:
        return log10(value / low) / log10(high / low)
    return (value - low) / (high - low)


def _path(places: Sequence[tuple[float, float]], *, stepped: bool) -> str:
    (x, y), *rest = places
    parts = [f"M{x:.1f} {y:.1f}"]
    parts += [f"H{x:.1f}V{y:.1f}" if stepped else f"L{x:.1f} {y:.1f}" for x, y in rest]
    return "".join(parts)


def _dot(dot: Dot, place: tuple[float, float]) -> Markup:
    x, y = place
    radius = 3.0 if dot.kind == "faint" else 4.5
    return tag("g", tag("circle", cx=x, cy=y, r=radius + 4, class_="hit"),
               tag("circle", cx=x, cy=y, r=radius, class_=f"dot {dot.kind}"),
               class_="mark", data_tip=dot.tip or None, data_key=dot.key)


def _name(place: tuple[float, float], name: str, class_: str,
          taken: list[tuple[float, float, float]]) -> Markup:
    """A name beside a place, moved up or down until it covers no other one."""
    size = len(name) * _LETTER
    x = min(max(place[0], _LEFT + size / 2), WIDTH - size / 2)
    y = place[1] - 9
    for away in (0, 1, -1, 2, -2, 3, -3, 4):
        level = place[1] - 9 - away * _LINE if away >= 0 else place[1] + 5 - away * _LINE
        if 12 < level < _HEIGHT - _FOOT and all(
                abs(level - b) >= _LINE - 1 or abs(x - a) > (size + other) / 2 + 4
                for a, b, other in taken):
            y = level
            break
    taken.append((x, y, size))
    return text(x, y, name, class_=class_, text_anchor="middle")
