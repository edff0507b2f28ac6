"""Readers of the row buffers: serial and full windows."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring

from .block import stream_ports
from .nest import nest
from .queue import CreditQueue
from .row_buffer import RingBuffer, RowBanks
from .sliding_window import WindowParams

__all__ = ["FullWindow", "SerialWindow"]


class SerialWindow(wiring.Component):
    """One kernel position a beat, from a single memory; see :class:`WindowParams`.

    One beat a cycle as soon as a window is complete. Latency ``params.latency`` cycles from the
    last input beat of a window to its first output beat.

    Parameters
    ----------
    params : WindowParams
        Mode ``serial``.

    Members
    -------
    i : In(stream of channels elements)
    o : Out(stream of channels elements)
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, params: WindowParams):
        self.params = params
        super().__init__(stream_ports(params))

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        m.submodules.buffer = buffer = RingBuffer(p)
        m.submodules.queue = queue = CreditQueue(p.outputs[0].layout, 1, p.depth)
        wiring.connect(m, wiring.flipped(self.i), buffer.i)
        wiring.connect(m, queue.o, wiring.flipped(self.o))

        (oh, ow), (kh, kw) = p.out_shape, p.kernel
        go = Signal()
        part, kx, ky, ox, oy = nest(
            m, go, part=p.slices, kx=kw, ky=kh, ox=ow, oy=oh)
        window_end = Signal()
        row_end = Signal()
        frame_end = Signal()
        m.d.comb += [
            window_end.eq(part.last & kx.last & ky.last),
            row_end.eq(window_end & ox.last),
            frame_end.eq(row_end & oy.last),
        ]

        # Words that the window needs, counted from its row's first word.
        first = (p.span[0] - 1) * p.row_words + p.span[1] * p.slices
        need = Signal(range(first + ow * p.stride[1] * p.slices + 1), init=first)
        complete = Signal()
        m.d.comb += [
            complete.eq(buffer.level >= Mux(
                ox.last, Mux(oy.last, p.frame_end_need, p.row_end_need), need)),
            go.eq(complete & queue.credit),
            queue.take.eq(go),
            buffer.release.eq(go & row_end),
            buffer.frame.eq(oy.last),
        ]
        with m.If(go & window_end):
            m.d.sync += need.eq(Mux(ox.last, first, need + p.stride[1] * p.slices))

        # Addresses: onward within the window, or on from where the window or its row began.
        word = Signal(range(buffer.capacity))
        window_base = Signal.like(word)
        row_base = Signal.like(word)
        pixel = (p.dilation[1] - 1) * p.slices + 1
        line = p.dilation[0] * p.row_words - ((kw - 1) * p.dilation[1] + 1) * p.slices + 1
        origin = Signal.like(word)
        step = Signal.like(word)
        with m.If(frame_end):
            m.d.comb += [origin.eq(row_base), step.eq(p.rest * p.row_words % buffer.capacity)]
        with m.Elif(row_end):
            m.d.comb += [origin.eq(row_base), step.eq(p.stride[0] * p.row_words)]
        with m.Elif(window_end):
            m.d.comb += [origin.eq(window_base), step.eq(p.stride[1] * p.slices)]
        with m.Elif(part.last & kx.last):
            m.d.comb += [origin.eq(word), step.eq(line)]
        with m.Elif(part.last):
            m.d.comb += [origin.eq(word), step.eq(pixel)]
        with m.Else():
            m.d.comb += [origin.eq(word), step.eq(1)]
        target = Signal.like(word)
        m.d.comb += target.eq(Mux(origin + step >= buffer.capacity,
                                  origin + step - buffer.capacity, origin + step))
        with m.If(go):
            m.d.sync += word.eq(target)
            with m.If(window_end):
                m.d.sync += window_base.eq(target)
            with m.If(row_end):
                m.d.sync += row_base.eq(target)
        m.d.comb += [buffer.address.eq(word), queue.payload.eq(buffer.data)]
        m.d.sync += queue.valid.eq(go)
        return m


class FullWindow(wiring.Component):
    """All kernel positions at once: columns shift through registers; see :class:`WindowParams`.

    Reads one word of each kernel row a cycle and puts out a beat with every word that completes
    ``positions`` windows. Latency ``params.latency`` cycles from that word.

    Parameters
    ----------
    params : WindowParams
        Mode ``full``.

    Members
    -------
    i : In(stream of pixels x channels elements)
    o : Out(stream of positions x kernel x channels elements)
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

        # Groups of a row: some to fill the registers, then one beat every `every` groups.
        every = p.positions * p.stride[1] // p.pixels
        groups = len(p.needs[0]) // p.slices
        go, emit = Signal(), Signal()
        part, group, oy = nest(m, go, part=p.slices, group=groups, oy=p.out_shape[0])
        phase = Signal(range(max(2, every)))
        filled = Signal()
        row_end = Signal()
        m.d.comb += [
            filled.eq(group.count >= p.history),
            emit.eq(filled & (phase == 0)),
            row_end.eq(part.last & group.last),
        ]
        with m.If(go & part.last):
            m.d.sync += phase.eq(Mux(~filled | group.last | (phase == every - 1), 0, phase + 1))

        first = (p.span[0] - 1) * p.row_words + 1
        need = Signal(range(first + p.row_words + 1), init=first)
        complete = Signal()
        word = Signal(range(max(2, p.row_words)))
        m.d.comb += [
            complete.eq(buffer.level >= Mux(
                row_end, Mux(oy.last, p.frame_end_need, p.row_end_need), need)),
            go.eq(complete & (queue.credit | ~emit)),
            queue.take.eq(go & emit),
            buffer.address.eq(word),
            buffer.release.eq(go & row_end),
            buffer.frame.eq(oy.last),
        ]
        with m.If(go):
            m.d.sync += [
                need.eq(Mux(row_end, first, need + 1)),
                word.eq(Mux(row_end, 0, word + 1)),
            ]

        # Two cycles later the column is there: move every row's registers on.
        going = Signal(2)
        emitting = Signal(2)
        m.d.sync += [going.eq(Cat(go, going)), emitting.eq(Cat(go & emit, emitting))]
        m.d.comb += [
            queue.valid.eq(emitting[1]),
            queue.payload.eq(self._window(m, buffer, going[1])),
        ]
        return m

    def _window(self, m: Module, buffer: RowBanks, shift: Signal) -> Cat:
        """The lanes of an output beat, from the column at hand and those before it."""
        p = self.params
        bits, width = p.type.bits, p.inputs[0].width
        taps = []  # by kernel row: the column's words, newest first
        for ky in range(p.kernel[0]):
            words = [buffer.rows[ky * width : (ky + 1) * width]]
            for k in range(p.history * p.slices):
                register = Signal(width, name=f"row_{ky}_back_{k + 1}")
                with m.If(shift):
                    m.d.sync += register.eq(words[-1])
                words.append(register)
            taps.append(words)
        lanes = []
        for position in range(p.positions):
            for ky in range(p.kernel[0]):
                for kx in range(p.kernel[1]):
                    column = position * p.stride[1] + kx * p.dilation[1]
                    back = (p.history - column // p.pixels) * p.slices
                    start = column % p.pixels * p.channels * bits
                    lanes.append(taps[ky][back][start : start + p.channels * bits])
        return Cat(lanes)
