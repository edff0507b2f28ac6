"""Frames from memory to a stream (MM2S)."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..queue import Queue
from ..validation import check_positive
from .axi import BURST_BEATS
from .bursts import JOB, BurstPlanner
from .params import BUS_BYTES
from .words import words

__all__ = ["Reader"]


class Reader(wiring.Component):
    """Reads frames in bursts of up to 16 words, several under way.

    A burst is asked for only if there is room for all of it, so ``rready`` is always high and
    the bus is never held up by the accelerator.

    Parameters
    ----------
    outstanding : int
        Bursts under way, at most; as many fit the buffer.

    Members
    -------
    run, continuous : In(1); job : In(stream of JOB)
        As the planner's.
    halt : In(1)
        No further bursts are begun.
    quiet : Out(1)
        No burst is under way; stays so with ``halt``.
    busy : Out(1)
        A job or a burst is under way.
    o : Out(stream of words(8))
    frame_done, job_done : Out(1)
        High for a cycle with the last word of a frame, of a job.
    error : Out(1)
        High for a cycle for each word that the bus answered with an error.
    ar..., r... : the read channels of AXI, seen from the master
    """

    job: stream.Interface
    o: stream.Interface

    def __init__(self, outstanding: int = 4):
        check_positive(outstanding=outstanding)
        self.outstanding = outstanding
        self.depth = outstanding * BURST_BEATS
        super().__init__({
            "run": In(1), "continuous": In(1), "halt": In(1),
            "job": In(stream.Signature(JOB)),
            "o": Out(stream.Signature(words(BUS_BYTES))),
            "quiet": Out(1), "busy": Out(1),
            "frame_done": Out(1), "job_done": Out(1), "error": Out(1),
            "araddr": Out(32), "arlen": Out(4), "arvalid": Out(1), "arready": In(1),
            "rdata": In(64), "rresp": In(2), "rlast": In(1), "rvalid": In(1), "rready": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.planner = planner = BurstPlanner()
        wiring.connect(m, wiring.flipped(self.job), planner.job)
        m.d.comb += [planner.run.eq(self.run), planner.continuous.eq(self.continuous),
                     planner.head.ready.eq(1)]

        m.submodules.data = fifo = Queue(words(BUS_BYTES), self.depth, guarded=False)
        ends = data.StructLayout({"tail": range(BUS_BYTES + 1), "frame": 1, "job": 1})
        m.submodules.ends = under_way = Queue(ends, self.outstanding, guarded=False)
        wiring.connect(m, fifo.o, wiring.flipped(self.o))

        reserved = Signal(range(self.depth + 1))
        bursts = Signal(range(self.outstanding + 1))
        taken = Signal()
        arrived = Signal()
        left = Signal()
        burst = planner.burst.payload
        m.d.comb += [
            # Room for the longest burst keeps the comparison simple.
            planner.burst.ready.eq(~self.halt & ~self.arvalid & (bursts != self.outstanding)
                                   & (reserved <= self.depth - BURST_BEATS)),
            taken.eq(planner.burst.valid & planner.burst.ready),
            arrived.eq(self.rvalid & self.rready & self.rlast),
            left.eq(fifo.o.valid & fifo.o.ready),
        ]
        with m.If(taken):
            m.d.sync += [self.araddr.eq(burst.address << 3), self.arlen.eq(burst.beats - 1),
                         self.arvalid.eq(1)]
        with m.Elif(self.arready):
            m.d.sync += self.arvalid.eq(0)
        m.d.sync += [
            bursts.eq(bursts + taken - arrived),
            reserved.eq(reserved - left + (burst.beats & taken.replicate(len(burst.beats)))),
        ]
        last = Signal()
        m.d.comb += [
            under_way.i.valid.eq(taken),
            under_way.i.payload.tail.eq(burst.tail),
            under_way.i.payload.frame.eq(burst.frame_last),
            under_way.i.payload.job.eq(burst.job_last),
            under_way.o.ready.eq(arrived),
            last.eq(self.rlast & under_way.o.payload.frame),
            self.rready.eq(1),
            fifo.i.valid.eq(self.rvalid),
            fifo.i.payload.data.eq(self.rdata),
            fifo.i.payload.last.eq(last),
            fifo.i.payload.count.eq(under_way.o.payload.tail),
            self.error.eq(self.rvalid & self.rresp[1]),
            self.frame_done.eq(self.rvalid & last),
            self.job_done.eq(self.rvalid & last & under_way.o.payload.job),
            self.quiet.eq(~bursts.any() & ~self.arvalid),
            self.busy.eq(planner.busy | ~self.quiet),
        ]
        return m
