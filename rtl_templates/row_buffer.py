"""Rings of rows that windows are read from: who may write, who may read, and the memories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from .nest import loop, nest
from .sliding_window import WindowParams

__all__ = ["RingRows", "RowBanks", "RowRing"]


class RingRows(wiring.Component):
    """Which rows of a ring are written, which are given up.

    Counters whose sign says whether they may go on: the writer counts free rows, the reader the
    words that are there beyond those that its window needs.

    Parameters
    ----------
    params : WindowParams

    Members
    -------
    writable : Out(1)
        There is room for the present row.
    write : In(1)
        A word is written; only while ``writable``.
    slot, word : Out
        Row of the ring and word of the row where it goes.
    readable : Out(1)
        All of the present window is there.
    column : In
        The present window of the row.
    moves : In(1)
        The reader leaves the window; only while ``readable``.
    done : In(1)
        With it, the row of windows.
    row : Out
        The present row of windows.
    base, next_base : Out
        Row of the ring where it begins, and where the next one does. If it begins above the
        map, as if there were rows.
    """

    def __init__(self, params: WindowParams):
        self.params = params
        p = params
        super().__init__({
            "writable": Out(1),
            "write": In(1),
            "slot": Out(range(max(2, p.rows))),
            "word": Out(range(max(2, p.row_words))),
            "readable": Out(1),
            "column": In(range(max(2, p.out_shape[1]))),
            "moves": In(1),
            "done": In(1),
            "row": Out(range(max(2, p.out_shape[0]))),
            "base": Out(range(max(2, p.rows)), init=-p.pads[0] % p.rows),
            "next_base": Out(range(max(2, p.rows))),
        })

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        word, slot = nest(m, self.write, word=p.row_words, slot=p.rows)
        row = loop(m, "row_of_windows", p.out_shape[0], self.done)
        written = (self.write & word.last)[0]
        m.d.comb += [self.word.eq(word.count), self.slot.eq(slot.count), self.row.eq(row.count)]

        height, needs, firsts = p.shape[0], p.rows_needed, p.rows_given_up
        gives = [b - a for a, b in zip(firsts, [*firsts[1:], height], strict=True)]
        # Words that each next window of a row needs more, and the first one of each next row.
        words = [x * p.slices for x in p.columns_needed]
        more = [b - a for a, b in pairwise(words)] or [0]
        turn = [(b - a) * p.row_words - words[-1] + words[0]
                for a, b in zip(needs, [*needs[1:], height + needs[0]], strict=True)]
        least = (needs[0] - 1) * p.row_words + words[0]
        ahead = Signal(range(-max(least, *more, *turn), p.rows * p.row_words + 1), init=-least)
        onward = Mux(self.moves, Mux(self.done, _at(row.count, [-n for n in turn]),
                                     _at(self.column, [-n for n in more])), 0)
        # One less than the free rows. Rows are given up before they have come, as far as no
        # window sees them.
        early = 1 + max(0, *(b - a for a, b in zip(needs, [*firsts[1:], height], strict=True)))
        free = Signal(range(-1, p.rows + early), init=p.rows - 1)
        m.d.comb += [self.writable.eq(~free[-1]), self.readable.eq(~ahead[-1])]
        m.d.sync += [
            ahead.eq(_plus(m, ahead, onward, self.write)),
            free.eq(_plus(m, free, Mux(self.done, _at(row.count, [n - 1 for n in gives]), -1),
                          ~written)),
        ]
        stride, restart = p.stride[0], height - (p.out_shape[0] - 1) * p.stride[0]
        m.d.comb += self.next_base.eq(Mux(row.last, turned(self.base, restart, p.rows),
                                          turned(self.base, stride, p.rows)))
        with m.If(self.done):
            m.d.sync += self.base.eq(self.next_base)
        return m


def _at(place: Value, values: Sequence[int]) -> Value:
    """``values[place]``, most of them equal."""
    usual = Counter(values).most_common(1)[0][0]
    result: Value = Const(usual)
    for k, value in enumerate(values):
        if value != usual:
            result = Mux(place == k, Const(value), result)
    return result


def turned(slot: Value, by: int, rows: int) -> Value:
    """Row of the ring ``by`` rows on."""
    by %= rows
    return Mux(slot >= rows - by, slot + by - rows, slot + by) if by else slot


def _plus(m: Module, count: Signal, change: Value, one: Value) -> Value:
    """``count + change + one``, with one carry chain."""
    by = Signal(signed(len(count)), name=f"{count.name}_change")
    m.d.comb += by.eq(change)
    return (Cat(one, count).as_signed() + Cat(Const(1, 1), by).as_signed()) >> 1


class RowRing(wiring.Component):
    """Rows in one memory with one read port.

    Parameters
    ----------
    params : WindowParams

    Members
    -------
    i : In(stream)
    slot, word : In
        What to read.
    data : Out
        The word, one cycle later.
    readable, column, moves, done, row, base, next_base
        See :class:`RingRows`.
    """

    i: stream.Interface

    def __init__(self, params: WindowParams):
        self.params = params
        super().__init__({
            **_members(params),
            "slot": In(range(max(2, params.rows))),
            "data": Out(params.inputs[0].width),
        })

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        rows = _control(m, self)
        # A row takes a power of two of words, so that no address is multiplied. The last one has
        # them all, too: an address behind its end is never used, but simulators complain of it.
        pitch = 1 << (p.row_words - 1).bit_length()
        m.submodules.store = store = memory.Memory(
            shape=unsigned(len(self.data)), depth=p.rows * pitch, init=[])
        write = store.write_port()
        read = store.read_port()
        m.d.comb += [
            write.en.eq(rows.write),
            write.addr.eq(rows.slot * pitch | rows.word),
            write.data.eq(self.i.payload),
            read.addr.eq(self.slot * pitch | self.word),
            self.data.eq(read.data),
        ]
        return m


class RowBanks(wiring.Component):
    """A memory a row, so that one column of all the kernel's rows is read in a cycle.

    Parameters
    ----------
    params : WindowParams

    Members
    -------
    i : In(stream)
    word : In
        Word of the row to be read.
    data : Out(array of words)
        That word of each kernel row, one cycle later, as long as ``base`` was what it is.
    readable, column, moves, done, row, base, next_base
        See :class:`RingRows`.
    """

    i: stream.Interface

    def __init__(self, params: WindowParams):
        self.params = params
        super().__init__({
            **_members(params),
            "data": Out(unsigned(params.inputs[0].width * params.kernel[0])),
        })

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        rows = _control(m, self)
        width = p.inputs[0].width
        banks = []
        for k in range(p.rows):
            store = memory.Memory(shape=unsigned(width), depth=p.row_words, init=[])
            m.submodules[f"row_{k}"] = store
            write = store.write_port()
            read = store.read_port()
            m.d.comb += [
                write.en.eq(rows.write & (rows.slot == k)),
                write.addr.eq(rows.word),
                write.data.eq(self.i.payload),
                read.addr.eq(self.word),
            ]
            banks.append(read.data)
        # The row of windows may end with this read: the data is still of the old base.
        base = Signal.like(self.base)
        m.d.sync += base.eq(self.base)
        for ky in range(p.kernel[0]):
            turn = Array(banks[(b + ky * p.dilation[0]) % p.rows] for b in range(p.rows))
            m.d.comb += self.data[ky * width : (ky + 1) * width].eq(turn[base])
        return m


def _members(p: WindowParams) -> dict[str, In | Out]:
    """Members that both memories have."""
    slot = range(max(2, p.rows))
    return {
        "i": In(p.inputs[0].signature),
        "word": In(range(max(2, p.row_words))),
        "readable": Out(1),
        "column": In(range(max(2, p.out_shape[1]))),
        "moves": In(1),
        "done": In(1),
        "row": Out(range(max(2, p.out_shape[0]))),
        "base": Out(slot),
        "next_base": Out(slot),
    }


def _control(m: Module, ring: RowRing | RowBanks) -> RingRows:
    """Submodule ``rows``, joined to the input and the reader's side."""
    m.submodules.rows = rows = RingRows(ring.params)
    m.d.comb += [
        ring.i.ready.eq(rows.writable),
        rows.write.eq(ring.i.valid & rows.writable),
        rows.column.eq(ring.column),
        rows.moves.eq(ring.moves),
        rows.done.eq(ring.done),
        ring.readable.eq(rows.readable),
        ring.row.eq(rows.row),
        ring.base.eq(rows.base),
        ring.next_base.eq(rows.next_base),
    ]
    return rows
