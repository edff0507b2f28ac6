"""The accelerator as a function of Vitis HLS: an RTL black box."""

from __future__ import annotations

from amaranth.hdl import ClockDomain, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..block import StreamShape
from ..top import tdata_width

__all__ = ["HlsTop"]

CALL_BITS = 16
"""Of the number of calls under way: more frames than any accelerator holds."""


class HlsTop(wiring.Component):
    """One call is one frame, from a FIFO to a FIFO, under the ``ap_ctrl_chain`` handshake.

    A call is begun by ``ap_start`` and may be followed by the next once its last beat has been
    read, with ``ap_ready``; so calls overlap as the accelerator's frames do. ``ap_done`` comes
    behind the last beat that a call writes, and holds up later ones until ``ap_continue``.

    Parameters
    ----------
    core : str
        Module of the accelerator.
    input, output : StreamShape
        At its ports.

    Members
    -------
    ap_clk, ap_rst, ap_ce : In(1)
        Without ``ap_ce`` nothing is read or written.
    ap_start, ap_continue : In(1); ap_idle, ap_ready, ap_done : Out(1)
    x_dout, x_empty_n : In; x_read : Out(1)
    y_din, y_write : Out; y_full_n : In(1)
    """

    def __init__(self, core: str, input: StreamShape, output: StreamShape):
        self.core, self.input, self.output = core, input, output
        super().__init__({
            "ap_clk": In(1), "ap_rst": In(1), "ap_ce": In(1), "ap_start": In(1),
            "ap_continue": In(1), "ap_idle": Out(1), "ap_ready": Out(1), "ap_done": Out(1),
            "x_dout": In(tdata_width(input)), "x_empty_n": In(1), "x_read": Out(1),
            "y_din": Out(tdata_width(output)), "y_full_n": In(1), "y_write": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = domain = ClockDomain("sync")
        m.d.comb += [domain.clk.eq(self.ap_clk), domain.rst.eq(self.ap_rst)]
        ready, valid, last = (Signal(name=name) for name in
                              ("s_axis_tready", "m_axis_tvalid", "m_axis_tlast"))
        offers = Signal()
        takes = Signal()
        final = Signal()
        beat = Signal(range(max(2, self.input.beats)))
        calls = Signal(CALL_BITS)  # begun and not done
        held = Signal()
        m.submodules.core = Instance(
            self.core, i_aclk=self.ap_clk, i_aresetn=~self.ap_rst,
            i_s_axis_tdata=self.x_dout, i_s_axis_tvalid=offers, i_s_axis_tlast=final,
            o_s_axis_tready=ready, o_m_axis_tdata=self.y_din, o_m_axis_tvalid=valid,
            o_m_axis_tlast=last, i_m_axis_tready=takes)
        begins = Signal()
        ends = Signal()
        m.d.comb += [
            offers.eq(self.ap_start & self.x_empty_n & self.ap_ce),
            self.x_read.eq(offers & ready),
            final.eq(beat == self.input.beats - 1),
            self.ap_ready.eq(self.x_read & final),
            begins.eq(self.x_read & (beat == 0)),
            held.eq(self.ap_done & ~self.ap_continue),
            takes.eq(self.y_full_n & self.ap_ce & ~held),
            self.y_write.eq(valid & takes),
            ends.eq(self.y_write & last),
            self.ap_idle.eq((calls == 0) & ~self.ap_start & ~self.ap_done),
        ]
        with m.If(self.x_read):
            m.d.sync += beat.eq(beat + 1)
            with m.If(final):
                m.d.sync += beat.eq(0)
        m.d.sync += calls.eq(calls + begins - ends)
        with m.If(ends):
            m.d.sync += self.ap_done.eq(1)
        with m.Elif(self.ap_continue & self.ap_ce):
            m.d.sync += self.ap_done.eq(0)
        return m
