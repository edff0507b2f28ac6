"""How an operation is laid out in hardware: its foldings, their cycles and prices, its blocks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch

from ...rtl_templates.validation import divisors
from ..errors import QuantloomError
from ..network import Network, Op
from .builder import Builder, lanes_fit

__all__ = ["Folding", "Plan", "lane_options", "plan"]

Folding = dict[str, int]
"""Numbers, by key, that fold one layer."""


class Plan:
    """The layout of one operation.

    A folding is a dict with the keys that the operation has (``pe``, ``simd``, ...); operations
    that follow their input's stream have none.

    Parameters
    ----------
    network : Network
    op : Op
    """

    def __init__(self, network: Network, op: Op):
        self.network, self.op = network, op
        self.inputs = network.inputs_of(op)
        self.output = network.tensors[op.name]

    def foldings(self) -> Iterator[Folding]:
        """Every legal folding."""
        yield {}

    def cycles(self, folding: Folding) -> int:
        """Cycles a frame of the operation's slowest block."""
        return 1

    def price(self, folding: Folding) -> float:
        """Rough cost in LUTs."""
        return 0.0

    def build(self, builder: Builder, folding: Folding) -> None:
        """Add the blocks of a legal folding."""
        raise NotImplementedError

    def check(self, folding: Folding) -> Folding:
        """The folding, if it is legal.

        Raises
        ------
        QuantloomError
            If it is not: lists the legal values.
        """
        legal = list(self.foldings())
        if folding in legal:
            return folding
        keys = list(legal[0])
        if set(folding) != set(keys):
            raise QuantloomError(f"{self.op.name}: the folding must have the keys "
                                 f"{', '.join(keys) or '(none)'}, not "
                                 f"{', '.join(folding) or '(none)'}")
        for key in keys:
            # Name the first key that no choice of the later ones could make legal.
            fixed = keys[: keys.index(key)]
            values = sorted({f[key] for f in legal if all(f[k] == folding[k] for k in fixed)})
            if folding[key] not in values:
                so_far = " and ".join(f"{k} = {folding[k]}" for k in fixed)
                so_far = so_far and f" with {so_far}"
                raise QuantloomError(
                    f"{self.op.name}: {key} must be one of {', '.join(map(str, values))}{so_far}, "
                    f"not {folding[key]!r}")
        raise AssertionError("a folding is legal if every key is")

    def choose(self, target: int) -> Folding:
        """The cheapest folding within ``target`` cycles a frame, else the fastest."""
        rated = [(self.cycles(f), self.price(f), f) for f in self.foldings()]
        within = [entry for entry in rated if entry[0] <= target]
        if within:
            return min(within, key=lambda entry: (entry[1], entry[0]))[2]
        return min(rated, key=lambda entry: (entry[0], entry[1]))[2]


def lane_options(plan: Plan, *, pixels: bool = True) -> list[int]:
    """Lanes that suit all inputs and the output: parts of a pixel, then whole pixels of a row."""
    tensors = (*plan.inputs, plan.output)
    channels = min(t.shape[2] for t in tensors)
    options = divisors(channels)
    if pixels:
        width = min(t.shape[1] for t in tensors)
        options += [k * channels for k in divisors(width)[1:]]
    return [lanes for lanes in options if all(lanes_fit(t, lanes) for t in tensors)]


@singledispatch
def plan(op: Op, network: Network) -> Plan:
    """The plan of an operation; each operation's is registered beside it."""
    raise QuantloomError(f"{op.name}: no hardware for {op.kind}")


