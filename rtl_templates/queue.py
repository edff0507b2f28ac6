"""FIFO between blocks, and the credit-controlled output queue of a free-running pipeline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Shape, ShapeLike, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from .block import BlockComponent, BlockParams, StreamShape, Timing, serve
from .path import Path, ring_levels
from .resources import Resources, bram18_of, lutram_sites
from .ring import Turns
from .validation import check_positive

__all__ = [
    "CreditQueue", "Fifo", "FifoParams", "Queue", "credit_paths", "credit_resources", "in_lutram",
    "queue_paths", "queue_resources", "queue_source",
]  # fmt: skip

SITES_PER_BRAM18 = 100
"""LUT sites that are dearer than half a block RAM. A small Zynq has 147 of them for each, but they
run out first."""


def in_lutram(width: int, depth: int) -> bool:
    """Whether a queue is kept in LUTs rather than in block RAM.

    Up to 64 places it is, and as long as the LUTs it takes are worth less than the block RAM.
    """
    places = 1 << (depth - 1).bit_length()
    dear = bram18_of(width, places) * SITES_PER_BRAM18
    return depth <= 64 or lutram_sites(width, places) <= dear


def queue_resources(width: int, depth: int) -> Resources:
    """What a :class:`Queue` occupies."""
    if depth == 1:
        return Resources(lut=1, ff=width + 1)
    registered = depth > 64
    bits = (depth - registered - 1).bit_length()
    lut, ff = 2.3 + 1.9 * bits, 2 * bits + 2
    if not registered:
        return Resources(lut + lutram_sites(width, 1 << bits), ff)
    if in_lutram(width, depth):
        return Resources(lut + 2 + lutram_sites(width, 1 << bits), ff + 1 + width)
    return Resources(lut + 2, ff + 1, bram18_of(width, 1 << bits))


def credit_resources(width: int, latency: int, depth: int | None) -> Resources:
    """What a :class:`CreditQueue` occupies."""
    depth = latency + 3 if depth is None else depth
    if depth == 0:
        return Resources()
    if depth == 1:
        return Resources(lut=2, ff=width + 2)
    bits = (depth - 1).bit_length()
    return queue_resources(width, depth) + Resources(lut=2 + bits, ff=2 * bits + 2)


def queue_source(width: int, depth: int) -> str:
    """What the payload of a :class:`Queue` comes from, one of :data:`.path.SOURCES`."""
    if depth == 1:
        return "register"
    if depth <= 64:
        return "lutram"
    return "register" if in_lutram(width, depth) else "bram"


def queue_paths(width: int, depth: int) -> tuple[Path, ...]:
    """The longest paths of a :class:`Queue`, from flags outside."""
    if depth == 1:
        return (Path(what="queue's register", luts=1, fanout=width + 1, tail=True),)
    # The other side's flag, whether a beat moves, and the flags that follow.
    flags = Path(what="queue's flags", luts=1 + ring_levels(depth), fanout=max(4, width // 2))
    if depth <= 64:
        return (flags,)
    return (flags, Path(what="queue's memory", luts=1, fanout=width, words=depth,
                        source="lutram" if in_lutram(width, depth) else "register"))


def credit_paths(width: int, latency: int, depth: int | None) -> tuple[Path, ...]:
    """The longest paths of a :class:`CreditQueue`."""
    depth = latency + 3 if depth is None else depth
    return queue_paths(width, depth) if depth else ()


class Queue(wiring.Component):
    """First-in first-out queue with registered flags.

    A beat can leave in the cycle after it entered, or two cycles after (more than 64 places: the
    memory is read synchronously into an output register). One beat a cycle at any depth of at
    least 2; a queue of depth 1 is a register, and takes a beat every other cycle. Neither flag
    depends on the other side's in the same cycle.

    Parameters
    ----------
    shape : ShapeLike
        Payload.
    depth : int
        Beats that fit, at least 1.
    guarded : bool
        Whether ``i.ready`` may be low when a beat is offered. If not, what is offered is taken.

    Members
    -------
    i : In(stream)
    o : Out(stream)
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, shape: ShapeLike, depth: int, *, guarded: bool = True):
        check_positive(depth=depth)
        self.shape, self.depth, self.guarded = shape, depth, guarded
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self.depth == 1:
            self._register(m)
        else:
            self._memory(m)
        return m

    def _register(self, m: Module) -> None:
        # The flag drives the payload's clock enable: no logic but the flag's own.
        empty = Signal(init=1)
        payload = Signal(self.shape, reset_less=True)
        m.d.comb += [
            self.i.ready.eq(empty),
            self.o.valid.eq(~empty),
            self.o.payload.eq(payload),
        ]
        with m.If(empty):
            m.d.sync += [payload.eq(self.i.payload), empty.eq(~self.i.valid)]
        with m.Else():
            m.d.sync += empty.eq(self.o.ready)

    def _memory(self, m: Module) -> None:
        registered = self.depth > 64
        writing = Signal()
        reading = Signal()
        # With an output register that holds one beat.
        turns = Turns(m, "", self.depth - registered, writing, reading)
        lutram = in_lutram(Shape.cast(self.shape).width, self.depth)
        m.submodules.storage = storage = memory.Memory(
            shape=self.shape, depth=turns.codes, init=[],
            attrs={"ram_style": "distributed" if lutram else "block"} if registered else {})
        w_port = storage.write_port()
        r_port = storage.read_port(domain="sync" if registered else "comb")
        m.d.comb += [
            self.i.ready.eq(~turns.full),
            writing.eq(self.i.valid & ~turns.full if self.guarded else self.i.valid),
            w_port.addr.eq(turns.head),
            w_port.data.eq(self.i.payload),
            w_port.en.eq(writing),
            r_port.addr.eq(turns.tail),
            self.o.payload.eq(r_port.data),
        ]
        if registered:
            # The read port's register is the output register: it moves on when it is empty or
            # its beat is taken.
            filled = Signal()
            m.d.comb += [
                r_port.en.eq(~filled | self.o.ready),
                reading.eq(r_port.en & turns.some),
                self.o.valid.eq(filled),
            ]
            with m.If(r_port.en):
                m.d.sync += filled.eq(turns.some)
        else:
            m.d.comb += [
                self.o.valid.eq(turns.some),
                reading.eq(turns.some & self.o.ready),
            ]


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
        Cycles from ``take`` to ``valid``.
    depth : int or None
        Beats started and not yet taken, at most; 1 is a register. None: as many as make one
        beat a cycle, ``latency + 3``. 0: no queue; beats are started while ``o.ready`` is high
        and come out whether or not it still is.

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

    def __init__(self, shape: ShapeLike, latency: int, depth: int | None = None):
        if latency < 0:
            raise ValueError(f"Latency must not be negative, not {latency!r}")
        self.shape, self.latency = shape, latency
        self.depth = latency + 3 if depth is None else depth
        if self.depth < 0:
            raise ValueError(f"depth must not be negative, not {depth!r}")
        super().__init__({
            "credit": Out(1),
            "take": In(1),
            "valid": In(1),
            "payload": In(shape),
            "o": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self.depth == 0:
            m.d.comb += [
                self.credit.eq(self.o.ready),
                self.o.valid.eq(self.valid),
                self.o.payload.eq(self.payload),
            ]
            return m
        leaving = Signal()
        m.d.comb += leaving.eq(self.o.valid & self.o.ready)
        if self.depth == 1:
            self._register(m, leaving)
            return m
        m.submodules.queue = queue = Queue(self.shape, self.depth, guarded=False)
        m.d.comb += [
            queue.i.valid.eq(self.valid),
            queue.i.payload.eq(self.payload),
        ]
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        m.d.comb += self.credit.eq(~Turns(m, "credit_", self.depth, self.take, leaving).full)
        return m

    def _register(self, m: Module, leaving: Signal) -> None:
        free = Signal(init=1)  # no beat is under way or waits
        filled = Signal()
        payload = Signal(self.shape, reset_less=True)
        m.d.comb += [
            self.credit.eq(free),
            self.o.valid.eq(filled),
            self.o.payload.eq(payload),
        ]
        with m.If(self.valid):
            m.d.sync += [payload.eq(self.payload), filled.eq(1)]
        with m.Elif(self.o.ready):
            m.d.sync += filled.eq(0)
        with m.If(self.take):
            m.d.sync += free.eq(0)
        with m.Elif(leaving):
            m.d.sync += free.eq(1)


@dataclass(frozen=True)
class FifoParams(BlockParams):
    """FIFO of ``depth`` beats between two blocks."""

    stream: StreamShape
    depth: int  # type: ignore[assignment]

    kind = "fifo"

    def __post_init__(self) -> None:
        check_positive(depth=self.depth)

    @property
    def latency(self) -> int:  # type: ignore[override]
        return 2 if self.depth > 64 else 1

    @property
    def queue_latency(self) -> int:
        return 1

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        return (self.stream,)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        return (self.stream,)

    @property
    def cycles(self) -> int:
        return self.stream.beats

    @property
    def resources(self) -> Resources:
        return queue_resources(self.stream.width, self.depth)

    @property
    def paths(self) -> tuple[Path, ...]:
        return queue_paths(self.stream.width, self.depth)

    @property
    def entry(self) -> Path:
        return Path(what="input")

    @property
    def exit(self) -> str:
        return queue_source(self.stream.width, self.depth)

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        return (beats[0],)

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        start = serve(arrivals[0], depth=self.depth, hold=self.latency + 1)
        return Timing((start,), (start + self.latency,))

    def create(self) -> Fifo:
        return Fifo(self)


class Fifo(BlockComponent[FifoParams]):
    """FIFO between two blocks; latency 1 cycle (2 if deeper than 64), one beat a cycle.

    Members
    -------
    i : In(stream)
    o : Out(stream)
    """

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = Queue(self.params.stream.layout, self.params.depth)
        wiring.connect(m, wiring.flipped(self.i), queue.i)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        return m
