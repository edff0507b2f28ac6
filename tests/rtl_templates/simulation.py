"""A block in Amaranth's simulator, built once and run with one set of testbenches after another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from amaranth.sim import Simulator

__all__ = ["PERIOD", "Simulation", "Testbench"]

PERIOD = 1e-6
Testbench = Callable[..., Awaitable[None]]


class Simulation:
    """A simulator that starts over for each run: building it takes longer than most runs.

    Parameters
    ----------
    dut : Elaboratable
    testbenches, background : int
        How many of either kind each run has; a run ends with the last of the first kind.
    """

    def __init__(self, dut, *, testbenches: int = 1, background: int = 0) -> None:
        self._benches: list[Testbench] = []
        self._ran = False
        self._simulator = Simulator(dut)
        self._simulator.add_clock(PERIOD)
        for place in range(testbenches + background):
            self._simulator.add_testbench(self._from(place), background=place >= testbenches)

    def _from(self, place: int) -> Testbench:
        async def bench(ctx):
            await self._benches[place](ctx)

        return bench

    def run(self, *benches: Testbench) -> None:
        """Run from reset, first the testbenches, then those in the background."""
        if self._ran:
            self._simulator.reset()
        self._ran = True
        self._benches = list(benches)
        self._simulator.run()
