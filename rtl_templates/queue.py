"""FIFO between blocks, and the credit-controlled output queue of a free-running pipeline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Mux, ShapeLike, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from .block import BlockParams, StreamShape, Timing, serve, stream_ports

__all__ = ["CreditQueue", "Fifo", "FifoParams", "Queue"]

LUTRAM_DEPTH = 64
"""Up to this depth a queue is read asynchronously (LUTRAM); deeper ones suit block RAM."""


class Queue(wiring.Component):
    """First-in first-out queue with registered flags.

    A beat can leave in the cycle after it entered (depth up to 64), or two cycles after (deeper:
    the memory is read synchronously into an output register). One beat a cycle at any depth of
    at least 2. Neither flag depends on the other side's in the same cycle.

    Parameters
    ----------
    shape : ShapeLike
        Payload.
    depth : int
        Beats that fit, at least 2.

    Members
    -------
    i : In(stream)
    o : Out(stream)
    level : Out(range(depth + 1))
        Beats inside.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, shape: ShapeLike, depth: int):
        if depth < 2:
            raise ValueError(f"Depth must be at least 2, not {depth!r}")
        self.shape, self.depth = shape, depth
        super().__init__({
            "i": In(stream.Signature(shape)),
            "o": Out(stream.Signature(shape)),
            "level": Out(range(depth + 1)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        registered = self.depth > LUTRAM_DEPTH
        slots = self.depth - registered  # the output register holds one beat
        m.submodules.storage = storage = memory.Memory(shape=self.shape, depth=slots, init=[])
        w_port = storage.write_port()
        r_port = storage.read_port(domain="sync" if registered else "comb")
        put, get = Signal(range(slots)), Signal(range(slots))
        stored = Signal(range(slots + 1))
        writing, reading = Signal(), Signal()

        m.d.comb += [
            self.i.ready.eq(stored != slots),
            writing.eq(self.i.valid & self.i.ready),
            w_port.addr.eq(put),
            w_port.data.eq(self.i.payload),
            w_port.en.eq(writing),
            r_port.addr.eq(get),
            self.o.payload.eq(r_port.data),
        ]
        if registered:
            # The read port's register is the output register: it moves on when it is empty or
            # its beat is taken.
            filled = Signal()
            m.d.comb += [
                r_port.en.eq(~filled | self.o.ready),
                reading.eq(r_port.en & (stored != 0)),
                self.o.valid.eq(filled),
                self.level.eq(stored + filled),
            ]
            with m.If(r_port.en):
                m.d.sync += filled.eq(stored != 0)
        else:
            m.d.comb += [
                self.o.valid.eq(stored != 0),
                reading.eq(self.o.valid & self.o.ready),
                self.level.eq(stored),
            ]
        with m.If(writing):
            m.d.sync += put.eq(Mux(put == slots - 1, 0, put + 1))
        with m.If(reading):
            m.d.sync += get.eq(Mux(get == slots - 1, 0, get + 1))
        m.d.sync += stored.eq(stored + writing - reading)
        return m


class CreditQueue(wiring.Component):
    """Output queue of a pipeline that cannot be stopped.

    The pipeline takes a credit (``take``) for every beat it will deliver, only while ``credit``
    is high, and delivers it any fixed number of cycles later (``valid``, ``payload``). A credit
    is a free place in the queue, so what is delivered always fits, and no stall reaches into
    the pipeline.

    Parameters
    ----------
    shape : ShapeLike
        Payload.
    latency : int
        Cycles from ``take`` to ``valid``. The queue is deep enough for one beat a cycle.

    Members
    -------
    credit : Out(1)
        A beat may be started.
    take : In(1)
        A beat is started; only while ``credit`` is high.
    valid, payload : In
        The beat arrives.
    o : Out(stream)
    """

    o: stream.Interface

    def __init__(self, shape: ShapeLike, latency: int):
        if latency < 0:
            raise ValueError(f"Latency must not be negative, not {latency!r}")
        self.shape, self.latency = shape, latency
        self.depth = latency + 3
        super().__init__({
            "credit": Out(1),
            "take": In(1),
            "valid": In(1),
            "payload": In(shape),
            "o": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = Queue(self.shape, self.depth)
        free = Signal(range(self.depth + 1), init=self.depth)
        leaving = Signal()
        m.d.comb += [
            queue.i.valid.eq(self.valid),
            queue.i.payload.eq(self.payload),
            self.o.payload.eq(queue.o.payload),
            self.o.valid.eq(queue.o.valid),
            queue.o.ready.eq(self.o.ready),
            leaving.eq(self.o.valid & self.o.ready),
            self.credit.eq(free != 0),
        ]
        m.d.sync += free.eq(free + leaving - self.take)
        return m


@dataclass(frozen=True)
class FifoParams(BlockParams):
    """FIFO of ``depth`` beats between two blocks."""

    stream: StreamShape
    depth: int

    kind = "fifo"

    def __post_init__(self) -> None:
        if self.depth < 2:
            raise ValueError(f"Depth must be at least 2, not {self.depth!r}")

    @property
    def latency(self) -> int:  # type: ignore[override]
        return 2 if self.depth > LUTRAM_DEPTH else 1

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        return (self.stream,)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        return (self.stream,)

    @property
    def cycles(self) -> int:
        return self.stream.beats

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        return (beats[0],)

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        start = serve(arrivals[0])
        return Timing((start,), (start + self.latency,))

    def create(self) -> Fifo:
        return Fifo(self)


class Fifo(wiring.Component):
    """FIFO between two blocks; latency 1 cycle (2 if deeper than 64), one beat a cycle.

    Parameters
    ----------
    params : FifoParams

    Members
    -------
    i : In(stream)
    o : Out(stream)
    level : Out
        Beats inside.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, params: FifoParams):
        self.params = params
        super().__init__({**stream_ports(params), "level": Out(range(params.depth + 1))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = Queue(self.params.stream.layout, self.params.depth)
        wiring.connect(m, wiring.flipped(self.i), queue.i)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        m.d.comb += self.level.eq(queue.level)
        return m
