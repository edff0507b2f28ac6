"""Nested loops as counters."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Module, Signal, Value

from .pipeline import counter

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
        count, last = counter(m, name, total, step)
        loops.append(Loop(count, last))
        step = step & last
    return loops
