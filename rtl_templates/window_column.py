"""Reader of the row buffers: windows column by column."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring

from .block import stream_ports
from .nest import nest
from .queue import CreditQueue
from .row_buffer import RowBanks
from .sliding_window import WindowParams

__all__ = ["ColumnWindow"]


class ColumnWindow(wiring.Component):
    """One kernel column a beat, its rows side by side; see :class:`WindowParams`.

    One beat a cycle as soon as a window is complete. Latency ``params.latency`` cycles from the
    last input beat of a window to its first output beat.

    Parameters
    ----------
    params : WindowParams
        Mode ``column``.

    Members
    -------
    i : In(stream of channels elements)
    o : Out(stream of kernel height x channels elements)
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, params: WindowParams):
        self.params = params
        super().__init__(stream_ports(params))

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        m.submodules.buffer = buffer = RowBanks(p)
        m.submodules.queue = queue = CreditQueue(p.outputs[0].layout, 2, p.depth)
        wiring.connect(m, wiring.flipped(self.i), buffer.i)
        wiring.connect(m, queue.o, wiring.flipped(self.o))

        go = Signal()
        part, kx, ox, oy = nest(m, go, part=p.slices, kx=p.kernel[1], ox=p.out_shape[1],
                                oy=p.out_shape[0])
        window_end, row_end = Signal(), Signal()
        m.d.comb += [
            window_end.eq(part.last & kx.last),
            row_end.eq(window_end & ox.last),
        ]

        above = (p.span[0] - 1) * p.row_words
        # The words a window needs of its last row also tell where the window after it begins.
        first = p.span[1] * p.slices
        stride = p.stride[1] * p.slices
        reach = Signal(range(first + p.out_shape[1] * stride + 1), init=first)
        window_base = Signal(range(p.row_words + stride))
        word = Signal(range(max(2, p.row_words)))
        complete = Signal()
        m.d.comb += [
            complete.eq(buffer.level >= Mux(
                ox.last, Mux(oy.last, p.frame_end_need, p.row_end_need), above + reach)),
            go.eq(complete & queue.credit),
            queue.take.eq(go),
            buffer.address.eq(word),
            buffer.release.eq(go & row_end),
            buffer.frame.eq(oy.last),
        ]
        pixel = (p.dilation[1] - 1) * p.slices + 1
        with m.If(go):
            with m.If(row_end):
                m.d.sync += [reach.eq(first), window_base.eq(0), word.eq(0)]
            with m.Elif(window_end):
                m.d.sync += [
                    reach.eq(reach + stride),
                    window_base.eq(window_base + stride),
                    word.eq(window_base + stride),
                ]
            with m.Else():
                m.d.sync += word.eq(word + Mux(part.last, pixel, 1))

        going = Signal()
        m.d.sync += [going.eq(go), queue.valid.eq(going)]
        m.d.comb += queue.payload.eq(buffer.rows)
        return m
