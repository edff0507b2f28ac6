"""Rings of places: the cheapest counters there are, and two of them around a buffer."""

from __future__ import annotations

from functools import cache

from amaranth.hdl import Cat, Const, Module, Signal, Value

from .resources import Resources

__all__ = ["Loop", "Ring", "Turns", "loop_resources"]

_TAPS = (
    (1,), (2, 1), (3, 2), (4, 3), (5, 3), (6, 5), (7, 6), (8, 6, 5, 4), (9, 5), (10, 7), (11, 9),
    (12, 11, 10, 4), (13, 12, 11, 8), (14, 13, 12, 2), (15, 14), (16, 15, 13, 4), (17, 14),
    (18, 11), (19, 18, 17, 14), (20, 17),
)  # fmt: skip
"""Bits, counted from 1, whose sum modulo 2 drives a shift register of that length through all
states but 0."""


class Ring:
    """A cycle of states of a shift register, for what must come round but need not count.

    The state moves one bit up; the bit that enters is a function of the state. Where a binary
    counter takes a carry chain, up to 64 states take one LUT.

    Parameters
    ----------
    modulus : int
        States, at least 2.
    """

    def __init__(self, modulus: int):
        if not 2 <= modulus <= 1 << len(_TAPS):
            raise ValueError(f"modulus must be 2 to {1 << len(_TAPS)}, not {modulus!r}")
        self.modulus = modulus
        self.bits = (modulus - 1).bit_length()
        self.first, self._turn = _cut(self.bits, modulus)

    def signal(self, name: str) -> Signal:
        """Register at the first state."""
        return Signal(self.bits, name=name, init=self.first)

    def after(self, state: Value) -> Value:
        """The state that follows."""
        entering = Cat(state[tap - 1] for tap in _TAPS[self.bits - 1]).xor()
        if self._turn is None:  # all states: 0 comes between two others
            entering = entering ^ ~state[: self.bits - 1].any()
        elif self._turn:
            entering = entering ^ (state == self._turn)
        return Cat(entering, state[: self.bits - 1])

    def states(self) -> list[int]:
        """The states in order."""
        states = [self.first]
        while len(states) < self.modulus:
            states.append(_after(states[-1], self.bits, self._turn))
        return states


def _after(state: int, bits: int, turn: int | None) -> int:
    entering = sum(state >> tap - 1 for tap in _TAPS[bits - 1]) & 1
    if turn is None:
        entering ^= not state & (1 << bits - 1) - 1
    elif state == turn:
        entering ^= 1
    return (state << 1 | entering) & (1 << bits) - 1


@cache
def _cut(bits: int, modulus: int) -> tuple[int, int | None]:
    """First state of a cycle of that length, and the state at which the entering bit is inverted.

    Inverting the bit behind one state skips the states up to another. Each number of states is
    skipped behind exactly one state, since a maximal sequence plus itself, delayed by any number
    of steps, is that sequence again.
    """
    if modulus == 1 << bits:
        return 1, None
    states = [1]
    while len(states) < (1 << bits) - 1:
        states.append(_after(states[-1], bits, 0))
    if modulus == len(states):
        return 1, 0
    place = {state: k for k, state in enumerate(states)}
    return next((other, state) for k, state in enumerate(states)
                if (other := states[(k + 1) % len(states)] ^ 1)
                and (k - place[other]) % len(states) == modulus - 1)


def loop_resources(rounds: int, parts: int) -> Resources:
    """What a :class:`Loop` occupies that knows so many parts of its way, its end included."""
    bits = (rounds - 1).bit_length()
    if not bits:
        return Resources()
    wide = bits > 6
    return Resources(lut=1 + wide + parts * (1 + wide / 2), ff=bits + parts // 2)


class Loop:
    """A loop over a ring: goes round with ``step``, and knows parts of its way.

    Parameters
    ----------
    m : Module
        Receives the logic (domain ``sync``).
    name : str
    rounds : int
        Steps around, at least 1.
    step : Value

    Attributes
    ----------
    last : Value
        The next step is the last one around.
    """

    def __init__(self, m: Module, name: str, rounds: int, step: Value):
        self.m, self.name, self.rounds, self.step = m, name, rounds, step
        if rounds == 1:
            self.last: Value = Const(1)
            return
        ring = Ring(rounds)
        self._states, self._state = ring.states(), ring.signal(name)
        self.last = self._at(rounds)
        with m.If(step):
            m.d.sync += self._state.eq(ring.after(self._state))

    def _at(self, position: int) -> Value:
        return self._state == self._states[position - 1]

    def within(self, begin: int, end: int) -> Value:
        """Whether it is at one of the positions from ``begin`` to ``end``: a register."""
        if end - begin in (0, self.rounds):
            return Const(end > begin)
        flag = Signal(name=f"{self.name}_from_{begin}_to_{end}", init=begin == 0)
        with self.m.If(self.step):
            with self.m.If(self._at(begin)):
                self.m.d.sync += flag.eq(1)
            with self.m.Elif(self._at(end)):
                self.m.d.sync += flag.eq(0)
        return flag


class Turns:
    """Two places on a ring, one behind the other, and whether the follower has caught up.

    Parameters
    ----------
    m : Module
        Receives the logic (domain ``sync``).
    name : str
        Prefix of the registers.
    size : int
        Places, at least 2.
    put : Value
        The head moves on; only while not ``full``.
    get : Value
        The tail moves on; only while ``some``.

    Attributes
    ----------
    head, tail : Signal
        Codes of the places, less than ``codes``.
    some, full : Signal
        The head is ahead of the tail, by all the places. Registers.
    """

    def __init__(self, m: Module, name: str, size: int, put: Value, get: Value):
        ring = Ring(size)
        self.codes = 1 << ring.bits
        self.head, self.tail = ring.signal(f"{name}put"), ring.signal(f"{name}get")
        self.some = Signal(name=f"{name}some")
        self.full = Signal(name=f"{name}full")
        head, tail = ring.after(self.head), ring.after(self.tail)
        with m.If(put):
            m.d.sync += self.head.eq(head)
        with m.If(get):
            m.d.sync += self.tail.eq(tail)
        with m.If(put | get):
            m.d.sync += [
                self.some.eq(put | (tail != self.head)),
                self.full.eq(~get & (head == self.tail)),
            ]
