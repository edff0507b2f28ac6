"""Memory on the chip, where there is no other: behind AXI, and reached by the host as well."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from ..validation import check_positive
from .axi import axi_signature
from .params import BUS_BYTES

__all__ = ["OnChipMemory", "host_signature"]


def host_signature(address_bits: int) -> wiring.Signature:
    """A port for one word at a time, seen from the host.

    ``read`` or ``write`` is held with its address, in words, until ``done``; ``rdata`` is there
    in that cycle.
    """
    return wiring.Signature({
        "address": Out(address_bits), "read": Out(1), "write": Out(1),
        "wdata": Out(8 * BUS_BYTES), "rdata": In(8 * BUS_BYTES), "done": In(1)})


class OnChipMemory(wiring.Component):
    """Words of 8 bytes in block RAM.

    Bursts of AXI go first, a word a cycle; the host's accesses are made when none is under way
    on the side that they need. Nothing is kept beyond the end.

    Parameters
    ----------
    words : int

    Members
    -------
    bus : In(AXI4)
        Incrementing bursts of whole words.
    host : In(host_signature)
    """

    def __init__(self, words: int):
        check_positive(words=words)
        self.words = words
        self.address_bits = max(1, (words - 1).bit_length())
        super().__init__({"bus": In(axi_signature(8 * BUS_BYTES)),
                          "host": In(host_signature(self.address_bits))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.words = store = memory.Memory(shape=8 * BUS_BYTES, depth=self.words, init=[])
        was_read = self._read(m, store.read_port())
        was_written = self._write(m, store.write_port(granularity=8))
        m.d.comb += self.host.done.eq(was_read | was_written)
        return m

    def _read(self, m: Module, port: memory.ReadPort) -> Value:
        """The reading side; whether the host's word is there."""
        bus, host = self.bus, self.host
        active = Signal()
        place = Signal(self.address_bits)
        left = Signal(8)
        asked = Signal()
        goes = Signal()
        m.d.comb += [
            bus.arready.eq(~active & ~bus.rvalid & ~asked),
            goes.eq(active & (~bus.rvalid | bus.rready)),
            port.addr.eq(Mux(active, place, host.address)),
            bus.rdata.eq(port.data),
            host.rdata.eq(port.data),
        ]
        # The host's word is read in a cycle of its own, so it never waits behind one of AXI's.
        asking = Signal()
        m.d.comb += [asking.eq(host.read & ~active & ~bus.rvalid & ~asked),
                     port.en.eq(goes | asking)]
        m.d.sync += asked.eq(asking)
        with m.If(bus.arvalid & bus.arready):
            m.d.sync += [active.eq(1), place.eq(bus.araddr[3:]), left.eq(bus.arlen),
                         bus.rid.eq(bus.arid)]
        with m.If(bus.rready):
            m.d.sync += bus.rvalid.eq(0)
        with m.If(goes):
            m.d.sync += [bus.rvalid.eq(1), bus.rlast.eq(left == 0), place.eq(place + 1),
                         left.eq(left - 1), active.eq(left != 0)]
        return asked

    def _write(self, m: Module, port: memory.WritePort) -> Value:
        """The writing side; whether the host's word is written."""
        bus, host = self.bus, self.host
        active = Signal()
        place = Signal(self.address_bits)
        writing = Signal()
        m.d.comb += [
            bus.awready.eq(~active & ~bus.bvalid),
            bus.wready.eq(active),
            writing.eq(bus.wvalid & bus.wready),
            port.addr.eq(Mux(active, place, host.address)),
            port.data.eq(Mux(active, bus.wdata, host.wdata)),
            port.en.eq(Mux(active, bus.wstrb & writing.replicate(BUS_BYTES),
                           host.write.replicate(BUS_BYTES))),
        ]
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += [active.eq(1), place.eq(bus.awaddr[3:]), bus.bid.eq(bus.awid)]
        with m.If(writing):
            m.d.sync += place.eq(place + 1)
            with m.If(bus.wlast):
                m.d.sync += [active.eq(0), bus.bvalid.eq(1)]
        with m.If(bus.bvalid & bus.bready):
            m.d.sync += bus.bvalid.eq(0)
        return host.write & ~active
