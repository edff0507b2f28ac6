"""Clip to constant bounds; ReLU is the clip to 0 and above."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value

from .block import BlockComponent
from .elementwise import ElementwiseParams
from .path import Path
from .pipeline import decode, issue, recode
from .queue import credit_paths, credit_resources
from .resources import Resources
from .saturate import saturate, saturation_path, saturation_sites
from .validation import check_recoding

__all__ = ["Clip", "ClipParams"]


@dataclass(frozen=True, kw_only=True)
class ClipParams(ElementwiseParams):
    """``min(max(x, lo), hi)``.

    Parameters
    ----------
    input_type, output_type : IntType
        The output type must hold the input type's range, clipped.
    lo, hi : int
    lanes, channels, positions_per_frame, depth
        See :class:`.ElementwiseParams`.

    Raises
    ------
    ValueError
        If the range is empty or does not fit the output type, or the lanes are not legal.
    """

    lo: int
    hi: int

    kind = "clip"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lo > self.hi:
            raise ValueError(f"lo must be at most hi = {self.hi!r}, not {self.lo!r}")
        ends = [min(max(v, self.lo), self.hi) for v in (self.input_type.lo, self.input_type.hi)]
        if not self.output_type.contains(np.array(ends)):
            raise ValueError(
                f"output_type must hold {ends[0]} to {ends[1]}, not {self.output_type}"
            )
        check_recoding(self.input_type, self.output_type)

    @property
    def pipeline(self) -> int:
        """Clip."""
        return 1

    @property
    def resources(self) -> Resources:
        bits = self.output_type.bits
        lane = Resources(ff=bits, lut=saturation_sites(self.input_type.lo, self.input_type.hi,
                                                       self.lo, self.hi))
        return (lane * self.lanes + Resources(lut=1, ff=1)
                + credit_resources(bits * self.lanes, self.pipeline, self.depth))

    @property
    def paths(self) -> tuple[Path, ...]:
        return (saturation_path(self.input_type.lo, self.input_type.hi, self.lo, self.hi),
                *credit_paths(self.outputs[0].width, self.pipeline, self.depth))

    @property
    def entry(self) -> Path:
        return Path(what="input", luts=1)

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        return (np.clip(np.asarray(beats[0], dtype=np.int64), self.lo, self.hi),)

    def create(self) -> Clip:
        return Clip(self)


class Clip(BlockComponent[ClipParams]):
    """Clip; one beat a cycle, latency 2 cycles.

    Members
    -------
    i : In(stream of lanes elements)
    o : Out(stream of lanes elements)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        go = Signal()
        queue = issue(m, go, [self.i], self.o, p.pipeline, depth=p.depth)
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
