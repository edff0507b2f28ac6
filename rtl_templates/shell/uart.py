"""A serial line: eight bits, no parity, one stop bit."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from ..validation import check_positive

__all__ = ["UartReceiver", "UartTransmitter", "divisor"]

TOLERANCE = 0.02
"""Share by which a rate may be off: half a bit in ten, of which both ends take a part."""


def divisor(clock: float, baud: int) -> int:
    """Cycles of a bit.

    Parameters
    ----------
    clock : float
        In MHz.
    baud : int

    Raises
    ------
    ValueError
        If the clock is too slow for such a rate, or no whole number of cycles is close to it.
    """
    check_positive(baud=baud)
    cycles = round(clock * 1e6 / baud)
    if cycles < 4 or abs(clock * 1e6 / baud / cycles - 1) > TOLERANCE:
        raise ValueError(f"baud must be such that a bit lasts a whole number of cycles of "
                         f"{clock:g} MHz, at least 4, not {baud!r}")
    return cycles


class UartReceiver(wiring.Component):
    """Bytes from a line; there is no way to hold them up.

    Parameters
    ----------
    cycles : int
        Of a bit.

    Members
    -------
    rx : In(1)
        The line, high when idle; it may change at any time.
    byte : Out(8)
    strobe : Out(1)
        High for a cycle with each byte, in the middle of its stop bit.
    broken : Out(1)
        High with the strobe if there was no stop bit.
    """

    def __init__(self, cycles: int):
        check_positive(cycles=cycles)
        self.cycles = cycles
        super().__init__({"rx": In(1), "byte": Out(8), "strobe": Out(1), "broken": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        line = Signal(init=1)
        m.submodules.synchroniser = FFSynchronizer(self.rx, line, init=1)
        busy = Signal()
        bits = Signal(range(10))
        wait = Signal(range(self.cycles * 3 // 2))
        m.d.sync += self.strobe.eq(0)
        with m.If(~busy), m.If(~line):
            # To the middle of the start bit, which must still be there.
            m.d.sync += [busy.eq(1), bits.eq(0), wait.eq(self.cycles // 2 - 1)]
        with m.Elif(wait != 0):
            m.d.sync += wait.eq(wait - 1)
        with m.Else():
            m.d.sync += [wait.eq(self.cycles - 1), bits.eq(bits + 1)]
            with m.If(bits == 0):
                m.d.sync += busy.eq(~line)
            with m.Elif(bits == 9):
                m.d.sync += [busy.eq(0), self.strobe.eq(1), self.broken.eq(~line)]
            with m.Else():
                m.d.sync += self.byte.eq(Cat(self.byte[1:], line))
        return m


class UartTransmitter(wiring.Component):
    """Bytes onto a line.

    Parameters
    ----------
    cycles : int
        Of a bit.

    Members
    -------
    i : In(stream of 8 bits)
    tx : Out(1)
        The line, high when idle.
    """

    i: stream.Interface

    def __init__(self, cycles: int):
        check_positive(cycles=cycles)
        self.cycles = cycles
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shift = Signal(9)
        bits = Signal(range(11))
        wait = Signal(range(self.cycles))
        m.d.comb += self.i.ready.eq((bits == 0) & (wait == 0))
        with m.If(wait != 0):
            m.d.sync += wait.eq(wait - 1)
        with m.Elif(bits != 0):
            m.d.sync += [self.tx.eq(shift[0]), shift.eq(Cat(shift[1:], Const(1))),
                         bits.eq(bits - 1), wait.eq(self.cycles - 1)]
        with m.Elif(self.i.valid):
            # Eight bits and the stop bit are left.
            m.d.sync += [self.tx.eq(0), shift.eq(Cat(self.i.payload, Const(1))), bits.eq(9),
                         wait.eq(self.cycles - 1)]
        return m
