"""Product of two streams, element by element, as where one branch gates another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Signal

from .block import BlockComponent
from .elementwise import JoinParams
from .path import Path
from .pipeline import decode, issue
from .queue import credit_paths, credit_resources
from .resources import DSP_PRODUCT_BITS, Resources, dsp_slices
from .types import IntType

__all__ = ["Multiply", "MultiplyParams"]


@dataclass(frozen=True, kw_only=True)
class MultiplyParams(JoinParams):
    """``(a + offsets[0]) * (b + offsets[1])``, element by element.

    Parameters
    ----------
    offsets : (int, int)
        Zero points, negated.
    input_types, output_type, lanes, beats, depth
        See :class:`.JoinParams`; two inputs.

    Raises
    ------
    ValueError
        If there are not two inputs and offsets, or the output is bipolar.
    """

    offsets: tuple[int, int] = (0, 0)

    kind = "multiply"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.input_types) != 2 or len(self.offsets) != 2:
            raise ValueError("there must be two inputs with an offset each, not "
                             f"{len(self.input_types)} with {self.offsets!r}")

    @property
    def factor_types(self) -> tuple[IntType, IntType]:
        """Types of the factors, offsets included."""
        a, b = (IntType.for_range(t.lo + o, t.hi + o)
                for t, o in zip(self.input_types, self.offsets, strict=True))
        return a, b

    @property
    def pipeline(self) -> int:
        """Factors, product."""
        return 2

    @property
    def resources(self) -> Resources:
        a, b = (t.bits for t in self.factor_types)
        # Half the range of a type only turns its sign bit round.
        adders = sum(t.bits for t, o in zip(self.factor_types, self.offsets, strict=True)
                     if o % (1 << t.bits - 1))
        lane = Resources(lut=adders)
        if min(a, b) > 1 and a + b >= DSP_PRODUCT_BITS:
            lane += Resources(dsp=dsp_slices(min(a, b), max(a, b)))
        else:
            lane += Resources(lut=1.2 * a * b, ff=a + b + self.output_type.bits)
        return (lane * self.lanes + Resources(lut=2, ff=4)
                + credit_resources(self.outputs[0].width, self.pipeline, self.depth))

    @property
    def paths(self) -> tuple[Path, ...]:
        a, b = (t.bits for t in self.factor_types)
        return (Path(what="factors", luts=1, carry=max(a, b)),
                Path(what="product", luts=1 + (min(a, b) - 1).bit_length(), carry=a + b,
                     fanout=max(a, b), factors=(a, b) if min(a, b) > 1 else ()),
                *credit_paths(self.outputs[0].width, self.pipeline, self.depth))

    @property
    def entry(self) -> Path:
        return Path(what="input", luts=1, carry=max(t.bits for t in self.factor_types))

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        a, b = (np.asarray(x, dtype=np.int64) + o for x, o in zip(beats, self.offsets, strict=True))
        return (a * b,)

    def create(self) -> Multiply:
        return Multiply(self)


class Multiply(BlockComponent[MultiplyParams]):
    """Product of two streams; see :class:`MultiplyParams` for what it computes.

    A beat of both inputs is taken at once. One beat a cycle, latency ``params.latency`` cycles.

    Members
    -------
    i, i_1 : In(stream of lanes elements)
    o : Out(stream of lanes elements)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        go = Signal()
        ports = [self.i, self.i_1]
        queue = issue(m, go, ports, self.o, p.pipeline, depth=p.depth)
        results = []
        for lane in range(p.lanes):
            unit = Module()
            m.submodules[f"lane_{lane}"] = unit
            factors = []
            for k, (port, source, type_) in enumerate(
                    zip(ports, p.input_types, p.factor_types, strict=True)):
                factor = Signal(type_.shape, name=f"factor_{k}", reset_less=True)
                unit.d.sync += factor.eq(decode(port.payload[lane], source) + p.offsets[k])
                factors.append(factor)
            result = Signal(p.output_type.shape, name="result", reset_less=True)
            unit.d.sync += result.eq(factors[0] * factors[1])
            results.append(result)
        m.d.comb += queue.payload.eq(Cat(results))
        return m
