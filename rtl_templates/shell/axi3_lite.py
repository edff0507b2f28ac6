"""From an AXI3 master, such as the processor of a Zynq, to an AXI4-Lite slave."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .axi import INCREMENTING, axi_signature, lite_signature

__all__ = ["Axi3ToLite"]


class Axi3ToLite(wiring.Component):
    """Bursts of 32-bit words one by one on AXI4-Lite, with their IDs.

    One read and one write at a time. A burst gets one write response, which is an error if that
    of any word was. Addresses go up by 4 from word to word, or stay in FIXED bursts; WRAP bursts,
    which processors use for cached memory alone, go up as well.

    Parameters
    ----------
    address_bits : int
        Of the slave.
    id_bits : int

    Members
    -------
    bus : In(AXI3)
    lite : Out(AXI4-Lite)
    """

    def __init__(self, address_bits: int, id_bits: int = 12):
        self.address_bits, self.id_bits = address_bits, id_bits
        super().__init__({
            "bus": In(axi_signature(32, id_bits=id_bits, length_bits=4)),
            "lite": Out(lite_signature(address_bits)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._read(m)
        self._write(m)
        return m

    def _read(self, m: Module) -> None:
        bus, lite = self.bus, self.lite
        left = Signal(4)
        goes_up = Signal()
        asking = Signal()
        waiting = Signal()
        m.d.comb += [
            bus.arready.eq(~asking & ~waiting),
            lite.arvalid.eq(asking),
            bus.rvalid.eq(lite.rvalid & waiting),
            lite.rready.eq(bus.rready & waiting),
            bus.rdata.eq(lite.rdata),
            bus.rresp.eq(lite.rresp),
            bus.rlast.eq(left == 0),
        ]
        with m.If(bus.arvalid & bus.arready):
            m.d.sync += [bus.rid.eq(bus.arid), lite.araddr.eq(bus.araddr), left.eq(bus.arlen),
                         goes_up.eq(bus.arburst >= INCREMENTING), asking.eq(1)]
        with m.If(lite.arvalid & lite.arready):
            m.d.sync += [asking.eq(0), waiting.eq(1)]
        with m.If(bus.rvalid & bus.rready):
            m.d.sync += waiting.eq(0)
            with m.If(~bus.rlast):
                m.d.sync += [asking.eq(1), left.eq(left - 1),
                             lite.araddr.eq(lite.araddr + (goes_up << 2))]

    def _write(self, m: Module) -> None:
        bus, lite = self.bus, self.lite
        goes_up = Signal()
        last = Signal()
        # A burst is open; its address and its data go to the slave; its response is awaited.
        open_, addressing, writing, waiting = (Signal(name=name) for name in
                                               ("burst_open", "addressing", "writing", "awaiting"))
        m.d.comb += [
            bus.awready.eq(~open_ & ~bus.bvalid),
            bus.wready.eq(open_ & ~addressing & ~writing & ~waiting),
            lite.awvalid.eq(addressing),
            lite.wvalid.eq(writing),
            lite.bready.eq(waiting),
        ]
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += [bus.bid.eq(bus.awid), lite.awaddr.eq(bus.awaddr), bus.bresp.eq(0),
                         goes_up.eq(bus.awburst >= INCREMENTING), open_.eq(1)]
        with m.If(bus.wvalid & bus.wready):
            m.d.sync += [lite.wdata.eq(bus.wdata), lite.wstrb.eq(bus.wstrb), last.eq(bus.wlast),
                         addressing.eq(1), writing.eq(1), waiting.eq(1)]
        with m.If(lite.awvalid & lite.awready):
            m.d.sync += addressing.eq(0)
        with m.If(lite.wvalid & lite.wready):
            m.d.sync += writing.eq(0)
        with m.If(lite.bvalid & lite.bready):
            m.d.sync += [waiting.eq(0), bus.bresp.eq(bus.bresp | lite.bresp),
                         lite.awaddr.eq(lite.awaddr + (goes_up << 2))]
            with m.If(last):
                m.d.sync += [bus.bvalid.eq(1), open_.eq(0)]
        with m.If(bus.bvalid & bus.bready):
            m.d.sync += bus.bvalid.eq(0)
