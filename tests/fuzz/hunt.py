"""The hunt for networks that fail: seed after seed, the found ones shrunk and kept."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from quantloom.gen.cli.terminal import console, progress
from quantloom.gen.errors import QuantloomError
from quantloom.sim import verilator

from .case import Case, Failure, check, random_case, save
from .shrink import shrink

__all__ = ["FOUND", "hunt"]

FOUND = Path(__file__).with_name("found")
"""Cases that failed once; a test replays them."""


def hunt(seed: int, count: int | None, minutes: float | None, engines: Sequence[str],
         second: int) -> int:
    """Check networks from a seed on; the number of those that failed.

    Parameters
    ----------
    seed : int
    count : int or None
        Networks at the most.
    minutes : float or None
        Time after which no further one begins.
    engines : sequence of str
        That every network runs in.
    second : int
        Every so many also run in CXXRTL; 0: none.

    Ctrl-C ends it early.
    """
    first, start, outcomes = seed, time.monotonic(), Counter[str]()
    refusals: list[str] = []
    # A model that runs for a few frames is not worth optimising.
    verilator.FAST = verilator.SLOW
    with suppress(KeyboardInterrupt), progress("networks") as update:
        while (count is None or seed < first + count) and (
                minutes is None or time.monotonic() - start < 60 * minutes):
            update(seed - first, count, f"networks, seed {seed}")
            also = ("cxxrtl",) if second and seed % second == 0 else ()
            failure = _one(seed, (*engines, *also))
            outcomes["equal" if failure is None else failure.kind] += 1
            if failure is not None and failure.kind == "refused":
                refusals.append(f"seed {seed}: {failure.text}")
            seed += 1
    seconds = time.monotonic() - start
    for refusal in refusals:
        console.print(f"refused: {refusal}", markup=False)
    console.print(f"{seed - first} networks, seeds {first} to {seed - 1}: "
                  + ", ".join(f"{n} {kind}" for kind, n in outcomes.most_common())
                  + f"; {60 * (seed - first) / seconds:.1f} networks a minute; continue with "
                  f"--seed {seed}", markup=False)
    return sum(outcomes.values()) - outcomes["equal"] - outcomes["refused"]


def _one(seed: int, engines: Sequence[str]) -> Failure | None:
    try:
        case = random_case(seed)
    except QuantloomError as error:
        return Failure("refused", str(error))
    failure = check(case, engines)
    if failure is None or failure.kind == "refused":
        return failure
    console.print(f"seed {seed}: {failure.kind}: {failure.text}", markup=False)

    def again(smaller: Case) -> Failure | None:
        return check(smaller, engines)

    smallest, seen = shrink(case, failure, again)
    save(smallest, seen, FOUND / f"{seen.kind.lower()}_{seed}")
    console.print(f"seed {seed}: {len(smallest.network.ops)} operations left, kept as "
                  f"{FOUND.name}/{seen.kind.lower()}_{seed}: {seen.text}", markup=False)
    return failure
