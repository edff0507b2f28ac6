"""What the page shows of a sweep: trade-offs, gains over 8 bits, accuracy by width, resources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from ..estimate.estimate import NAMES
from ..report import charts as chart
from ..report.charts import Bar, Dot
from ..report.figures import Figure
from ..report.marks import number, ratio, short
from ..report.plane import Axis, Trace, plane
from .pareto import SPEED_COSTS, Line, usable

__all__ = ["accuracy_figures", "gain_figures", "resource_figures", "trade_offs"]

Record = Mapping[str, Any]

KINDS = "abcd"
"""Colours, one behind the other."""

_EIGHT = 8

_GAINS = (("seconds_per_image", "time"), ("bits_moved", "traffic"), ("energy_mj_typical", "energy"))


def _percent(value: float) -> str:
    return f"{100 * value:.4g}%"


def trade_offs(records: Sequence[Record], lines: Sequence[Line]) -> list[Figure]:
    """A plane for every gain and cost, with the Pareto lines."""
    pairs = dict.fromkeys((each.gain, each.cost.key) for each in lines)
    return [_trade_off(records, [each for each in lines
                                 if (each.gain, each.cost.key) == pair]) for pair in pairs]


def _trade_off(records: Sequence[Record], lines: Sequence[Line]) -> Figure:
    gain, cost = lines[0].gain, lines[0].cost
    colours = {each.part: KINDS[k % len(KINDS)] for k, each in enumerate(lines)}
    best = {k: colours[each.part] for each in lines for k in each.points}
    bends = {each.knee for each in lines}

    def spot(k: int) -> tuple[float, float]:
        return records[k][cost.key] * cost.factor, records[k][gain]

    shown = [k for k, record in enumerate(records) if usable(record)
             and record.get(gain) is not None and (record.get(cost.key) or 0) > 0]
    dots = [Dot(*spot(k), "knee", "", str(k), k in bends, best.get(k, "faint")) for k in shown]
    # A bend is named below the line's own name, and drawn over what is around it.
    dots.sort(key=lambda dot: (dot.kind != "faint", dot.named))
    traces = [Trace(tuple(spot(k) for k in each.points if spot(k)[0] > 0),
                    f"Pareto, {each.part}", colours[each.part], stepped=True) for each in lines]
    unit = partial(short, unit=cost.unit)
    gain_axis = Axis("accuracy", False, _percent) if gain == "accuracy" else Axis("images/s")
    title = f"{lines[0].gain_name[:1].upper()}{lines[0].gain_name[1:]} against {cost.name}"
    beaten = sum(dot.kind == "faint" for dot in dots)
    note = (f"Up and left is better. {number(len(dots) - beaten)} of {number(len(dots))} points "
            "are on a line; grey ones are beaten by one on it")
    note += ", each part's by its own." if cost.by_part and len(lines) > 1 else "."
    return Figure(title, note, plane(title, dots, [t for t in traces if t.points],
                                     Axis(cost.name, True, unit), gain_axis))


def gain_figures(records: Sequence[Record]) -> list[Figure]:
    """For each network, how many times better its versions are than the one with 8 bits.

    The best of each version on a part is compared with the best of the 8-bit one there.
    """
    figures = []
    for network in dict.fromkeys(r["network"] for r in records):
        rows = []
        mine = [r for r in records if r["network"] == network and usable(r)]
        for part in dict.fromkeys(r["part"] for r in mine):
            by_bits: dict[int, list[Record]] = {}
            for record in mine:
                if record["part"] == part:
                    by_bits.setdefault(round(record["weight_bits"]), []).append(record)
            base = by_bits.pop(_EIGHT, None)
            if base is None:
                continue
            rows += [_gain(f"{part or 'any part'}, {bits} bit", versions, base)
                     for bits, versions in sorted(by_bits.items(), reverse=True)]
        if rows:
            figures.append(Figure(
                f"{network}: gain over 8 bits", "Least time, traffic on the chip and energy for an "
                "image, of each width on each part: how many times less than with 8 bits.",
                chart.bars(f"Gain of {network} over 8 bits", rows, line=(1.0, "8 bits"))))
    return figures


def _gain(label: str, versions: Sequence[Record], base: Sequence[Record]) -> Bar:
    values: list[float | None] = []
    for key, _ in _GAINS:
        ours, theirs = (min((r[key] for r in rs if r[key]), default=None)
                        for rs in (versions, base))
        values.append(theirs / ours if ours and theirs else None)
    tip = f"{label}\n" + "\n".join(
        f"{name}: {value:.3g} times less" for (_, name), value in zip(_GAINS, values, strict=True)
        if value is not None)
    return Bar(label, tuple(values), " ".join("-" if v is None else f"{v:.2g}" for v in values),
               tip)


def accuracy_figures(records: Sequence[Record]) -> list[Figure]:
    """For each network that is there in several widths: accuracy against the width of weights."""
    figures = []
    for network in dict.fromkeys(r["network"] for r in records):
        mine = {r["model"]: (k, r) for k, r in reversed(list(enumerate(records)))
                if r["network"] == network and r.get("accuracy") is not None}
        widths = {r["weight_bits"] for _, r in mine.values()}
        if len(widths) < 2:
            continue
        curves: dict[str, list[tuple[float, float]]] = {}
        dots = []
        for _, record in mine.values():
            curves.setdefault(record["quantiser"] or "as given", []).append(
                (record["weight_bits"], record["accuracy"]))
        names = list(curves)
        for k, record in mine.values():
            kind = KINDS[names.index(record["quantiser"] or "as given") % len(KINDS)]
            dots.append(Dot(record["weight_bits"], record["accuracy"], record["model"], "",
                            str(k), False, kind))
        traces = [Trace(tuple(_best(points)), name, KINDS[k % len(KINDS)])
                  for k, (name, points) in enumerate(curves.items())]
        figures.append(Figure(
            f"{network}: accuracy against width", f"Of {number(_frames(mine))} labelled frames, "
            "by the golden model, which the hardware equals. A curve for each quantiser.",
            plane(f"Accuracy of {network} against the width of weights", dots, traces,
                  Axis("bits of a weight", False, lambda v: f"{v:g}"),
                  Axis("accuracy", False, _percent))))
    return figures


def _frames(mine: Mapping[str, tuple[int, Record]]) -> int:
    return max(r.get("frames") or 0 for _, r in mine.values())


def _best(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The most accurate point of each width."""
    best: dict[float, float] = {}
    for width, accuracy in points:
        best[width] = max(accuracy, best.get(width, 0.0))
    return sorted(best.items())


def resource_figures(records: Sequence[Record], lines: Sequence[Line]) -> list[Figure]:
    """For each part, what three designs take of it: the fastest, the knee, the smallest."""
    figures = []
    for part in dict.fromkeys(r["part"] for r in records):
        line = next((each for each in lines if each.part == part
                     and each.cost.key == SPEED_COSTS[0].key and each.gain != "accuracy"), None)
        if part is None or line is None:
            continue
        # By the point: a line of one has its fastest, its knee and its smallest in it.
        named = {line.points[0]: "smallest"}
        if line.knee is not None:
            named[line.knee] = "knee"
        named[line.points[-1]] = "fastest"
        picks = {name: k for k, name in reversed(named.items())}
        rows = []
        for key, name in NAMES.items():
            shares = tuple(records[k][f"{key}_share"] for k in picks.values())
            if all(share is None for share in shares):
                continue
            tip = f"{name} of {part}\n" + "\n".join(
                f"{pick}: {number(records[k][key])}" + (f", {ratio(share)}" if share else "")
                for (pick, k), share in zip(picks.items(), shares, strict=True))
            rows.append(Bar(name, shares, ratio(shares[0] or 0), tip))
        speeds = "; ".join(f"{name}: {short(records[k]['images_per_second'])} images/s"
                           for name, k in picks.items())
        figures.append(Figure(
            part, f"From the top, {speeds}.",
            chart.bars(f"Resources of {part}", rows, top=1.0, line=(1.0, part))))
    return figures
