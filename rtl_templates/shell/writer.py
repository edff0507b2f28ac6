"""Frames from a stream to memory (S2MM)."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..queue import Queue
from ..validation import check_positive
from .axi import BURST_BEATS
from .bursts import JOB, WORD_BITS, BurstPlanner
from .params import BUS_BYTES, FRAME_BITS
from .words import Framer, words

__all__ = ["Writer"]


class Writer(wiring.Component):
    """Writes frames in bursts of up to 16 words, several under way.

    A burst is begun only when all its words are there, so the bus is never held up by the
    accelerator, and what was begun can be finished whatever becomes of that. Bytes that belong
    to no frame are not written. Frames that end early or late become as long as they should be.

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
    i : In(stream of words(8))
    early, late : Out(1)
        High for a cycle when a frame is found to be too short or too long.
    frame_done, job_done : Out(1)
        High for a cycle with the response to the last burst of a frame, of a job.
    error : Out(1)
        High for a cycle for each burst that the bus answered with an error.
    aw..., w..., b... : the write channels of AXI, seen from the master
    """

    job: stream.Interface
    i: stream.Interface

    def __init__(self, outstanding: int = 4):
        check_positive(outstanding=outstanding)
        self.outstanding = outstanding
        self.depth = outstanding * BURST_BEATS
        super().__init__({
            "run": In(1), "continuous": In(1), "halt": In(1),
            "job": In(stream.Signature(JOB)),
            "i": In(stream.Signature(words(BUS_BYTES))),
            "quiet": Out(1), "busy": Out(1), "early": Out(1), "late": Out(1),
            "frame_done": Out(1), "job_done": Out(1), "error": Out(1),
            "awaddr": Out(32), "awlen": Out(4), "awvalid": Out(1), "awready": In(1),
            "wdata": Out(64), "wstrb": Out(8), "wlast": Out(1), "wvalid": Out(1), "wready": In(1),
            "bresp": In(2), "bvalid": In(1), "bready": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.planner = planner = BurstPlanner()
        m.submodules.framer = framer = Framer(BUS_BYTES, word_bits=WORD_BITS,
                                              frame_bits=FRAME_BITS)
        m.submodules.data = fifo = Queue(words(BUS_BYTES), self.depth)
        ends = data.StructLayout({"frame": 1, "job": 1})
        m.submodules.ends = under_way = Queue(ends, self.outstanding, guarded=False)
        m.submodules.lengths = lengths = Queue(4, self.outstanding, guarded=False)
        wiring.connect(m, wiring.flipped(self.job), planner.job)
        wiring.connect(m, planner.head, framer.job)
        wiring.connect(m, wiring.flipped(self.i), framer.i)
        wiring.connect(m, framer.o, fifo.i)

        # Words in the buffer that no burst was begun for.
        waiting = Signal(range(self.depth + 1))
        bursts = Signal(range(self.outstanding + 1))
        taken = Signal()
        entered = Signal()
        answered = Signal()
        burst = planner.burst.payload
        m.d.comb += [
            planner.run.eq(self.run),
            planner.continuous.eq(self.continuous),
            planner.burst.ready.eq(~self.halt & ~self.awvalid & (bursts != self.outstanding)
                                   & (waiting >= burst.beats)),
            taken.eq(planner.burst.valid & planner.burst.ready),
            entered.eq(fifo.i.valid & fifo.i.ready),
            answered.eq(self.bvalid & self.bready),
        ]
        with m.If(taken):
            m.d.sync += [self.awaddr.eq(burst.address << 3), self.awlen.eq(burst.beats - 1),
                         self.awvalid.eq(1)]
        with m.Elif(self.awready):
            m.d.sync += self.awvalid.eq(0)
        m.d.sync += [
            bursts.eq(bursts + taken - answered),
            waiting.eq(waiting + entered - (burst.beats & taken.replicate(len(burst.beats)))),
        ]

        beat = Signal(4)
        sent = Signal()
        m.d.comb += [
            # Data follow their address; some slaves want that.
            lengths.i.valid.eq(self.awvalid & self.awready),
            lengths.i.payload.eq(self.awlen),
            self.wvalid.eq(lengths.o.valid & fifo.o.valid),
            self.wdata.eq(fifo.o.payload.data),
            self.wstrb.eq(Cat(k < fifo.o.payload.count for k in range(BUS_BYTES))),
            self.wlast.eq(beat == lengths.o.payload),
            sent.eq(self.wvalid & self.wready),
            fifo.o.ready.eq(lengths.o.valid & self.wready),
            lengths.o.ready.eq(sent & self.wlast),
        ]
        with m.If(sent):
            m.d.sync += beat.eq(beat + 1)
            with m.If(self.wlast):
                m.d.sync += beat.eq(0)

        m.d.comb += [
            under_way.i.valid.eq(taken),
            under_way.i.payload.frame.eq(burst.frame_last),
            under_way.i.payload.job.eq(burst.job_last),
            under_way.o.ready.eq(answered),
            self.bready.eq(1),
            self.error.eq(answered & self.bresp[1]),
            self.frame_done.eq(answered & under_way.o.payload.frame),
            self.job_done.eq(answered & under_way.o.payload.frame & under_way.o.payload.job),
            self.early.eq(framer.early),
            self.late.eq(framer.late),
            self.quiet.eq(~bursts.any() & ~self.awvalid),
            self.busy.eq(planner.busy | ~self.quiet),
        ]
        return m
