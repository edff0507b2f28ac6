"""The shell at a serial line: registers, and memory on the chip that its DMA works on."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .bridge import Bridge
from .hdlc import Deframer, Framer
from .memory import OnChipMemory
from .params import ShellParams
from .shell import Shell
from .uart import UartReceiver, UartTransmitter, divisor

__all__ = ["SerialShell"]


class SerialShell(wiring.Component):
    """A shell whose host is at the other end of a serial line.

    The host writes frames into the memory, starts jobs through the registers, and reads results
    back, see :mod:`.bridge`.

    Parameters
    ----------
    params : ShellParams
    words : int
        Of the memory, 8 bytes each.
    baud : int
        Bits a second on the line.

    Members
    -------
    rx : In(1); tx : Out(1)

    Raises
    ------
    ValueError
        If the clock does not suit the rate.
    """

    def __init__(self, params: ShellParams, *, words: int, baud: int):
        self.params, self.words = params, words
        self.bit_cycles = divisor(params.clock, baud)
        super().__init__({"rx": In(1), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.shell = shell = Shell(self.params)
        m.submodules.memory = memory = OnChipMemory(self.words)
        m.submodules.receiver = receiver = UartReceiver(self.bit_cycles)
        m.submodules.deframer = deframer = Deframer()
        m.submodules.bridge = bridge = Bridge(shell.registers.address_bits, memory.address_bits)
        m.submodules.framer = framer = Framer()
        m.submodules.transmitter = transmitter = UartTransmitter(self.bit_cycles)
        wiring.connect(m, shell.m_axi, memory.bus)
        wiring.connect(m, bridge.registers, shell.s_axi)
        wiring.connect(m, bridge.memory, memory.host)
        wiring.connect(m, bridge.o, framer.i)
        wiring.connect(m, framer.o, transmitter.i)
        m.d.comb += [getattr(deframer, name).eq(getattr(receiver, name))
                     for name in ("byte", "strobe", "broken")]
        m.d.comb += [getattr(bridge, name).eq(getattr(deframer, name))
                     for name in ("data", "valid", "end", "good")]
        m.d.comb += [receiver.rx.eq(self.rx), self.tx.eq(transmitter.tx)]
        return m
