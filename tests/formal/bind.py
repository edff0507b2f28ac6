"""Contracts of the parts within a block, checked where they are used."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from amaranth.hdl import Fragment, Module, Signal, Value
from amaranth.lib import wiring

from quantloom.rtl_templates.queue import CreditQueue, Queue

__all__ = ["bound"]


def _queue(part: Queue) -> Value | None:
    """What is offered to an unguarded queue finds room."""
    return None if part.guarded else part.i.valid & ~part.i.ready


def _credit_queue(part: CreditQueue) -> Value | None:
    """A beat is begun only with a credit; without a queue there are none."""
    return part.take & ~part.credit if part.depth else None


CONTRACTS: dict[type[wiring.Component], Callable[[Any], Value | None]] = {
    Queue: _queue, CreditQueue: _credit_queue,
}
"""By kind of part: a value that must never be true, or None if there is nothing to check."""


def bound(block: wiring.Component) -> tuple[Fragment, list[Value]]:
    """A block's hardware, elaborated, and flags of the parts whose contract is broken.

    As ``bind`` of SystemVerilog does it: the block's own source has no checks in it.
    """
    flags: list[Value] = []
    with ExitStack() as stack:
        for kind, contract in CONTRACTS.items():
            watched = _watched(kind.elaborate, contract, flags)
            stack.enter_context(patch.object(kind, "elaborate", watched))
        return Fragment.get(block, None), flags


def _watched(elaborate: Callable[..., Module], contract: Callable[[Any], Value | None],
             flags: list[Value]) -> Callable[..., Module]:
    """A part's ``elaborate`` that adds a flag for each one whose contract is broken."""
    def watched(part: wiring.Component, platform: object) -> Module:
        m = elaborate(part, platform)
        if (broken := contract(part)) is not None:
            flag = Signal(name="broken")
            m.d.comb += flag.eq(broken)
            flags.append(flag)
        return m

    return watched
