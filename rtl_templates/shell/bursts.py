"""Jobs of a DMA engine, and the bursts that they are made of."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .axi import BURST_BEATS
from .params import BUS_BYTES, FRAME_BITS, LENGTH_BITS

__all__ = ["BURST", "HEAD", "JOB", "WORD_BITS", "BurstPlanner"]

WORD_BITS = LENGTH_BITS - 2
"""Of a number of words in a frame."""

_PLACE = 32 - 3  # bits of a word's address

JOB = data.StructLayout({"address": _PLACE, "stride": _PLACE, "length": LENGTH_BITS,
                         "frames": FRAME_BITS})
"""A job: addresses in words of 8 bytes, the length of a frame in bytes."""

HEAD = data.StructLayout({"words": WORD_BITS, "tail": range(BUS_BYTES + 1), "frames": FRAME_BITS})
"""A job's frames in words, and the bytes of a frame's last word."""

BURST = data.StructLayout({"address": _PLACE, "beats": range(BURST_BEATS + 1),
                           "tail": range(BUS_BYTES + 1), "frame_last": 1, "job_last": 1})
"""A burst, the bytes of its frame's last word, and whether it ends a frame or a job."""


class BurstPlanner(wiring.Component):
    """Cuts jobs into bursts that end at multiples of 16 words, or with the frame.

    So no burst crosses 4 KiB. A burst every two cycles at most, two cycles more for a frame, and
    another for a job.

    Members
    -------
    run : In(1)
        Frames and jobs are begun only while high.
    continuous : In(1)
        Whether the last job is begun again when no other waits.
    job : In(stream of JOB)
    head : Out(stream of HEAD)
        Of each job that is begun.
    burst : Out(stream of BURST)
    busy : Out(1)
        A job has bursts that were not taken yet.
    """

    job: stream.Interface
    head: stream.Interface
    burst: stream.Interface

    def __init__(self) -> None:
        super().__init__({
            "run": In(1), "continuous": In(1),
            "job": In(stream.Signature(JOB)),
            "head": Out(stream.Signature(HEAD)),
            "burst": Out(stream.Signature(BURST)),
            "busy": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        job = Signal(JOB)
        some = Signal()
        base = Signal(_PLACE)
        frames = Signal(FRAME_BITS)
        cursor = Signal(_PLACE)
        left = Signal(WORD_BITS)
        size = Signal(range(BURST_BEATS + 1))
        last = Signal()
        count = Signal(WORD_BITS)
        tail = Signal(range(BUS_BYTES + 1))
        head, burst = self.head.payload, self.burst.payload
        m.d.comb += [
            count.eq((job.length + BUS_BYTES - 1)[3:]),
            tail.eq(Mux(job.length[:3] == 0, BUS_BYTES, job.length[:3])),
            head.words.eq(count), head.tail.eq(tail), head.frames.eq(job.frames),
            burst.address.eq(cursor), burst.beats.eq(size), burst.tail.eq(tail),
            burst.frame_last.eq(last), burst.job_last.eq(last & (frames == 1)),
        ]
        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("idle"))
            with m.State("idle"):
                m.d.comb += self.job.ready.eq(self.run)
                with m.If(self.run & self.job.valid):
                    m.d.sync += [job.eq(self.job.payload), some.eq(1)]
                    m.next = "job"
                with m.Elif(self.run & self.continuous & some):
                    m.next = "job"
            with m.State("job"):
                m.d.comb += self.head.valid.eq(1)
                m.d.sync += [base.eq(job.address), frames.eq(job.frames)]
                with m.If(self.head.ready):
                    m.next = "frame"
            with m.State("frame"), m.If(self.run):
                m.d.sync += [cursor.eq(base), left.eq(count), base.eq(base + job.stride)]
                m.next = "plan"
            with m.State("plan"):
                room = BURST_BEATS - cursor[:4]
                m.d.sync += [last.eq(left <= room), size.eq(Mux(left <= room, left, room))]
                m.next = "burst"
            with m.State("burst"):
                m.d.comb += self.burst.valid.eq(1)
                with m.If(self.burst.ready):
                    m.d.sync += [cursor.eq(cursor + size), left.eq(left - size)]
                    with m.If(~last):
                        m.next = "plan"
                    with m.Else():
                        m.d.sync += frames.eq(frames - 1)
                        with m.If(frames == 1):
                            m.next = "idle"
                        with m.Else():
                            m.next = "frame"
        return m
