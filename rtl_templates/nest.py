"""Nested loops as counters."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Mux, Signal, Value

__all__ = ["Loop", "nest"]


@dataclass(frozen=True)
class Loop:
    """One loop: its counter, and whether it is in its last round."""

    count: Signal
    last: Signal


def nest(m: Module, step: Value, **rounds: int) -> list[Loop]:
    """Counters of nested loops, the innermost first.

    Parameters
    ----------
    m : Module
        Receives the logic (domain ``sync``).
    step : Value
        The innermost loop goes on.
    rounds : int
        Rounds of each loop by its name.

    Returns
    -------
    list of Loop
    """
    loops = []
    for name, total in rounds.items():
        count = Signal(range(max(2, total)), name=name)
        last = Signal(name=f"{name}_last")
        m.d.comb += last.eq(count == total - 1)
        if total > 1:
            with m.If(step):
                m.d.sync += count.eq(Mux(last, 0, count + 1))
        loops.append(Loop(count, last))
        step = step & last
    return loops
