"""A look at the streams between blocks: some words of some beats, kept to be read."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from .params import StreamTap

__all__ = ["Capture"]


class Capture(wiring.Component):
    """Keeps 32 bits of the beats of a stream.

    Two registers lie between the streams and the buffer, so that looking costs the accelerator
    no speed.

    Parameters
    ----------
    streams : sequence of StreamTap
    depth : int
        Words kept, a power of two.

    Members
    -------
    payload_<k>, moves_<k> : In
        Payload of stream ``k``, and whether a beat moves.
    stream : In(8); word : In(16)
        Which stream, which 32 bits of its payload.
    skip : In(32)
        Beats behind ``arm`` that are let go by.
    arm : In(1)
        Empty the buffer and begin; the selection must stay until the capture is read.
    count : Out
        Beats kept.
    full : Out(1)
        High for a cycle when the last place is filled.
    index : In; data : Out(32)
        A kept word, a cycle later.
    """

    def __init__(self, streams: Sequence[StreamTap], depth: int):
        self.streams, self.depth = tuple(streams), depth
        members: dict[str, In | Out] = {}
        for k, tap in enumerate(self.streams):
            members |= {f"payload_{k}": In(tap.width), f"moves_{k}": In(1)}
        super().__init__({
            **members,
            "stream": In(8), "word": In(16), "skip": In(32), "arm": In(1),
            "count": Out(range(depth + 1)), "full": Out(1),
            "index": In(range(max(2, depth))), "data": Out(32),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        chosen = Signal(32)
        moves = Signal()
        for k, tap in enumerate(self.streams):
            payload = getattr(self, f"payload_{k}")
            part = Signal(min(32, tap.width), name=f"{tap.name}_part")
            moved = Signal(name=f"{tap.name}_moved")
            m.d.sync += [part.eq(payload.word_select(self.word[: max(1, tap.words.bit_length())],
                                                     32) if tap.words > 1 else payload),
                         moved.eq(getattr(self, f"moves_{k}"))]
            with m.If(self.stream == k):
                m.d.comb += [chosen.eq(part), moves.eq(moved)]
        word = Signal(32)
        arrives = Signal()
        m.d.sync += [word.eq(chosen), arrives.eq(moves)]

        m.submodules.storage = storage = memory.Memory(shape=32, depth=self.depth, init=[])
        w_port = storage.write_port()
        r_port = storage.read_port(domain="comb")
        left = Signal(32)
        armed = Signal()
        keeps = Signal()
        m.d.comb += [
            keeps.eq(armed & arrives & (left == 0)),
            w_port.addr.eq(self.count), w_port.data.eq(word), w_port.en.eq(keeps),
            r_port.addr.eq(self.index),
            self.full.eq(keeps & (self.count == self.depth - 1)),
        ]
        m.d.sync += self.data.eq(r_port.data)
        with m.If(armed & arrives):
            with m.If(left != 0):
                m.d.sync += left.eq(left - 1)
            with m.Else():
                m.d.sync += self.count.eq(self.count + 1)
        with m.If(self.full):
            m.d.sync += armed.eq(0)
        with m.If(self.arm):
            m.d.sync += [armed.eq(1), left.eq(self.skip), self.count.eq(0)]
        return m
