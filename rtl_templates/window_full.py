"""Full windows: every kernel position at once, from the columns of a line buffer."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import memory, wiring

from .block import BlockComponent
from .line_buffer import LineBuffer
from .nest import nest, periodic_flag, span_flag
from .pipeline import pack_codes
from .sliding_window import WindowParams
from .window_reader import deliver, outside_rows

__all__ = ["FullWindow"]


class FullWindow(BlockComponent[WindowParams]):
    """All kernel positions at once; see :class:`WindowParams`.

    Takes a column of the kernel's rows from the line buffer in a cycle, or brings one of pads,
    and puts out a beat with every column that completes ``positions`` windows. The registers of
    the columns are the output: a beat that is not taken stops them. Where several columns lie
    between two beats, an output register lets them come meanwhile.

    Parameters
    ----------
    params : WindowParams
        Mode ``full``, not collected.

    Members
    -------
    i : In(stream of pixels x channels elements)
    o : Out(stream of positions x kernel x channels elements)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        m.submodules.lines = lines = LineBuffer(p)
        wiring.connect(m, wiring.flipped(self.i), lines.i)

        shift = Signal()
        takes = Signal()
        emits = Signal()
        part, group, row = nest(m, shift, part=p.slices, group=p.groups, row=p.out_shape[0])
        next_group = shift & part.last
        lead, inside = p.lead_groups, p.shape[1] // p.pixels
        # Whether the column group is one of the map's, whether it completes windows.
        mapped = span_flag(m, "inside", [lead <= k < lead + inside for k in range(p.groups)],
                           group, next_group)
        completes = Const(1) if p.groups == 1 else periodic_flag(
            m, "completes", "groups_to_window", p.history, p.every, group.last, next_group)
        m.d.comb += [
            takes.eq(mapped),
            emits.eq(completes),
            lines.o.ready.eq(shift & takes),
        ]
        free = Signal()  # nothing is complete that would be lost
        complete = Signal()
        m.d.comb += shift.eq((lines.o.valid | ~takes) & free)
        m.d.sync += complete.eq(Mux(free, shift & emits, 1))
        window = self._window(m, lines.o.payload, takes, row.count, shift, part.count)
        m.d.comb += free.eq(~complete | deliver(m, p, self.o, complete, window))
        return m

    def _window(self, m: Module, column: Value, inside: Value, row: Value, shift: Signal,
                part: Signal) -> Value:
        """The lanes of an output beat, from the newest column and those before it."""
        p = self.params
        kh, width, bits = p.kernel[0], p.inputs[0].width, p.type.bits
        newest = Signal(kh * width, name="column", reset_less=True)
        pad = Const(pack_codes(p.pad_word, p.type)[0], width)
        with m.If(shift):
            m.d.sync += newest.eq(column)
        for ky in range(kh if any(p.pads) else 0):
            # The registers' own reset: padding costs no logic.
            with m.If(shift & (outside_rows(p, row, ky) | ~inside)):
                m.d.sync += newest[ky * width : (ky + 1) * width].eq(pad)
        before = self._before(m, newest, shift, part)
        columns = [newest, *(before[k * kh * width : (k + 1) * kh * width]
                             for k in range(p.history))]
        lanes = []
        for position in range(p.positions):
            for ky in range(kh):
                for kx in range(p.kernel[1]):
                    place = p.lead + position * p.stride[1] + kx * p.dilation[1]
                    word = columns[p.history - place // p.pixels]
                    start = ky * width + place % p.pixels * p.channels * bits
                    lanes.append(word[start : start + p.channels * bits])
        return Cat(lanes)

    def _before(self, m: Module, newest: Signal, shift: Signal, part: Signal) -> Value:
        """Columns of the same channel slice before the newest, the nearest lowest."""
        p = self.params
        before = Signal(len(newest) * p.history, name="columns_before")
        if p.history == 0:
            return before
        if p.register_columns:
            last: Value = newest
            for k in range(p.history):
                for s in range(p.slices):
                    register = Signal(len(newest), name=f"column_{k + 1}_{s}")
                    with m.If(shift):
                        m.d.sync += register.eq(last)
                    last = register
                m.d.comb += before[k * len(newest) : (k + 1) * len(newest)].eq(last)
            return before
        # A word for each slice: read beside the slice's newest column, written back with it.
        m.submodules.columns = store = memory.Memory(
            shape=unsigned(len(before)), depth=p.slices, init=[])
        write = store.write_port()
        read = store.read_port(domain="comb")
        shown = Signal.like(part)
        with m.If(shift):
            m.d.sync += shown.eq(part)
        m.d.comb += [
            read.addr.eq(shown), before.eq(read.data),
            write.addr.eq(shown), write.data.eq(Cat(newest, before)), write.en.eq(shift),
        ]
        return before
