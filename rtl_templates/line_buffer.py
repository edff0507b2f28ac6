"""Line buffer: the rows of a feature map that a kernel sees, side by side."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from .nest import nest, periodic_flag, span_flag
from .queue import Queue
from .sliding_window import WindowParams

__all__ = ["LineBuffer"]


class LineBuffer(wiring.Component):
    """Columns of the rows of windows, one input word wide; see :class:`WindowParams`.

    One memory holds the rows above the newest, a word for each place of a row. Every word that
    comes in is read together with what stands above it, and written back one row further up, so
    no row needs selecting. Rows that end no row of windows go by at one word a cycle; the
    columns of the others wait in ``params.spare`` places. One place is a register and lets one
    column pass every second cycle, more are a queue at full rate. What lies outside the map has
    no defined value.

    Parameters
    ----------
    params : WindowParams
        Mode ``full``.

    Members
    -------
    i : In(stream of pixels x channels elements)
    o : Out(stream of kernel height words), the topmost row first
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, params: WindowParams):
        self.params = params
        super().__init__({
            "i": In(params.inputs[0].signature),
            "o": Out(stream.Signature(unsigned(params.kernel[0] * params.inputs[0].width))),
        })

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        step = Signal()
        room = Signal()
        word, row = nest(m, step, word=p.row_words, row=p.line_rows)
        row_step = step & word.last
        fed = span_flag(m, "fed", [y < p.shape[0] for y in range(p.line_rows)], row, row_step)
        # Whether the row ends a row of windows.
        emits = Const(1) if p.line_rows == 1 else periodic_flag(
            m, "emits", "rows_to_windows", p.first_end, p.stride[0], row.last, row_step)
        m.d.comb += [
            step.eq((self.i.valid | ~fed) & room),
            self.i.ready.eq(fed & room),
        ]
        column = self._column(m, step, word.count)
        if p.spare == 1:
            filled = Signal()
            m.d.comb += [
                room.eq(~filled),
                self.o.valid.eq(filled),
                self.o.payload.eq(column),
            ]
            m.d.sync += filled.eq(Mux(filled, ~self.o.ready, step & emits))
        else:
            self._queued(m, column, step, emits, room)
        return m

    def _queued(self, m: Module, column: Value, step: Signal, emits: Value, room: Signal) -> None:
        """Columns wait in a queue; a step of a row with windows needs a place in it."""
        places = self.params.spare
        assert places is not None
        m.submodules.queue = queue = Queue(self.o.payload.shape(), places)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        started = Signal()
        # One less than the places that are free, so that its sign tells that there is none.
        free = Signal(range(-1, places), init=places - 1)
        leaving = self.o.valid & self.o.ready
        m.d.comb += [
            room.eq(~emits | ~free[-1]),
            queue.i.valid.eq(started),
            queue.i.payload.eq(column),
        ]
        m.d.sync += started.eq(step & emits)
        with m.If(leaving & ~(step & emits)):
            m.d.sync += free.eq(free + 1)
        with m.Elif(~leaving & step & emits):
            m.d.sync += free.eq(free - 1)

    def _column(self, m: Module, step: Signal, place: Signal) -> Value:
        """The newest word and those above it, a cycle after the step, until the next step."""
        p = self.params
        width, above = p.inputs[0].width, p.span[0] - 1
        newest = Signal(width, reset_less=True)
        with m.If(step):
            m.d.sync += newest.eq(self.i.payload)
        if above == 0:
            return newest
        stack = Signal(width * above)  # the nearest row lowest
        if p.line_memory == "register":
            held = Signal(width * above, name="rows_above", reset_less=True)
            shown = Signal(width * above, name="rows_shown", reset_less=True)
            with m.If(step):
                m.d.sync += [held.eq(Cat(self.i.payload, held)), shown.eq(held)]
            m.d.comb += stack.eq(shown)
        else:
            blocks = p.line_memory == "block"
            m.submodules.rows = rows = memory.Memory(
                shape=unsigned(width * above), depth=p.row_words, init=[],
                attrs={"ram_style": "block"} if blocks else {})
            write = rows.write_port()
            read = rows.read_port(domain="sync" if blocks else "comb")
            m.d.comb += read.addr.eq(place)
            if blocks:
                late = Signal()
                late_place = Signal.like(place)
                m.d.sync += late.eq(step)
                with m.If(step):
                    m.d.sync += late_place.eq(place)
                m.d.comb += [
                    read.en.eq(step), stack.eq(read.data), write.en.eq(late),
                    write.addr.eq(late_place), write.data.eq(Cat(newest, stack)),
                ]
            else:
                shown = Signal(width * above, name="rows_shown", reset_less=True)
                with m.If(step):
                    m.d.sync += shown.eq(read.data)
                m.d.comb += [
                    stack.eq(shown), write.en.eq(step), write.addr.eq(place),
                    write.data.eq(Cat(self.i.payload, read.data)),
                ]
        column = []
        for ky in range(p.kernel[0]):
            back = (p.kernel[0] - 1 - ky) * p.dilation[0]
            column.append(stack[(back - 1) * width : back * width] if back else newest)
        return Cat(column)
