"""A register map as hardware: an AXI4-Lite slave."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .axi import lite_signature
from .registers import Field, RegisterMap

__all__ = ["RegisterFile"]


class RegisterFile(wiring.Component):
    """The registers of a map behind AXI4-Lite.

    One access at a time; a read answers in the second cycle behind its address, a write in the
    cycle behind its data. All responses are OKAY; where no register is, zeros are read and
    nothing is written. Byte strobes are kept.

    Parameters
    ----------
    registers : RegisterMap

    Members
    -------
    bus : In(AXI4-Lite)
    <register>_<field> : Out for "write" and "pulse" fields, In for "read" and "clear" ones
        A "clear" field's flag is set by a one on its port.
    <register>_<field>_flag : Out
        State of a "clear" field.
    <register>_read, <register>_written : Out(1)
        For registers with a strobe: high in the cycle of the read, or behind that of the write,
        when the new value is there.
    """

    def __init__(self, registers: RegisterMap):
        self.registers = registers
        members: dict[str, In | Out] = {"bus": In(lite_signature(registers.address_bits))}
        for register in registers:
            for field in register.fields:
                port = f"{register.name}_{field.name}"
                if field.access in ("write", "pulse"):
                    members[port] = Out(field.width, init=field.reset)
                elif field.access in ("read", "clear"):
                    members[port] = In(field.width)
                if field.access == "clear":
                    members[f"{port}_flag"] = Out(field.width)
            if register.strobe == "read":
                members[f"{register.name}_read"] = Out(1)
            elif register.strobe == "write":
                members[f"{register.name}_written"] = Out(1)
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus = self.bus
        word = Signal(32)
        read = Signal()
        at = Signal(len(bus.araddr) - 2)
        reading = Signal()
        m.d.comb += [bus.arready.eq(~reading & ~bus.rvalid), read.eq(reading)]
        with m.If(bus.arvalid & bus.arready):
            m.d.sync += [at.eq(bus.araddr[2:]), reading.eq(1)]
        with m.If(reading):
            m.d.sync += [bus.rdata.eq(word), bus.rvalid.eq(1), reading.eq(0)]
        with m.If(bus.rvalid & bus.rready):
            m.d.sync += bus.rvalid.eq(0)

        write = Signal()
        m.d.comb += [
            write.eq(bus.awvalid & bus.wvalid & ~bus.bvalid),
            bus.awready.eq(write),
            bus.wready.eq(write),
        ]
        with m.If(write):
            m.d.sync += bus.bvalid.eq(1)
        with m.Elif(bus.bready):
            m.d.sync += bus.bvalid.eq(0)

        with m.Switch(at):
            for register in self.registers:
                with m.Case(register.offset // 4):
                    for field in register.fields:
                        value = self._value(register.name, field.name, field.access, field.reset)
                        m.d.comb += word[field.low : field.low + field.width].eq(value)
        for register in self.registers:
            here = Signal(name=f"{register.name}_here")
            m.d.comb += here.eq(write & (bus.awaddr[2:] == register.offset // 4))
            for field in register.fields:
                self._write(m, register.name, field, here)
            if register.strobe == "read":
                m.d.comb += getattr(self, f"{register.name}_read").eq(
                    read & (at == register.offset // 4))
            elif register.strobe == "write":
                m.d.sync += getattr(self, f"{register.name}_written").eq(here)
        return m

    def _value(self, register: str, field: str, access: str, reset: int) -> Value | int:
        port = f"{register}_{field}"
        if access == "constant":
            return reset
        if access == "pulse":
            return 0
        held: Value = getattr(self, f"{port}_flag" if access == "clear" else port)
        return held

    def _write(self, m: Module, register: str, field: Field, here: Signal) -> None:
        port = f"{register}_{field.name}"
        bits = range(field.low, field.low + field.width)
        data, strobes = self.bus.wdata, self.bus.wstrb
        if field.access == "write":
            held = getattr(self, port)
            for first in range(0, 32, 8):
                lane = [bit for bit in bits if first <= bit < first + 8]
                if lane:
                    with m.If(here & strobes[first // 8]):
                        m.d.sync += held[lane[0] - field.low : lane[-1] + 1 - field.low].eq(
                            data[lane[0] : lane[-1] + 1])
        elif field.access in ("pulse", "clear"):
            ones = Signal(field.width, name=f"{port}_ones")
            for k, bit in enumerate(bits):
                m.d.comb += ones[k].eq(here & data[bit] & strobes[bit // 8])
            if field.access == "pulse":
                m.d.sync += getattr(self, port).eq(ones)
            else:
                flag = getattr(self, f"{port}_flag")
                m.d.sync += flag.eq((flag & ~ones) | getattr(self, port))
