"""Charts as SVG: bars, scatter plots, levels over time, histograms.

Colours are the page's variables, so a chart follows the page into the dark and onto paper. A chart
is 360 units wide and is drawn about as large: text keeps its size on a phone. What is hovered or
touched shows its ``data-tip``; a mark with a key carries it as ``data-key``, and the page sends an
event ``mark`` with the key when it is clicked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from markupsafe import Markup

from .marks import number, short, tag, text

__all__ = ["WIDTH", "Bar", "Dot", "bars", "chart", "columns", "cut", "levels", "scatter"]

WIDTH = 360.0
"""Units across a chart."""

_LABEL, _VALUE, _ROW = 108.0, 62.0, 19.0  # a row of a bar chart
_LETTERS = 18  # that fit into a label


@dataclass(frozen=True)
class Bar:
    """A row of a bar chart.

    Parameters
    ----------
    label : str
    values : tuple of float or None
        One for each series; None is left out.
    shown : str
        What stands at its end.
    tip : str
    key : str or None
    hot : bool
        Whether it stands out.
    kind : str
        Colour of the first series: ``a``, ``b`` or ``c``.
    """

    label: str
    values: tuple[float | None, ...]
    shown: str
    tip: str
    key: str | None = None
    hot: bool = False
    kind: str = "a"


@dataclass(frozen=True)
class Dot:
    """A point of a scatter plot; ``named`` ones bear their label."""

    x: float
    y: float
    label: str
    tip: str
    key: str | None = None
    named: bool = False
    kind: str = "a"


def chart(height: float, label: str, *content: str, width: float = WIDTH,
          class_: str = "chart") -> Markup:
    """A drawing of so many units across and down, and what it shows in words."""
    return tag("svg", *content, class_=class_, viewBox=f"0 0 {width:g} {height:g}", role="img",
               aria_label=label)


def cut(label: str, letters: int = _LETTERS) -> str:
    """A label that is not too long."""
    return label if len(label) <= letters else label[: letters - 1] + "…"


def bars(label: str, rows: Sequence[Bar], *, line: tuple[float, str] | None = None,
         top: float | None = None) -> Markup:
    """Horizontal bars.

    Parameters
    ----------
    label : str
        What the chart shows, for those who cannot see it.
    rows : sequence of Bar
    line : (float, str) or None
        A value that all are compared with, and its name.
    top : float or None
        Value at the right end; None: the largest there is.
    """
    series = max(len(row.values) for row in rows)
    thick = 11.0 if series == 1 else 12.0 / series
    head = 16.0 if line else 2.0
    room = WIDTH - _LABEL - _VALUE
    most = top or max([v for row in rows for v in row.values if v is not None]
                      + ([line[0]] if line else []) + [1e-30])
    marks: list[str] = []
    for k, row in enumerate(rows):
        y = head + k * _ROW
        inside: list[str] = [
            tag("rect", x=0, y=y, width=WIDTH, height=_ROW, class_="hit"),
            text(_LABEL - 8, y + 13, cut(row.label), class_="label", text_anchor="end"),
            tag("rect", x=_LABEL, y=y + 4, width=room, height=11.0, class_="rail")]
        longest = 0.0
        for s, value in enumerate(row.values):
            if value is not None:
                size = min(1.0, value / most) * room
                longest = max(longest, size)
                inside.append(tag("rect", x=_LABEL, y=y + 4 + s * (thick + 0.5), width=size,
                                  height=thick, rx=1.5,
                                  class_=f"bar {'abc'['abc'.index(row.kind) + s]}"
                                  f"{' hot' if row.hot else ''}"))
        inside.append(text(WIDTH, y + 13, row.shown, class_="value", text_anchor="end"))
        marks.append(tag("g", *inside, class_="mark", data_tip=row.tip, data_key=row.key))
    height = head + len(rows) * _ROW + 2
    if line:
        x = _LABEL + min(1.0, line[0] / most) * room
        anchor = "end" if x > _LABEL + room / 2 else "start"
        marks += [tag("line", x1=x, x2=x, y1=head - 2, y2=height - 2, class_="limit"),
                  text(x + (4 if anchor == "end" else -4), 10, line[1], class_="note",
                       text_anchor=anchor)]
    return chart(height, label, *marks)


def _decades(values: Sequence[float]) -> tuple[int, int]:
    lo, hi = floor(log10(min(values))), ceil(log10(max(values)))
    return lo, max(hi, lo + 1)


def scatter(label: str, dots: Sequence[Dot], *, x_name: str, y_name: str,
            slopes: Sequence[tuple[float, str]] = (),
            limit: tuple[float, str] | None = None) -> Markup:
    """A scatter plot, both axes logarithmic.

    Parameters
    ----------
    label : str
    dots : sequence of Dot
        Both coordinates above 0.
    x_name, y_name : str
        Names of the axes.
    slopes : sequence of (float, str)
        Lines on which ``y / x`` is so much, and their names.
    limit : (float, str) or None
        A value of x that cannot be passed, and its name.
    """
    left, right, head, foot, height = 40.0, 12.0, 22.0, 34.0, 270.0
    xs = [dot.x for dot in dots] + ([limit[0]] if limit else [])
    x0, x1 = _decades(xs)
    y0, y1 = _decades([dot.y for dot in dots])

    def at(x: float, y: float) -> tuple[float, float]:
        return (left + (log10(x) - x0) / (x1 - x0) * (WIDTH - left - right),
                height - foot - (log10(y) - y0) / (y1 - y0) * (height - foot - head))

    marks: list[str] = []
    for power in range(x0, x1 + 1):
        x, y = at(10.0**power, 10.0**y0)
        marks += [tag("line", x1=x, x2=x, y1=head, y2=y, class_="grid"),
                  text(x, y + 13, short(10.0**power), class_="tick", text_anchor="middle")]
    for power in range(y0, y1 + 1):
        x, y = at(10.0**x0, 10.0**power)
        marks += [tag("line", x1=x, x2=WIDTH - right, y1=y, y2=y, class_="grid"),
                  text(x - 5, y + 3, short(10.0**power), class_="tick", text_anchor="end")]
    for slope, name in slopes:
        # From where the line enters the plot to where it leaves it.
        lo, hi = max(x0, y0 - log10(slope)), min(x1, y1 - log10(slope))
        if lo >= hi:
            continue
        one, other = at(10**lo, slope * 10**lo), at(10**hi, slope * 10**hi)
        marks += [tag("line", x1=one[0], y1=one[1], x2=other[0], y2=other[1], class_="iso"),
                  text(other[0] - 3, other[1] + (11 if other[1] < head + 8 else -4), name,
                       class_="faint", text_anchor="end")]
    if limit:
        x, _ = at(limit[0], 10.0**y0)
        marks += [tag("line", x1=x, x2=x, y1=head, y2=height - foot, class_="limit"),
                  text(x - 4, head - 5, limit[1], class_="note", text_anchor="end")]
    marks += [text((left + WIDTH - right) / 2, height - 4, x_name, class_="axis",
                   text_anchor="middle"),
              text(0, 10, y_name, class_="axis")]
    taken: list[tuple[float, float]] = []
    for dot in dots:
        x, y = at(dot.x, dot.y)
        inside: list[str] = [
            tag("circle", cx=x, cy=y, r=12.0, class_="hit"),
            tag("circle", cx=x, cy=y, r=5.0 if dot.kind == "a" else 6.0,
                class_=f"dot {dot.kind}")]
        # A name that would cover another one is left to the tip.
        if dot.named and all(abs(y - b) > 11 or abs(x - a) > 90 for a, b in taken):
            taken.append((x, y))
            away = x > WIDTH * 0.62
            inside.append(text(x - 9 if away else x + 9, y + 4, cut(dot.label), class_="label",
                               text_anchor="end" if away else "start"))
        marks.append(tag("g", *inside, class_="mark", data_tip=dot.tip, data_key=dot.key))
    return chart(height, label, *marks)


def levels(label: str, values: Sequence[int], every: int, depth: int, tip: str) -> Markup:
    """How full something is over time.

    Parameters
    ----------
    label : str
    values : sequence of int
        The most in each stretch of ``every`` cycles.
    every, depth : int
    tip : str
    """
    height, foot, left = 84.0, 14.0, 34.0
    room = WIDTH - left
    step = room / max(1, len(values))
    points = [f"M{left:g} {height - foot:g}"]
    before = None
    for k, value in enumerate(values):
        y = height - foot - value / depth * (height - foot - 6)
        if value != before:
            points.append(f"H{left + k * step:.1f}V{y:.1f}")
        before = value
    points.append(f"H{WIDTH:g}V{height - foot:g}Z")
    marks: list[str] = [
        tag("line", x1=left, x2=WIDTH, y1=6.0, y2=6.0, class_="limit"),
        tag("path", d="".join(points), class_="area"),
        tag("line", x1=left, x2=WIDTH, y1=height - foot, y2=height - foot, class_="base"),
        text(left - 5, 10, number(depth), class_="tick", text_anchor="end"),
        text(left - 5, height - foot, "0", class_="tick", text_anchor="end"),
        text(left, height - 2, "0", class_="tick"),
        text(WIDTH, height - 2, f"{number(len(values) * every)} cycles", class_="tick",
             text_anchor="end")]
    return chart(height, label, tag("g", *marks, class_="mark", data_tip=tip))


def columns(label: str, counts: Sequence[int], lo: int, step: int) -> Markup:
    """A small histogram: the integers from ``lo`` on, ``step`` of them in each column."""
    width, height, foot = 170.0, 76.0, 14.0
    total, most = sum(counts) or 1, max(counts) or 1
    room = width / len(counts)
    thick = max(0.8, min(22.0, room * 0.84))
    marks: list[str] = [
        tag("line", x1=0, x2=width, y1=height - foot, y2=height - foot, class_="base")]
    for k, count in enumerate(counts):
        first = lo + k * step
        name = number(first) if step == 1 else f"{number(first)} to {number(first + step - 1)}"
        size = count / most * (height - foot - 4)
        marks.append(tag(
            "g", tag("rect", x=k * room, y=0, width=room, height=height - foot, class_="hit"),
            tag("rect", x=(k + 0.5) * room - thick / 2, y=height - foot - size, width=thick,
                height=size, class_="bar a"),
            class_="mark", data_tip=f"{name}: {count / total:.1%} ({number(count)})"))
    marks += [text(0, height - 2, number(lo), class_="tick"),
              text(width, height - 2, number(lo + len(counts) * step - 1), class_="tick",
                   text_anchor="end")]
    return chart(height, label, *marks, width=width, class_="chart small")
