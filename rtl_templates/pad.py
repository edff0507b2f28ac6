"""Padding: a feature map surrounded by a constant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring

from .block import BlockComponent, BlockParams, StreamShape, Timing, serve
from .path import Path, and_levels
from .pipeline import recode
from .queue import Queue, queue_paths, queue_resources, queue_source
from .resources import Resources
from .ring import Loop, loop_resources
from .types import IntType
from .validation import check_one_of, check_positive, check_recoding, divisors

__all__ = ["Pad", "PadParams"]


@dataclass(frozen=True, kw_only=True)
class PadParams(BlockParams):
    """A feature map with ``value`` around it.

    Parameters
    ----------
    input_type, output_type : IntType
        The output type must hold ``value`` and the inputs; elements are re-encoded.
    shape : (height, width, channels)
        Of the input.
    pads : (top, left, bottom, right)
    value : int
    lanes : int
        Elements a beat: divides the channels, or is a multiple of them, that is several pixels;
        width, left and right pads must then be multiples of the pixels.

    depth : int or None
        Places of the output queue; None: enough for one beat a cycle.

    Raises
    ------
    ValueError
        If the parameters do not fit together; the text lists the legal lanes.
    """

    input_type: IntType
    output_type: IntType
    shape: tuple[int, int, int]
    pads: tuple[int, int, int, int]
    value: int = 0
    lanes: int = 1
    depth: int | None = None

    kind = "pad"

    def __post_init__(self) -> None:
        height, width, channels = self.shape
        check_positive(height=height, width=width, channels=channels)
        if min(self.pads) < 0:
            raise ValueError(f"pads must not be negative, not {self.pads!r}")
        if not self.output_type.contains(np.array([self.value])):
            raise ValueError(f"output_type must hold {self.value}, not {self.output_type}")
        check_recoding(self.input_type, self.output_type)
        pixels = np.gcd.reduce([width, self.pads[1], self.pads[3]])
        check_one_of("lanes", self.lanes,
                     {*divisors(channels), *(channels * k for k in divisors(int(pixels)))})

    @property
    def columns(self) -> tuple[int, int, int]:
        """Beats of a row: left pad, input, right pad."""
        channels = self.shape[2]
        left, inside, right = (
            n * channels // self.lanes for n in (self.pads[1], self.shape[1], self.pads[3])
        )
        return left, inside, right

    @property
    def rows(self) -> int:
        """Rows of the output."""
        return self.shape[0] + self.pads[0] + self.pads[2]

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        return (StreamShape(self.input_type, self.lanes, self.shape[0] * self.columns[1]),)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        return (StreamShape(self.output_type, self.lanes, self.rows * sum(self.columns)),)

    @property
    def cycles(self) -> int:
        return self.outputs[0].beats

    @property
    def latency(self) -> int:  # type: ignore[override]
        """The queue."""
        return 1

    def _inside(self) -> np.ndarray:
        """Which output beats of a frame are input beats: bools (rows, beats a row)."""
        inside = np.zeros((self.rows, sum(self.columns)), bool)
        top, left = self.pads[0], self.columns[0]
        inside[top : top + self.shape[0], left : left + self.columns[1]] = True
        return inside

    @property
    def resources(self) -> Resources:
        out = self.outputs[0].width
        control = loop_resources(sum(self.columns), 3) + loop_resources(self.rows, 3)
        mask = Resources(lut=3 + 0.7 * out, ff=1)
        return control + mask + queue_resources(out, self.depth or 2)

    @property
    def paths(self) -> tuple[Path, ...]:
        out = self.outputs[0].width
        bits = max(1, (sum(self.columns) - 1).bit_length(), (self.rows - 1).bit_length())
        return (Path(what="pads chosen", luts=2, fanout=out),
                Path(what="loops", luts=2 + and_levels(bits), fanout=2 * bits + 2),
                *queue_paths(out, self.depth or 2))

    @property
    def entry(self) -> Path:
        return Path(what="input", luts=1)

    @property
    def exit(self) -> str:
        return queue_source(self.outputs[0].width, self.depth or 2)

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        out = np.full((self.rows * sum(self.columns), self.lanes), self.value, dtype=np.int64)
        out[self._inside().reshape(-1)] = beats[0]
        return (out,)

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        inside = np.tile(self._inside().reshape(-1), frames)
        # Pads wait for nothing but their turn, the first of a frame for the frame's first beat.
        ready = np.zeros(len(inside), dtype=np.int64)
        ready[:: len(inside) // frames] = arrivals[0][:: self.inputs[0].beats]
        ready[inside] = arrivals[0]
        start = serve(ready, depth=self.depth, hold=self.latency + 1)
        return Timing((start[inside],), (start + self.latency,))

    def create(self) -> Pad:
        return Pad(self)


class Pad(BlockComponent[PadParams]):
    """Padding; one output beat a cycle, latency 1 cycle.

    Pads are delivered as soon as it is their turn, once the frame's first input beat is there:
    a frame never begins to leave before it has begun to arrive.

    Members
    -------
    i : In(stream of lanes elements)
    o : Out(stream of lanes elements)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        m.submodules.queue = queue = Queue(p.outputs[0].layout, p.depth or 2)
        wiring.connect(m, queue.o, wiring.flipped(self.o))

        step = Signal()
        inside = Signal()
        begins = Signal(init=1)
        columns = Loop(m, "column", sum(p.columns), step)
        rows = Loop(m, "row", p.rows, step & columns.last)
        left, top = p.columns[0], p.pads[0]
        m.d.comb += inside.eq(columns.within(left, left + p.columns[1])
                              & rows.within(top, top + p.shape[0]))
        with m.If(step):
            m.d.sync += begins.eq(columns.last & rows.last)

        code = int(p.output_type.encode(np.array(p.value)))
        pad = Const(code, p.output_type.bits)
        m.d.comb += [
            queue.i.valid.eq(self.i.valid | ~(inside | begins)),
            queue.i.payload.eq(Cat(
                Mux(inside, recode(self.i.payload[lane], p.input_type, p.output_type), pad)
                for lane in range(p.lanes)
            )),
            self.i.ready.eq(inside & queue.i.ready),
            step.eq(queue.i.valid & queue.i.ready),
        ]
        return m
