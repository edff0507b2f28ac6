"""Clip to constant bounds; ReLU is the clip to 0 and above."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import stream, wiring

from .block import BlockParams, StreamShape, Timing, serve, stream_ports
from .pipeline import decode, issue, recode
from .queue import credit_resources
from .resources import Resources
from .saturate import saturate, saturation_sites
from .types import IntType
from .validation import check_positive, check_recoding

__all__ = ["Clip", "ClipParams"]


@dataclass(frozen=True, kw_only=True)
class ClipParams(BlockParams):
    """``min(max(x, lo), hi)``.

    Parameters
    ----------
    input_type, output_type : IntType
        The output type must hold the input type's range, clipped.
    lo, hi : int
    lanes, beats : int
        Elements a beat, beats a frame.

    depth : int or None
        Places of the output queue; None: enough for one beat a cycle.

    Raises
    ------
    ValueError
        If the range is empty or does not fit the output type.
    """

    input_type: IntType
    output_type: IntType
    lo: int
    hi: int
    lanes: int = 1
    beats: int = 1
    depth: int | None = None

    kind = "clip"

    def __post_init__(self) -> None:
        check_positive(lanes=self.lanes, beats=self.beats)
        if self.lo > self.hi:
            raise ValueError(f"lo must be at most hi = {self.hi!r}, not {self.lo!r}")
        ends = [min(max(v, self.lo), self.hi) for v in (self.input_type.lo, self.input_type.hi)]
        if not self.output_type.contains(np.array(ends)):
            raise ValueError(
                f"output_type must hold {ends[0]} to {ends[1]}, not {self.output_type}"
            )
        check_recoding(self.input_type, self.output_type)

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        return (StreamShape(self.input_type, self.lanes, self.beats),)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        return (StreamShape(self.output_type, self.lanes, self.beats),)

    @property
    def cycles(self) -> int:
        return self.beats

    @property
    def leads(self) -> bool:
        return True

    @property
    def follows(self) -> bool:
        return True

    @property
    def latency(self) -> int:  # type: ignore[override]
        """Clip, queue."""
        return 2

    @property
    def resources(self) -> Resources:
        bits = self.output_type.bits
        lane = Resources(ff=bits, lut=saturation_sites(self.input_type.lo, self.input_type.hi,
                                                       self.lo, self.hi))
        return (lane * self.lanes + Resources(lut=1, ff=1)
                + credit_resources(bits * self.lanes, self.latency - 1, self.depth))

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        return (np.clip(np.asarray(beats[0], dtype=np.int64), self.lo, self.hi),)

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        start = serve(arrivals[0], depth=self.depth, hold=self.latency + 1)
        return Timing((start,), (start + self.latency,))

    def create(self) -> Clip:
        return Clip(self)


class Clip(wiring.Component):
    """Clip; one beat a cycle, latency 2 cycles.

    Parameters
    ----------
    params : ClipParams

    Members
    -------
    i : In(stream of lanes elements)
    o : Out(stream of lanes elements)
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, params: ClipParams):
        self.params = params
        super().__init__(stream_ports(params))

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        go = Signal()
        queue = issue(m, go, [self.i], self.o, p.latency - 1, depth=p.depth)
        results = []
        for lane in range(p.lanes):
            result = Signal(p.output_type.bits, name=f"result_{lane}", reset_less=True)
            m.d.sync += result.eq(self._clip(self.i.payload[lane]))
            results.append(result)
        m.d.comb += queue.payload.eq(Cat(results))
        return m

    def _clip(self, code: Value) -> Value:
        p = self.params
        if p.lo <= p.input_type.lo and p.input_type.hi <= p.hi:
            return recode(code, p.input_type, p.output_type)
        return saturate(decode(code, p.input_type), p.lo, p.hi)
