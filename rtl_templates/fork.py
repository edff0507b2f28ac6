"""Fork: one stream to several consumers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring

from .block import BlockParams, StreamShape, Timing, serve, stream_ports
from .queue import Queue
from .validation import check_positive

__all__ = ["Fork", "ForkParams"]


@dataclass(frozen=True, kw_only=True)
class ForkParams(BlockParams):
    """Every beat to each of several outputs.

    Parameters
    ----------
    stream : StreamShape
    copies : int
        Outputs, at least 1.
    """

    stream: StreamShape
    copies: int = 2

    kind = "fork"

    def __post_init__(self) -> None:
        check_positive(copies=self.copies)

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        return (self.stream,)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        return (self.stream,) * self.copies

    @property
    def cycles(self) -> int:
        return self.stream.beats

    @property
    def latency(self) -> int:  # type: ignore[override]
        """The queue."""
        return 1

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        return (np.asarray(beats[0], dtype=np.int64),) * self.copies

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        start = serve(arrivals[0])
        return Timing((start,), (start + self.latency,) * self.copies)

    def create(self) -> Fork:
        return Fork(self)


class Fork(wiring.Component):
    """Fork; one beat a cycle, latency 1 cycle.

    A beat is taken when every output has room for it: one of the two places behind each output.

    Parameters
    ----------
    params : ForkParams

    Members
    -------
    i : In(stream)
    o, o_1, ... : Out(stream)
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, params: ForkParams):
        self.params = params
        super().__init__(stream_ports(params))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        room = Signal()
        queues = []
        for k in range(self.params.copies):
            m.submodules[f"queue_{k}"] = queue = Queue(self.params.stream.layout, 2)
            wiring.connect(m, queue.o, wiring.flipped(getattr(self, f"o_{k}" if k else "o")))
            m.d.comb += [
                queue.i.payload.eq(self.i.payload),
                queue.i.valid.eq(self.i.valid & room),
            ]
            queues.append(queue)
        m.d.comb += [
            room.eq(Cat(queue.i.ready for queue in queues).all()),
            self.i.ready.eq(room),
        ]
        return m
