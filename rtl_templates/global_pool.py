"""Global pooling: largest element or sum of a whole frame, channel by channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value, unsigned
from amaranth.lib import memory, stream, wiring

from .block import BlockParams, StreamShape, Timing, serve, stream_ports
from .pipeline import counter, delay, element, issue, recode
from .pool import check_pooling, running_result
from .queue import credit_resources
from .resources import Resources, counter_sites, lutram_sites
from .types import IntType
from .validation import check_divisor, check_positive

__all__ = ["GlobalPool", "GlobalPoolParams"]


@dataclass(frozen=True, kw_only=True)
class GlobalPoolParams(BlockParams):
    """Largest element, or sum, of each channel of a frame.

    Parameters
    ----------
    input_type, output_type : IntType
        The output type must hold every result.
    operation : str
        ``max`` or ``sum``.
    positions : int
        Positions (pixels) of a frame.
    channels : int
    lanes : int
        Channels a beat, of input and output; divides ``channels``.

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
    positions: int
    channels: int = 1
    lanes: int = 1
    depth: int | None = None

    kind = "global_pool"

    def __post_init__(self) -> None:
        check_pooling(self.operation, self.input_type, self.output_type)
        check_positive(positions=self.positions, channels=self.channels)
        check_divisor("lanes", self.lanes, self.channels)

    @property
    def folds(self) -> int:
        """Beats that bring the channels of one position."""
        return self.channels // self.lanes

    @property
    def partial_type(self) -> IntType:
        """Type of the running results; sums are kept modulo the output type's range."""
        return self.input_type if self.operation == "max" else self.output_type

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        return (StreamShape(self.input_type, self.lanes, self.positions * self.folds),)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        return (StreamShape(self.output_type, self.lanes, self.folds),)

    @property
    def cycles(self) -> int:
        return self.inputs[0].beats

    @property
    def latency(self) -> int:  # type: ignore[override]
        """Operand, result, queue."""
        return self.pipeline + 1

    @property
    def pipeline(self) -> int:
        """Cycles from issue to the output queue's input."""
        return 2

    @property
    def resources(self) -> Resources:
        bits, width = self.partial_type.bits, self.partial_type.bits * self.lanes
        each = bits * 1.5 + 1 if self.operation == "max" else bits
        # What chooses between banks of 64 words merges with what follows.
        banks = -(-self.folds // 64)
        store = (Resources(ff=width) if self.folds == 1
                 else Resources(lut=banks * lutram_sites(width, min(self.folds, 64))))
        fold_bits = (self.folds - 1).bit_length()
        return (Resources(lut=each * self.lanes) + store
                + credit_resources(self.outputs[0].width, self.pipeline, self.depth)
                + Resources(lut=2 + counter_sites(self.folds) + counter_sites(self.positions),
                            ff=2 * fold_bits + (self.positions - 1).bit_length() + 2 + 2
                            + self.inputs[0].width + width))

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        x = np.asarray(beats[0], dtype=np.int64).reshape(self.positions, self.folds, self.lanes)
        return (x.max(axis=0) if self.operation == "max" else x.sum(axis=0),)

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        emits = np.tile(np.arange(self.positions).repeat(self.folds) == self.positions - 1, frames)
        start = serve(arrivals[0], depth=self.depth, hold=self.latency + 1, emits=emits)
        return Timing((start,), (start[emits] + self.latency,))

    def create(self) -> GlobalPool:
        return GlobalPool(self)


class GlobalPool(wiring.Component):
    """Pooling of whole frames; see :class:`GlobalPoolParams` for what it computes.

    One input beat a cycle, also from frame to frame; latency 3 cycles.

    Parameters
    ----------
    params : GlobalPoolParams

    Members
    -------
    i : In(stream of lanes elements)
    o : Out(stream of lanes elements)
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, params: GlobalPoolParams):
        self.params = params
        super().__init__(stream_ports(params))

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        go = Signal()
        fold, fold_last = counter(m, "fold", p.folds, go)
        position, position_last = counter(m, "position", p.positions, go & fold_last)
        queue = issue(m, go, [self.i], self.o, p.pipeline, position_last, p.depth)

        # One cycle later: the operand meets what its channels have so far.
        running = delay(m, "running", go, reset=True)
        first = delay(m, "first", position == 0)
        operand = delay(m, "operand", self.i.payload.as_value())
        partials = Signal(p.partial_type.bits * p.lanes)
        stored = self._stored(m, partials, running, delay(m, "fold", fold))
        m.d.comb += partials.eq(Cat(
            running_result(p.operation, (p.input_type, p.partial_type),
                           element(operand, k, p.input_type), element(stored, k, p.partial_type),
                           first)
            for k in range(p.lanes)
        ))
        result = delay(m, "result", partials)
        m.d.comb += queue.payload.eq(Cat(
            recode(element(result, k, p.partial_type), p.partial_type, p.output_type)
            for k in range(p.lanes)
        ))
        return m

    def _stored(self, m: Module, partials: Value, running: Value, fold: Value) -> Value:
        """Running results of the fold: a register, or LUTRAM read asynchronously."""
        if self.params.folds == 1:
            held = Signal(len(partials), name="held", reset_less=True)
            with m.If(running):
                m.d.sync += held.eq(partials)
            return held
        m.submodules.partial_results = store = memory.Memory(
            shape=unsigned(len(partials)), depth=self.params.folds, init=[])
        write, read = store.write_port(), store.read_port(domain="comb")
        m.d.comb += [
            write.addr.eq(fold), write.data.eq(partials), write.en.eq(running),
            read.addr.eq(fold),
        ]
        return read.data
