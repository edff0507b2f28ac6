"""What the shell counts at the accelerator's ports and in its FIFOs."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .params import FifoTap

__all__ = ["FrameCounters", "HighWater"]


class FrameCounters(wiring.Component):
    """Frames in and out, cycles, latency and interval.

    Members
    -------
    i_moves, i_last, o_moves, o_last : In(1)
        A beat moves at the accelerator's input or output, and is the frame's last.
    sample : In(1)
        Keep the upper half of the cycles.
    frames_in, frames_out : Out(32)
        Frames whose last beat has moved.
    cycles : Out(32); cycles_high : Out(32)
        The lower half now, the upper half of when ``sample`` was high.
    latency : Out(32)
        Cycles from a frame's first input beat to its last output beat, both included; one frame
        is measured at a time.
    interval : Out(32)
        Cycles between the last two ends of output frames.
    """

    def __init__(self) -> None:
        super().__init__({
            "i_moves": In(1), "i_last": In(1), "o_moves": In(1), "o_last": In(1),
            "sample": In(1),
            "frames_in": Out(32), "frames_out": Out(32),
            "cycles": Out(32), "cycles_high": Out(32),
            "latency": Out(32), "interval": Out(32),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cycles = Signal(64)
        m.d.comb += self.cycles.eq(cycles[:32])
        m.d.sync += cycles.eq(cycles + 1)
        with m.If(self.sample):
            m.d.sync += self.cycles_high.eq(cycles[32:])

        i_end, o_end = self.i_moves & self.i_last, self.o_moves & self.o_last
        between = Signal(init=1)  # the next input beat is a frame's first
        with m.If(self.i_moves):
            m.d.sync += between.eq(self.i_last)
        m.d.sync += [self.frames_in.eq(self.frames_in + i_end),
                     self.frames_out.eq(self.frames_out + o_end)]

        since = Signal(32)
        m.d.sync += since.eq(Mux(o_end, 1, since + 1))
        with m.If(o_end):
            m.d.sync += self.interval.eq(since)

        measuring = Signal()
        frame = Signal(32)
        age = Signal(32)
        begins = self.i_moves & between
        ends = o_end & (frame == self.frames_out)
        m.d.sync += age.eq(age + 1)
        with m.If(measuring & ends):
            m.d.sync += [self.latency.eq(age), measuring.eq(0)]
        with m.Elif(~measuring & begins):
            m.d.sync += [measuring.eq(1), frame.eq(self.frames_in), age.eq(2)]
        return m


class HighWater(wiring.Component):
    """Most beats that each FIFO held.

    Parameters
    ----------
    fifos : sequence of FifoTap

    Members
    -------
    level_<k> : In
        Level of FIFO ``k``.
    index : In(8)
    mark : Out(32)
        That of the FIFO ``index``, a cycle later; 0 where there is none.
    """

    def __init__(self, fifos: Sequence[FifoTap]):
        self.fifos = tuple(fifos)
        super().__init__({
            **{f"level_{k}": In(range(fifo.depth + 1)) for k, fifo in enumerate(self.fifos)},
            "index": In(8), "mark": Out(32),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        chosen = Signal(32)
        m.d.sync += self.mark.eq(chosen)
        for k, fifo in enumerate(self.fifos):
            level = getattr(self, f"level_{k}")
            most = Signal.like(level, name=f"{fifo.name}_mark")
            with m.If(level > most):
                m.d.sync += most.eq(level)
            with m.If(self.index == k):
                m.d.comb += chosen.eq(most)
        return m
