"""Row buffers of the sliding windows: a ring of rows, and how full it is."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Mux, Signal, unsigned
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from .sliding_window import WindowParams

__all__ = ["Fill", "RingBuffer", "RowBanks"]


class Fill(wiring.Component):
    """Words in a ring: counted up by writes, down by the rows that the reader gives up.

    Parameters
    ----------
    params : WindowParams

    Members
    -------
    writable : Out(1)
        There is room for a word.
    write : In(1)
        A word is written; only while ``writable``.
    release : In(1)
        The reader gives up ``stride`` rows, or with ``frame`` the frame's remaining rows.
    frame : In(1)
    level : Out
        Words written and not given up.
    """

    def __init__(self, params: WindowParams):
        self.params = params
        self.capacity = params.rows * params.row_words
        super().__init__({
            "writable": Out(1),
            "write": In(1),
            "release": In(1),
            "frame": In(1),
            "level": Out(range(self.capacity + 1)),
        })

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        given = Signal.like(self.level)
        with m.If(self.release):
            m.d.comb += given.eq(Mux(self.frame, p.rest, p.stride[0]) * p.row_words)
        m.d.comb += self.writable.eq(self.level != self.capacity)
        m.d.sync += self.level.eq(self.level + self.write - given)
        return m


class RingBuffer(wiring.Component):
    """Rows one after the other in one memory with one read port.

    Parameters
    ----------
    params : WindowParams

    Members
    -------
    i : In(stream)
    address : In
        Word to be read, 0 to capacity - 1; the ring starts over behind the last.
    data : Out
        The word, one cycle later.
    release, frame, level
        See :class:`Fill`.
    """

    i: stream.Interface

    def __init__(self, params: WindowParams):
        self.params = params
        self.capacity = params.rows * params.row_words
        width = params.inputs[0].width
        super().__init__({
            "i": In(params.inputs[0].signature),
            "address": In(range(self.capacity)),
            "data": Out(width),
            "release": In(1),
            "frame": In(1),
            "level": Out(range(self.capacity + 1)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.fill = fill = Fill(self.params)
        m.submodules.store = store = memory.Memory(
            shape=unsigned(len(self.data)), depth=self.capacity, init=[])
        write_port = store.write_port()
        read_port = store.read_port()
        head = Signal(range(self.capacity))
        m.d.comb += [
            self.i.ready.eq(fill.writable),
            fill.write.eq(self.i.valid & fill.writable),
            fill.release.eq(self.release),
            fill.frame.eq(self.frame),
            self.level.eq(fill.level),
            write_port.en.eq(fill.write),
            write_port.addr.eq(head),
            write_port.data.eq(self.i.payload),
            read_port.addr.eq(self.address),
            self.data.eq(read_port.data),
        ]
        with m.If(fill.write):
            m.d.sync += head.eq(Mux(head == self.capacity - 1, 0, head + 1))
        return m


class RowBanks(wiring.Component):
    """A memory a row, so that one column of all the kernel's rows is read in a cycle.

    Parameters
    ----------
    params : WindowParams

    Members
    -------
    i : In(stream)
    address : In
        Word of the row to be read.
    rows : Out(array of words)
        That word of each kernel row, two cycles later.
    release, frame, level
        See :class:`Fill`. The kernel's first row moves on with ``release``.
    """

    i: stream.Interface

    def __init__(self, params: WindowParams):
        self.params = params
        width = params.inputs[0].width
        super().__init__({
            "i": In(params.inputs[0].signature),
            "address": In(range(max(2, params.row_words))),
            "rows": Out(unsigned(width * params.kernel[0])),
            "release": In(1),
            "frame": In(1),
            "level": Out(range(params.rows * params.row_words + 1)),
        })

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        m.submodules.fill = fill = Fill(p)
        width = p.inputs[0].width
        bank = Signal(range(max(2, p.rows)))
        word = Signal(range(max(2, p.row_words)))
        base = Signal(range(max(2, p.rows)))
        m.d.comb += [
            self.i.ready.eq(fill.writable),
            fill.write.eq(self.i.valid & fill.writable),
            fill.release.eq(self.release),
            fill.frame.eq(self.frame),
            self.level.eq(fill.level),
        ]
        with m.If(fill.write):
            m.d.sync += word.eq(Mux(word == p.row_words - 1, 0, word + 1))
            with m.If(word == p.row_words - 1):
                m.d.sync += bank.eq(Mux(bank == p.rows - 1, 0, bank + 1))
        with m.If(self.release):
            m.d.sync += base.eq(Mux(self.frame, _step(base, p.rest, p.rows),
                                    _step(base, p.stride[0], p.rows)))

        columns = []
        for k in range(p.rows):
            store = memory.Memory(shape=unsigned(width), depth=p.row_words, init=[])
            m.submodules[f"row_{k}"] = store
            write_port = store.write_port()
            read_port = store.read_port()
            m.d.comb += [
                write_port.en.eq(fill.write & (bank == k)),
                write_port.addr.eq(word),
                write_port.data.eq(self.i.payload),
                read_port.addr.eq(self.address),
            ]
            columns.append(read_port.data)
        # The row of windows may end with this read: the data is still of the old base.
        base_read = Signal.like(base)
        m.d.sync += base_read.eq(base)
        for ky in range(p.kernel[0]):
            turned = Array(columns[(b + ky * p.dilation[0]) % p.rows] for b in range(p.rows))
            m.d.sync += self.rows[ky * width : (ky + 1) * width].eq(turned[base_read])
        return m


def _step(value: Signal, by: int, modulus: int) -> Mux:
    by %= modulus
    return Mux(value >= modulus - by, value + by - modulus, value + by) if by else value
