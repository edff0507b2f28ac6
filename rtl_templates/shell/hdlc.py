"""Packets on a line of bytes, framed as RFC 1662 has it for HDLC.

A packet ends, and the next one begins, with a flag. Flags and escapes inside are escaped. The
last two bytes are a checksum, CRC-16/X-25, lowest byte first. Whatever noise there was, the next
flag begins afresh.
"""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.crc.catalog import CRC16_IBM_SDLC
from amaranth.lib.wiring import In, Out

__all__ = ["BYTE", "CHECKSUM", "ESCAPE", "FLAG", "FLIP", "Deframer", "Framer"]

FLAG, ESCAPE, FLIP = 0x7E, 0x7D, 0x20

CHECKSUM = CRC16_IBM_SDLC(data_width=8)
"""Parameters of the checksum; ``CHECKSUM.compute(packet)`` gives it in software."""

BYTE = data.StructLayout({"data": 8, "last": 1})
"""A byte of a packet, and whether it is its last."""


class Deframer(wiring.Component):
    """Takes the framing away.

    Members
    -------
    byte, strobe, broken : In
        From the line, as :class:`.UartReceiver` gives them.
    data : Out(8); valid : Out(1)
        A byte of a packet, its checksum's bytes included.
    end : Out(1)
        High for a cycle at the end of a packet, which may be empty, behind its last byte.
    good : Out(1)
        With ``end``: the checksum is right, and no byte was broken.
    """

    def __init__(self) -> None:
        super().__init__({"byte": In(8), "strobe": In(1), "broken": In(1),
                          "data": Out(8), "valid": Out(1), "end": Out(1), "good": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.checksum = checksum = CHECKSUM.create()
        escaped = Signal()
        bad = Signal()
        flag = Signal()
        some = Signal()
        m.d.comb += [
            flag.eq(self.strobe & (self.byte == FLAG) & ~self.broken),
            self.valid.eq(self.strobe & (self.byte != FLAG) & (self.byte != ESCAPE)
                          & ~self.broken),
            self.data.eq(self.byte ^ Mux(escaped, FLIP, 0)),
            self.end.eq(flag),
            # A flag right behind an escape is how a sender gives a packet up.
            self.good.eq(some & ~bad & ~escaped & checksum.match_detected),
            checksum.data.eq(self.data),
            checksum.valid.eq(self.valid),
            checksum.start.eq(flag),
        ]
        with m.If(flag):
            m.d.sync += [bad.eq(0), some.eq(0)]
        with m.Elif(self.strobe):
            m.d.sync += [bad.eq(bad | self.broken), some.eq(1)]
        with m.If(self.strobe):
            m.d.sync += escaped.eq((self.byte == ESCAPE) & ~self.broken)
        return m


class Framer(wiring.Component):
    """Puts packets into frames: a flag, the bytes, the checksum, a flag.

    Members
    -------
    i : In(stream of BYTE)
    o : Out(stream of 8 bits)
        To the line.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self) -> None:
        super().__init__({"i": In(stream.Signature(BYTE)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.checksum = checksum = CHECKSUM.create()
        byte = Signal(8)
        escaping = Signal()
        taken = Signal()
        special = (byte == FLAG) | (byte == ESCAPE)
        # A byte of the packet or its checksum, of which an escape goes before a special one.
        m.d.comb += taken.eq(self.o.ready & (~special | escaping))

        def send() -> None:
            m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(
                Mux(special, Mux(escaping, byte ^ FLIP, ESCAPE), byte))]
            with m.If(self.o.ready):
                m.d.sync += escaping.eq(special & ~escaping)

        with m.FSM(name="framing"):
            with m.State("idle"):
                m.d.comb += [self.o.valid.eq(self.i.valid), self.o.payload.eq(FLAG),
                             checksum.start.eq(1)]
                with m.If(self.i.valid & self.o.ready):
                    m.next = "packet"
            with m.State("packet"):
                m.d.comb += byte.eq(self.i.payload.data)
                with m.If(self.i.valid):
                    send()
                    m.d.comb += [self.i.ready.eq(taken), checksum.data.eq(byte),
                                 checksum.valid.eq(taken)]
                    with m.If(taken & self.i.payload.last):
                        m.next = "low"
            for state, part, behind in (("low", checksum.crc[:8], "high"),
                                        ("high", checksum.crc[8:], "end")):
                with m.State(state):
                    m.d.comb += byte.eq(part)
                    send()
                    with m.If(taken):
                        m.next = behind
            with m.State("end"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(FLAG)]
                with m.If(self.o.ready):
                    m.next = "idle"
        return m
