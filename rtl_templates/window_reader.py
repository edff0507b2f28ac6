"""Reader of a ring of rows: windows word by word, single or put together."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring

from .block import BlockComponent
from .nest import Loop, nest
from .pipeline import pack_codes
from .queue import CreditQueue, Queue
from .row_buffer import RowRing, turned
from .sliding_window import WindowParams

__all__ = ["RingWindow", "deliver", "outside_columns", "outside_rows"]


class RingWindow(BlockComponent[WindowParams]):
    """Windows from a single memory, one kernel position a cycle; see :class:`WindowParams`.

    Serial windows go out as they are read, one beat a cycle. Collected ones take a cycle for
    each kernel position and two more, and wait in a register while the next are collected.
    Latency ``params.latency`` cycles from the last word of a window to its first beat (collected:
    and a cycle for each further position).

    Parameters
    ----------
    params : WindowParams
        Mode ``serial``, or ``full`` and collected.

    Members
    -------
    i : In(stream of channels elements)
    o : Out(stream of channels elements, or of all kernel positions)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        m.submodules.ring = ring = RowRing(p)
        wiring.connect(m, wiring.flipped(self.i), ring.i)
        go = Signal()
        room = Signal()
        beat_end = Signal()
        m.d.comb += go.eq(ring.readable & room)
        outside = self._walk(m, ring, go, beat_end)

        # A cycle later: the word, or padding in its place.
        masked = Signal()
        m.d.sync += masked.eq(outside)
        pad = Const(pack_codes(p.pad_word, p.type)[0], p.inputs[0].width)
        arrives = Signal()
        m.d.sync += arrives.eq(go)
        if p.collect:
            self._collect(m, ring.data, pad, masked, arrives, go & beat_end, room)
        else:
            m.submodules.queue = queue = CreditQueue(p.outputs[0].layout, 1, p.depth)
            wiring.connect(m, queue.o, wiring.flipped(self.o))
            m.d.comb += [
                room.eq(queue.credit), queue.take.eq(go), queue.valid.eq(arrives),
                queue.payload.eq(Mux(masked, pad, ring.data) if any(p.pads) else ring.data),
            ]
        return m

    def _walk(self, m: Module, ring: RowRing, go: Signal, beat_end: Signal) -> Value:
        """Moves through the windows; returns whether the place lies outside the map."""
        p = self.params
        (kh, kw), (ow, slices), dx = p.kernel, (p.out_shape[1], p.slices), p.dilation[1]
        again = Signal()  # back to the base column
        advance = Signal()  # the base column moves on
        onward: Value
        if p.collect:
            kx, ky, part, ox = nest(m, go, kx=kw, ky=kh, part=slices, ox=ow)
            m.d.comb += [again.eq(kx.last), advance.eq(kx.last & ky.last)]
            onward = Const(dx * slices)
            by = Mux(part.last, p.stride[1] * slices - slices + 1, 1)
        else:
            part, kx, ky, ox = nest(m, go, part=slices, kx=kw, ky=kh, ox=ow)
            m.d.comb += [again.eq(part.last & kx.last), advance.eq(again & ky.last)]
            onward = Mux(part.last, (dx - 1) * slices + 1, 1)
            by = Const(p.stride[1] * slices)
        window_end = Signal()
        row_end = Signal()
        m.d.comb += [
            beat_end.eq(advance),
            window_end.eq(advance & part.last),
            row_end.eq(window_end & ox.last),
            ring.column.eq(ox.count),
            ring.moves.eq(go & window_end),
            ring.done.eq(go & row_end),
        ]
        left, right = p.pads[1], p.pads[3]
        bits = ((p.shape[1] + left + right) * slices - 1).bit_length() or 1
        start = -left * slices % (1 << bits)
        word = Signal(bits, init=start, name="at")
        base = Signal(bits, init=start, name="from")
        target = Signal(bits)
        m.d.comb += target.eq(Mux(again, base, word) + Mux(again, Mux(advance, by, 0), onward))
        slot = Signal(ring.slot.shape(), init=-p.pads[0] % p.rows)
        with m.If(go):
            m.d.sync += word.eq(Mux(row_end, start, target))
            with m.If(advance):
                m.d.sync += base.eq(Mux(row_end, start, target))
            with m.If(row_end):
                m.d.sync += slot.eq(ring.next_base)
            with m.Elif(advance):
                m.d.sync += slot.eq(ring.base)
            with m.Elif(again):
                m.d.sync += slot.eq(turned(slot, p.dilation[0], p.rows))
        m.d.comb += [ring.slot.eq(slot), ring.word.eq(word)]
        return outside_columns(p, word) | outside_rows(p, ring.row, ky)

    def _collect(self, m: Module, word: Value, pad: Value, masked: Signal, arrives: Signal,
                 ends: Value, room: Signal) -> None:
        """Words shift into a register, which moves on to the output when it is full."""
        p = self.params
        width = p.inputs[0].width
        window = Signal(width * p.reads, reset_less=True)
        waiting = Signal()
        full = Signal()
        moves = Signal()
        with m.If(arrives):
            m.d.sync += window.eq(Cat(window, word)[width:])
        if any(p.pads):  # the registers' own reset
            with m.If(arrives & masked):
                m.d.sync += window[-width:].eq(pad)
        m.d.comb += [
            moves.eq(full & deliver(m, p, self.o, full, window)),
            room.eq(~waiting),
        ]
        m.d.sync += [
            waiting.eq(Mux(waiting, ~moves, ends)),
            full.eq(waiting & ~moves),
        ]


def deliver(m: Module, p: WindowParams, output: stream.Interface, complete: Signal,
            window: Value) -> Value:
    """Full windows on their way out, in what ``p.output_kind`` says.

    Parameters
    ----------
    m : Module
        Receives the logic.
    p : WindowParams
    output : stream interface
        The component's own port.
    complete : Signal
        There is a window, from a register.
    window : Value
        Its lanes, as they are as long as it has not gone.

    Returns
    -------
    Value
        Whether a window that is there goes.
    """
    if p.output_kind == "columns":
        m.d.comb += [output.valid.eq(complete), output.payload.eq(window)]
        return output.ready
    if p.output_kind == "queue":
        assert p.depth is not None
        m.submodules.queue = queue = Queue(p.outputs[0].layout, p.depth)
        wiring.connect(m, queue.o, wiring.flipped(output))
        m.d.comb += [queue.i.valid.eq(complete), queue.i.payload.eq(window)]
        return queue.i.ready
    held = Signal()
    goes = Signal()
    beat = Signal(len(window), reset_less=True)
    m.d.comb += [
        goes.eq(~held | output.ready), output.valid.eq(held), output.payload.eq(beat),
    ]
    with m.If(goes):
        m.d.sync += [held.eq(complete), beat.eq(window)]
    return goes


def outside_columns(p: WindowParams, word: Signal) -> Value:
    """Whether a word of the padded row, counted from the map's first, is padding."""
    if not (p.pads[1] or p.pads[3]):
        return Const(0)
    return word >= p.row_words  # the left padding has wrapped around


def outside_rows(p: WindowParams, row: Value, ky: Loop | int) -> Value:
    """Whether a kernel row of a row of windows lies above or below the map."""
    (height, *_), (oh, _) = p.shape, p.out_shape
    outside: Value = Const(0)
    for k in range(p.kernel[0]) if isinstance(ky, Loop) else [ky]:
        place = [y * p.stride[0] - p.pads[0] + k * p.dilation[0] for y in range(oh)]
        above, below = sum(y < 0 for y in place), sum(y >= height for y in place)
        here = Const(1) if isinstance(ky, int) else ky.count == k
        if above:
            outside = outside | (here & (row < above))
        if below:
            outside = outside | (here & (row >= oh - below))
    return outside
