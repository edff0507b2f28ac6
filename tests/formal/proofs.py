"""The proofs: each case of each block, its stream rules and its range."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from quantloom.rtl_templates.block import BlockParams

from .cases import CASES
from .checker import Checker
from .engine import Result, check
from .twin import Twin, has_range

__all__ = ["BOUNDED", "Proof", "proofs", "unrolled"]

BOUNDED: dict[tuple[str, str], tuple[str, ...]] = {}
"""Checks that are not tried for all time, by kind and case: they have too many states."""

COLOURED = ("window",)
"""Kinds whose elements have but two colours, see :class:`.Checker`: they keep many of them."""


@dataclass(frozen=True)
class Proof:
    """What is proven of a case: the stream rules, or the range of results."""

    kind: str
    case: str
    params: BlockParams
    twin: bool = False

    @property
    def name(self) -> str:
        return f"{self.case}: range" if self.twin else self.case

    def run(self) -> Result:
        """Prove it."""
        harness = Twin(self.params) if self.twin else Checker(
            self.params, coloured=self.kind in COLOURED)
        return check(harness, cycles=unrolled(self.params),
                     bounded=BOUNDED.get((self.kind, self.name), ()))


def unrolled(params: BlockParams) -> int:
    """Cycles of a bounded proof: two frames, with some pauses."""
    return 2 * params.cycles + params.latency + 5


def proofs() -> Iterator[Proof]:
    """All of them."""
    for kind, cases in CASES.items():
        for name, params in cases.items():
            yield Proof(kind, name, params)
            if has_range(params):
                yield Proof(kind, name, params, twin=True)
