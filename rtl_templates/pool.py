"""Pooling: largest element or sum of a window, channel by channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value

from .adder_tree import adder_tree, tree_latency
from .block import BlockComponent, StreamShape
from .path import Path
from .pipeline import PipelineParams, decode, delay, issue, recode
from .queue import credit_paths, credit_resources
from .resources import Resources
from .types import IntType
from .validation import check_divisor, check_positive, check_recoding

__all__ = ["Pool", "PoolParams", "check_pooling", "running_result"]


def check_pooling(operation: str, input_type: IntType, output_type: IntType) -> None:
    """Raise ValueError if the operation is unknown or the types do not go with it."""
    if operation not in ("max", "sum"):
        raise ValueError(f"operation must be 'max' or 'sum', not {operation!r}")
    if operation == "max":
        check_recoding(input_type, output_type)
    elif output_type.bipolar:
        raise ValueError("output_type must be an integer type for a sum, not bipolar")


def running_result(operation: str, types: tuple[IntType, IntType], code: Value, stored: Value,
                   first: Value) -> Value:
    """Code of the result of one channel so far.

    Parameters
    ----------
    operation : str
        ``max`` or ``sum``.
    types : tuple of IntType
        Of the element and of the result; sums are kept modulo the range of the latter.
    code : Value
        The element.
    stored : Value
        The result before it.
    first : Value
        Whether there is none.
    """
    source, partial = types
    if operation == "max":
        return Mux(first | (code > stored), code, stored)[: partial.bits]
    # The first operand is added to zero.
    gated = stored.as_unsigned() & (~first).replicate(len(stored))
    return (gated + decode(code, source))[: partial.bits]


@dataclass(frozen=True, kw_only=True)
class PoolParams(PipelineParams):
    """Largest element, or sum, of each window and channel.

    Parameters
    ----------
    input_type, output_type : IntType
        The output type must hold every result.
    operation : str
        ``max`` or ``sum``.
    window : int
        Elements of a window. An input beat brings windows of ``lanes`` channels: element ``k``
        of channel lane ``c`` is lane ``k * lanes + c``.
    channels : int
    lanes : int
        Channels a beat; divides ``channels``.
    positions : int
        Windows a beat, one behind the other; divides ``positions_per_frame``. More than one
        needs all channels in a beat.
    positions_per_frame : int
    depth : int or None
        Places of the output queue; None: enough for one beat a cycle.

    Raises
    ------
    ValueError
        If the parameters do not fit together; the text lists the legal lanes.
    """

    input_type: IntType
    output_type: IntType
    operation: str
    window: int
    channels: int = 1
    lanes: int = 1
    positions: int = 1
    positions_per_frame: int = 1

    kind = "pool"

    def __post_init__(self) -> None:
        check_pooling(self.operation, self.input_type, self.output_type)
        check_positive(window=self.window, channels=self.channels,
                       positions_per_frame=self.positions_per_frame)
        check_divisor("lanes", self.lanes, self.channels)
        check_divisor("positions", self.positions,
                      self.positions_per_frame if self.lanes == self.channels else 1)

    @property
    def _beats(self) -> int:
        return self.positions_per_frame // self.positions * self.channels // self.lanes

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        return (StreamShape(self.input_type, self.positions * self.window * self.lanes,
                            self._beats),)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        return (StreamShape(self.output_type, self.positions * self.lanes, self._beats),)

    @property
    def leads(self) -> bool:
        return True

    @property
    def follows(self) -> bool:
        return True

    @property
    def pipeline(self) -> int:
        """Operand, tree; sums of bipolar elements take one cycle more."""
        if self.operation == "max":
            levels = 1 if self.maximum_is_or else (self.window - 1).bit_length()
            return 1 + levels
        tree = tree_latency(self.window, single_bit=self.input_type.bits == 1)
        return 1 + tree + self.input_type.bipolar

    @property
    def resources(self) -> Resources:
        bits, pairs, units = self.input_type.bits, self.window - 1, self.positions * self.lanes
        if self.operation == "max":
            lut = self.window / 5 if self.maximum_is_or else 1.4 * bits * pairs
            ff = bits * (self.window + pairs)
        else:
            lut = (bits + 1.0) * pairs
            ff = bits * self.window + (bits + 1) * pairs
        return Resources(lut=lut * units + 1, ff=ff * units + self.pipeline) + credit_resources(
            self.outputs[0].width, self.pipeline, self.depth)

    @property
    def maximum_is_or(self) -> bool:
        """Whether the largest code is the OR of the codes."""
        return self.input_type.bits == 1 and not self.input_type.signed

    @property
    def paths(self) -> tuple[Path, ...]:
        bits, units = self.input_type.bits, self.positions * self.lanes
        if self.operation == "max":
            # A comparison of three bits a LUT, or by a carry chain, and the choice.
            work = Path(what="comparison", luts=1 if bits > 4 else 2,
                        carry=bits if bits > 4 else 0, fanout=bits + 1)
        else:
            work = Path(what="sum", luts=2, carry=bits + 2)
        return (Path(what="issue", luts=2, fanout=units + 2), work,
                *credit_paths(self.outputs[0].width, self.pipeline, self.depth))

    @property
    def entry(self) -> Path:
        return Path(what="input")

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        x = np.asarray(beats[0], dtype=np.int64).reshape(-1, self.window, self.lanes)
        y = x.max(axis=1) if self.operation == "max" else x.sum(axis=1)
        return (y.reshape(self._beats, -1),)

    def create(self) -> Pool:
        return Pool(self)


class Pool(BlockComponent[PoolParams]):
    """Pooling of windows; see :class:`PoolParams` for what it computes.

    One beat a cycle, latency ``params.latency`` cycles.

    Members
    -------
    i : In(stream of positions x window x lanes elements)
    o : Out(stream of positions x lanes elements)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        go = Signal()
        queue = issue(m, go, [self.i], self.o, p.pipeline, depth=p.depth)
        results = []
        for lane in range(p.positions * p.lanes):
            unit = Module()
            m.submodules[f"lane_{lane}"] = unit
            position, channel = divmod(lane, p.lanes)
            values = [delay(unit, f"operand_{k}", self.i.payload[
                          (position * p.window + k) * p.lanes + channel])
                      for k in range(p.window)]
            results.append(self._max(unit, values) if p.operation == "max"
                           else self._sum(unit, values))
        m.d.comb += queue.payload.eq(Cat(results))
        return m

    def _max(self, m: Module, values: Sequence[Value]) -> Value:
        p = self.params
        if p.maximum_is_or:
            values = [delay(m, "any", Cat(values).any())]
        level = 0
        while len(values) > 1:
            larger = [Mux(b > a, b, a)
                      for a, b in zip(values[::2], values[1::2], strict=False)]
            if len(values) % 2:
                larger.append(values[-1])
            shape = p.input_type.shape
            registers = [Signal(shape, name=f"max_{level}_{k}", reset_less=True)
                         for k in range(len(larger))]
            m.d.sync += [r.eq(value) for r, value in zip(registers, larger, strict=True)]
            values, level = registers, level + 1
        return recode(values[0], p.input_type, p.output_type)

    def _sum(self, m: Module, values: Sequence[Value]) -> Value:
        p = self.params
        total = adder_tree(m, "sum", values)
        if p.input_type.bipolar:  # ones are counted: ones - zeros
            total = delay(m, "balance", (total << 1) - p.window)
        result = Signal(p.output_type.shape, name="result")
        m.d.comb += result.eq(total)
        return result
