"""The dataflow as a drawing: blocks by what they are and how busy they are, streams by width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2
from typing import Any

from markupsafe import Markup

from .layered import Point, Size, layered
from .marks import number, ratio, tag, text

__all__ = ["drawing"]

_LETTER, _SMALL = 7.2, 5.6  # widths of letters: of a name, of a note
_CUT = 22  # letters of a name
_SOURCE, _SINK = "(in)", "(out)"  # no block has such a name


def drawing(record: Mapping[str, Any]) -> Markup:
    """The dataflow of a report as SVG."""
    flow, found = record["dataflow"], record["estimate"]
    blocks = {block["name"]: block for block in flow["blocks"]}
    streams = [s for s in flow["streams"] if _joins(s, blocks)]
    facts = {block["name"]: block for block in found["blocks"]}
    busiest, slowest = found["interval_cycles"], found["bottleneck"]
    sizes: dict[str, Size] = {_SOURCE: (64.0, 22.0)}
    sizes |= {name: _size(block, flow) for name, block in blocks.items()}
    sizes[_SINK] = (64.0, 22.0)
    ends = [(s["from"] or _SOURCE, s["to"] or _SINK) for s in streams]
    plan = layered(sizes, ends)
    forks = {name for name, block in blocks.items() if len(block["outputs"]) > 1}
    marks: list[str] = [_stream(s, route, at_end=s["from"] in forks)
                        for s, route in zip(streams, plan.edges, strict=True)]
    marks += [_port(plan.nodes[_SOURCE], "input"), _port(plan.nodes[_SINK], "output")]
    marks += [_block(block, facts[name], flow, plan.nodes[name], sizes[name], busiest,
                     slowest=name == slowest)
              for name, block in blocks.items()]
    margin = 10.0
    width, height = plan.width + 2 * margin, plan.height + 2 * margin
    return tag("svg", *marks, class_="flow", role="img",
               aria_label="Blocks of the accelerator and the streams between them",
               viewBox=f"{-margin:g} {-margin:g} {width:.0f} {height:.0f}",
               width=f"{width:.0f}", height=f"{height:.0f}")


def _joins(stream: Mapping[str, Any], blocks: Mapping[str, Any]) -> bool:
    """Whether a stream is one between blocks, not one inside a block."""
    producer, consumer = blocks.get(stream["from"]), blocks.get(stream["to"])
    return (producer is None or stream["name"] in producer["outputs"]) and (
        consumer is None or stream["name"] in consumer["inputs"])


def _small(block: Mapping[str, Any], flow: Mapping[str, Any]) -> str | None:
    """What stands in a block that only passes beats on; None for any other."""
    if block["kind"] == "fifo":
        return f"FIFO {number(block['depth'])}"
    if block["kind"] == "fork":
        return f"fork {len(block['outputs'])}"
    if block["kind"] == "adapter":
        lanes = {s["name"]: s["lanes"] for s in flow["streams"]}
        return f"{lanes[block['inputs'][0]]} → {lanes[block['outputs'][0]]} lanes"
    return None


def _size(block: Mapping[str, Any], flow: Mapping[str, Any]) -> Size:
    small = _small(block, flow)
    if small is not None:
        return len(small) * _SMALL + 18, 18.0
    return max(104.0, min(_CUT, len(block["name"])) * _LETTER + 20), 38.0


def _block(block: Mapping[str, Any], fact: Mapping[str, Any], flow: Mapping[str, Any],
           centre: Point, size: Size, busiest: int, *, slowest: bool) -> Markup:
    (x, y), (width, height) = centre, size
    busy = min(1.0, fact["cycles"] / busiest)
    used = fact["resources"]
    tip = (f"{block['name']}: {block['kind']} of {block['layer']}\n"
           f"{number(fact['cycles'])} cycles a frame, busy {ratio(busy)} of the time\n"
           f"{number(used['lut'])} LUT sites, {number(used['ff'])} FF, {number(used['bram36'])} "
           f"BRAM36, {number(used['dsp'])} DSP")
    small = _small(block, flow)
    box = {"x": x - width / 2, "y": y - height / 2, "width": width, "height": height}
    inside: list[str]
    if small is not None:
        inside = [tag("rect", **box, rx=height / 2, class_=f"pill {block['kind']}"),
                  text(x, y + 3.5, small, class_="note", text_anchor="middle")]
    else:
        name = block["name"]
        shown = name if len(name) <= _CUT else name[: _CUT - 1] + "…"
        inside = [
            tag("rect", **box, rx=5, class_="ground"),
            tag("rect", **box, rx=5, class_="box slowest" if slowest else "box",
                fill_opacity=round(0.04 + 0.46 * busy, 3)),
            text(x, y - 2, shown, class_="name", text_anchor="middle"),
            text(x, y + 12, f"{block['kind']} · {ratio(busy)}", class_="note",
                 text_anchor="middle")]
    return tag("a", *inside, class_="mark", href=f"#layer-{block['layer']}", data_tip=tip,
               data_key=block["name"])


def _port(centre: Point, name: str) -> Markup:
    x, y = centre
    return tag("g", tag("rect", x=x - 32, y=y - 11, width=64, height=22, rx=11, class_="port"),
               text(x, y + 4, name, class_="name", text_anchor="middle"))


def _stream(stream: Mapping[str, Any], route: Sequence[Point], *, at_end: bool) -> Markup:
    width = stream["width"]
    tip = (f"{stream['name']}: {width} bits a beat ({stream['lanes']} × {stream['type']})\n"
           f"{number(stream['beats'])} beats a frame")
    path = [f"M{route[0][0]:.1f} {route[0][1]:.1f}"]
    for k in range(1, len(route)):
        (ax, ay), (bx, by) = route[k - 1], route[k]
        middle = (ay + by) / 2
        path.append(f"C{ax:.1f} {middle:.1f} {bx:.1f} {middle:.1f} {bx:.1f} {by:.1f}"
                    if abs(ax - bx) > 0.5 else f"L{bx:.1f} {by:.1f}")
    d = "".join(path)
    thick = round(1 + min(4.0, log2(width) * 0.42), 2)
    # Its width stands where no other stream is, and on the side that the line does not turn to.
    near, far = (route[-1], route[0]) if at_end else (route[0], route[-1])
    left = far[0] > near[0] + 1
    x = near[0] + (-1 if left else 1) * (thick / 2 + 4)
    y = near[1] + (-6 if at_end else 13)
    return tag(
        "g", tag("path", d=d, class_="reach"), tag("path", d=d, class_="wire", stroke_width=thick),
        text(x, y, f"{width} b", class_="faint", text_anchor="end" if left else None),
        class_="mark", data_tip=tip)
