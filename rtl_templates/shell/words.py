"""Frames as streams of bytes: what travels between the accelerator and the memory bus."""

from __future__ import annotations

from math import gcd

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..validation import check_positive

__all__ = ["Framer", "Gearbox", "words"]


def words(count: int) -> data.StructLayout:
    """A payload of ``count`` bytes of a frame.

    ``data`` holds the first byte lowest. ``last`` marks a frame's last word; of that, ``count``
    bytes belong to the frame, of the others all.
    """
    return data.StructLayout({"data": 8 * count, "count": range(count + 1), "last": 1})


class Gearbox(wiring.Component):
    """Frames in words of one size to the same frames in words of another.

    Every frame begins in a new word. The last word of a frame may be partly filled, its other
    bytes are undefined. As many bytes a cycle as the narrower side takes; a cycle more for each
    frame. ``i.ready`` does not depend on ``o.ready`` in the same cycle.

    Parameters
    ----------
    i_bytes, o_bytes : int

    Members
    -------
    i : In(stream of words(i_bytes))
    o : Out(stream of words(o_bytes))
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, i_bytes: int, o_bytes: int):
        check_positive(i_bytes=i_bytes, o_bytes=o_bytes)
        self.i_bytes, self.o_bytes = i_bytes, o_bytes
        super().__init__({"i": In(stream.Signature(words(i_bytes))),
                          "o": Out(stream.Signature(words(o_bytes)))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        take, give = self.i_bytes, self.o_bytes
        step = gcd(take, give)
        # Words are taken up to this level: enough for the output never to run dry.
        limit = min(2 * give, give + take) - step
        size = limit + take
        held = Signal(8 * size, reset_less=True)
        level = Signal(range(size + 1))
        ending = Signal()
        taking = Signal()
        giving = Signal()
        m.d.comb += [
            self.i.ready.eq(~ending & (level <= limit)),
            taking.eq(self.i.valid & self.i.ready),
            self.o.valid.eq((level >= give) | ending),
            giving.eq(self.o.valid & self.o.ready),
            self.o.payload.data.eq(held[: 8 * give]),
            self.o.payload.last.eq(ending & (level <= give)),
            self.o.payload.count.eq(Mux(self.o.payload.last, level, give)),
        ]
        rest = Signal(range(size + 1))
        m.d.comb += rest.eq(Mux(giving, Mux(self.o.payload.last, 0, level - give), level))
        m.d.sync += level.eq(rest)
        with m.If(giving):
            m.d.sync += held.eq(held[8 * give :])
            with m.If(self.o.payload.last):
                m.d.sync += ending.eq(0)
        with m.If(taking):
            arriving = Mux(self.i.payload.last, self.i.payload.count, take)
            m.d.sync += [level.eq(rest + arriving), ending.eq(self.i.payload.last)]
            # Until a frame ends, levels are multiples of both sizes' common measure.
            with m.Switch(rest):
                for place in range(0, limit + 1, step):
                    with m.Case(place):
                        m.d.sync += held[8 * place : 8 * (place + take)].eq(self.i.payload.data)
        return m


class Framer(wiring.Component):
    """Makes frames as long as they are to be.

    A frame that is too short is filled up with words of no bytes (data 0), what is too long is
    cut and the rest dropped, so that the next frame begins where it should. One word a cycle;
    no latency; a cycle between jobs.

    Parameters
    ----------
    bytes : int
        Of a word.
    word_bits : int
        Of the number of words of a frame.
    frame_bits : int
        Of the number of frames of a job; 0 if a job never ends.

    Members
    -------
    i : In(stream of words(bytes))
    o : Out(stream of words(bytes))
        ``count`` is that of every word, full or not.
    job : In(stream)
        ``words`` of a frame, ``tail`` bytes in the last of them, number of ``frames``; none of
        them 0.
    early, late : Out(1)
        High for a cycle when a frame is found to be too short or too long.
    """

    i: stream.Interface
    o: stream.Interface
    job: stream.Interface

    def __init__(self, bytes: int, *, word_bits: int, frame_bits: int = 0):
        check_positive(bytes=bytes, word_bits=word_bits)
        self.bytes, self.word_bits, self.frame_bits = bytes, word_bits, frame_bits
        super().__init__({
            "i": In(stream.Signature(words(bytes))),
            "o": Out(stream.Signature(words(bytes))),
            "job": In(stream.Signature(data.StructLayout({
                "words": word_bits, "tail": range(bytes + 1), "frames": frame_bits}))),
            "early": Out(1),
            "late": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        active = Signal()
        filling = Signal()
        dropping = Signal()
        left = Signal(self.word_bits)
        frames = Signal(self.frame_bits)
        job = Signal.like(self.job.payload)
        final = Signal()
        moves = Signal()
        count = Signal(range(self.bytes + 1))
        i, o = self.i.payload, self.o.payload
        m.d.comb += [
            self.job.ready.eq(~active & ~dropping),
            final.eq(left == 1),
            self.o.valid.eq(active & (filling | self.i.valid)),
            self.i.ready.eq(dropping | (active & ~filling & self.o.ready)),
            moves.eq(self.o.valid & self.o.ready),
            o.data.eq(Mux(filling, 0, i.data)),
            o.last.eq(final),
            count.eq(Mux(i.last, i.count, self.bytes)),
            o.count.eq(Mux(filling, 0, Mux(final & (count > job.tail), job.tail, count))),
        ]
        with m.If(self.job.valid & self.job.ready):
            m.d.sync += [job.eq(self.job.payload), active.eq(1),
                         left.eq(self.job.payload.words), frames.eq(self.job.payload.frames)]
        with m.If(moves):
            m.d.sync += left.eq(Mux(final, job.words, left - 1))
            m.d.sync += filling.eq(~final & (filling | i.last))
            short = Mux(final, count < job.tail, 1)
            m.d.comb += [
                self.early.eq(~filling & i.last & short),
                self.late.eq(~filling & final & (~i.last | (count > job.tail))),
            ]
            with m.If(final):
                if self.frame_bits:
                    m.d.sync += [frames.eq(frames - 1), active.eq(frames != 1)]
                with m.If(~filling & ~i.last):
                    m.d.sync += dropping.eq(1)
        with m.If(dropping):
            with m.If(self.i.valid & i.last):
                m.d.sync += dropping.eq(0)
            m.d.comb += self.o.valid.eq(0)
        return m
