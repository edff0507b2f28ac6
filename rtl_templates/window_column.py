"""Reader of the row buffers: windows column by column."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import wiring

from .block import BlockComponent
from .nest import nest
from .pipeline import pack_codes
from .queue import CreditQueue
from .row_buffer import RowBanks
from .sliding_window import WindowParams
from .window_reader import outside_columns, outside_rows

__all__ = ["ColumnWindow"]


class ColumnWindow(BlockComponent[WindowParams]):
    """One kernel column a beat, its rows side by side; see :class:`WindowParams`.

    One beat a cycle as soon as a window is there. Latency ``params.latency`` cycles from its last
    word to its first beat.

    Parameters
    ----------
    params : WindowParams
        Mode ``column``.

    Members
    -------
    i : In(stream of channels elements)
    o : Out(stream of kernel height x channels elements)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        m.submodules.banks = banks = RowBanks(p)
        m.submodules.queue = queue = CreditQueue(p.outputs[0].layout, 2, p.depth)
        wiring.connect(m, wiring.flipped(self.i), banks.i)
        wiring.connect(m, queue.o, wiring.flipped(self.o))

        go = Signal()
        row_end = Signal()
        slices, stride = p.slices, p.stride[1] * p.slices
        part, kx, ox = nest(m, go, part=slices, kx=p.kernel[1], ox=p.out_shape[1])
        window_end = part.last & kx.last
        left, right = p.pads[1], p.pads[3]
        bits = ((p.shape[1] + left + right) * slices - 1).bit_length() or 1
        start = -left * slices % (1 << bits)
        word = Signal(bits, init=start, name="at")
        base = Signal(bits, init=start, name="from")
        target = Signal(bits)
        m.d.comb += [
            row_end.eq(window_end & ox.last),
            go.eq(banks.readable & queue.credit),
            queue.take.eq(go),
            banks.column.eq(ox.count),
            banks.moves.eq(go & window_end),
            banks.done.eq(go & row_end),
            banks.word.eq(word),
            target.eq(Mux(window_end, base, word) + Mux(window_end, stride, Mux(
                part.last, (p.dilation[1] - 1) * slices + 1, 1))),
        ]
        with m.If(go):
            m.d.sync += word.eq(Mux(row_end, start, target))
            with m.If(window_end):
                m.d.sync += base.eq(Mux(row_end, start, target))

        # A cycle later the words are there, and padding takes the place of what is outside.
        width = p.inputs[0].width
        pad = Const(pack_codes(p.pad_word, p.type)[0], width)
        going = Signal()
        beside = Signal()
        m.d.sync += [going.eq(go), queue.valid.eq(going), beside.eq(outside_columns(p, word))]
        for ky in range(p.kernel[0]):
            masked = Signal(name=f"masked_{ky}")
            column = Signal(width, name=f"column_{ky}", reset_less=True)
            m.d.sync += [
                masked.eq(outside_rows(p, banks.row, ky)),
                column.eq(Mux(masked | beside, pad, banks.data[ky * width : (ky + 1) * width])),
            ]
            m.d.comb += queue.payload.as_value()[ky * width : (ky + 1) * width].eq(column)
        return m
