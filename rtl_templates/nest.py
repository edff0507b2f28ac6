"""Nested loops as counters whose ends are known, in a register where not asked otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from .path import Path, and_levels

__all__ = ["Loop", "incremented", "loop", "loop_paths", "nest", "periodic_flag", "span_flag"]


@dataclass(frozen=True)
class Loop:
    """One loop: its counter, and whether it is in its last round."""

    count: Signal
    last: Value


_LOGIC_BITS = 9
"""Low bits of a count that are on no carry chain: the address of the deepest table in LUTs."""


def incremented(count: Value) -> Value:
    """The next number, as long; its low bits are plain logic, and take less than a carry chain.

    Above all where tables in LUTs are read with the count: Yosys's mapper (abc9) knows what leaves
    a carry chain as a function of the count, and takes it for terms of the tables. Then a table of
    64 words takes four LUTs in several levels instead of one LUT6.
    """
    low, high = count[:_LOGIC_BITS], count[_LOGIC_BITS:]
    following = [bit ^ low[:k].all() for k, bit in enumerate(low)]
    return Cat(following, (high + low.all())[: len(high)])


def loop(m: Module, name: str, rounds: int, step: Value, *, registered: bool = True) -> Loop:
    """Counter from 0 that starts over after ``rounds`` steps.

    Parameters
    ----------
    m : Module
        Receives the logic (domain ``sync``).
    name : str
        Of the counter.
    rounds : int
    step : Value
        The loop goes on.
    registered : bool
        Whether the last round is known from a register, or by a comparison.
    """
    count = Signal(range(max(2, rounds)), name=name)
    if rounds == 1:
        return Loop(count, Const(1))
    last = Signal(name=f"{name}_last")
    following = Mux(last, 0, incremented(count))
    if not registered:
        m.d.comb += last.eq(count == rounds - 1)
        with m.If(step):
            m.d.sync += count.eq(following)
        return Loop(count, last)
    with m.If(step):
        m.d.sync += [
            count.eq(following),
            last.eq(~last & (count == rounds - 2)),
        ]
    return Loop(count, last)


def nest(m: Module, step: Value, *, registered: bool = True, **rounds: int) -> list[Loop]:
    """Counters of nested loops, the innermost first.

    Parameters
    ----------
    m : Module
        Receives the logic (domain ``sync``).
    step : Value
        The innermost loop goes on.
    registered : bool
        See :func:`loop`.
    rounds : int
        Rounds of each loop by its name.

    Returns
    -------
    list of Loop
    """
    loops: list[Loop] = []
    ends: Value = Const(1, 1)  # of all loops inside, apart from the step: that comes late
    for name, total in rounds.items():
        loops.append(loop(m, name, total, step & ends, registered=registered))
        ends = loops[-1].last & ends
    return loops


def loop_paths(bits: int) -> tuple[Path, ...]:
    """The longest paths of nested loops whose longest counter has so many bits.

    Whether the loops inside end enables a counter; a bit of the next count is a function of those
    below, of its own and of whether it is the last round.
    """
    if not bits:
        return ()
    levels = and_levels(min(bits, _LOGIC_BITS) + 1)
    return (Path(what="ends of loops", luts=2, fanout=2 * bits + 2, tail=True),
            Path(what="count of a loop", luts=levels, carry=max(0, bits - _LOGIC_BITS),
                 fanout=bits))


def span_flag(m: Module, name: str, values: Sequence[bool], at: Loop, step: Value) -> Value:
    """``values[count]`` of a loop as a register; values that change in few places.

    Parameters
    ----------
    m : Module
    name : str
    values : sequence of bool
        One for each round.
    at : Loop
    step : Value
        The loop goes on.
    """
    if len(set(values)) == 1:
        return Const(int(values[0]), 1)
    flag = Signal(name=name, init=int(values[0]))
    rises: list[Value] = []
    falls: list[Value] = []
    for k in range(len(values)):
        following = values[(k + 1) % len(values)]
        if values[k] != following:
            here = at.last if k == len(values) - 1 else at.count == k
            (rises if following else falls).append(here)
    # As gates: an If for each would put the comparisons into the clock enable, behind the step.
    with m.If(step):
        m.d.sync += flag.eq((flag | Cat(rises).any()) & ~Cat(falls).any())
    return flag


def periodic_flag(m: Module, name: str, wait_name: str, first: int, every: int, end: Value,
                  step: Value) -> Value:
    """Whether a loop's count is ``first``, ``first + every``, ..., as a register.

    Parameters
    ----------
    m : Module
    name, wait_name : str
        Of the register, and of the counter of steps to the next of these counts: cheaper than a
        comparison with each.
    first, every : int
    end : Value
        The loop is in its last round.
    step : Value
        The loop goes on.
    """
    if first == 0 and every == 1:
        return Const(1)
    wait = Signal(range(max(first, every - 1) + 1), init=first, name=wait_name)
    flag = Signal(init=first == 0, name=name)
    with m.If(step):
        with m.If(end):
            m.d.sync += [wait.eq(first), flag.eq(first == 0)]
        with m.Elif(flag):
            m.d.sync += [wait.eq(every - 1), flag.eq(every == 1)]
        with m.Else():
            m.d.sync += [wait.eq(wait - 1), flag.eq(wait == 1)]
    return flag
