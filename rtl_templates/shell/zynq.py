"""The top of a Zynq-7000: the processor, and the shell at its ports."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, ClockDomain, Const, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import ResetSynchronizer

from .axi3_lite import Axi3ToLite
from .params import ShellParams
from .ps7 import INPUTS, processor
from .shell import Shell

__all__ = ["REGISTERS_BASE", "ZynqTop"]

REGISTERS_BASE = 0x4000_0000
"""Where the processor sees M_AXI_GP0, and so the registers; the whole GiB shows them."""

GP_ID_BITS = 12

UNUSED = {"size", "cache", "prot"}
"""What the processor says about an access to a register and nothing depends on."""


class ZynqTop(wiring.Component):
    """A whole bitstream's design, without ports: all of them are the processor's.

    The registers are at M_AXI_GP0, the memory at S_AXI_HP0, the interrupt is IRQ_F2P[0] (61 at
    the interrupt controller). Everything runs at FCLK0, whose dividers software sets; its reset
    is that of FCLK_RESET0, released in step with the clock.

    Parameters
    ----------
    params : ShellParams
    """

    def __init__(self, params: ShellParams):
        self.params = params
        super().__init__({})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = domain = ClockDomain("sync")
        fclk = Signal(4, name="fclk")
        fresets = Signal(4, name="freset_n")
        m.submodules.clock_buffer = Instance("BUFG", i_I=fclk[0], o_O=domain.clk)
        m.submodules.reset_release = ResetSynchronizer(~fresets[0], domain="sync")
        m.submodules.shell = shell = Shell(self.params)
        m.submodules.adapter = adapter = Axi3ToLite(shell.registers.address_bits, GP_ID_BITS)
        wiring.connect(m, adapter.lite, shell.s_axi)
        m.submodules.processor = processor(
            o_FCLKCLK=fclk, o_FCLKRESETN=fresets,
            i_IRQF2P=Cat(shell.interrupt, Const(0, INPUTS["IRQF2P"] - 1)),
            i_MAXIGP0ACLK=domain.clk, **self._ports("MAXIGP0", adapter.bus),
            i_SAXIHP0ACLK=domain.clk, **self._ports("SAXIHP0", shell.m_axi))
        return m

    @staticmethod
    def _ports(port: str, bus: Any) -> dict[str, Any]:
        """Connections of a bus whose master is the processor or the shell.

        What the processor drives and nothing looks at is left out, what the bus does not have is
        as :func:`.ps7.processor` leaves it.
        """
        ports: dict[str, Any] = {}
        for name in bus.signature.members:
            signal, cell = getattr(bus, name), f"{port}{name.upper()}"
            if cell in INPUTS:
                ports[f"i_{cell}"] = (signal[: INPUTS[cell]] if len(signal) >= INPUTS[cell] else
                                      Cat(signal, Const(0, INPUTS[cell] - len(signal))))
            elif name[2:] not in UNUSED and cell not in ("SAXIHP0RID", "SAXIHP0BID"):
                ports[f"o_{cell}"] = signal
        return ports
