"""Bugs planted in blocks: a method with a piece of its source replaced."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from quantloom.rtl_templates import (
    adapter,
    argmax,
    cat,
    chain,
    clip,
    crop,
    deal,
    fork,
    line_buffer,
    multiply,
    neuron,
    pad,
    pipeline,
    pool,
    queue,
    requantize,
    row_buffer,
    threshold,
    tile_pool,
    upsample,
    weigh,
)

__all__ = ["MUTANTS", "Mutant"]


@dataclass(frozen=True)
class Mutant:
    """A planted bug, and what finds it.

    Attributes
    ----------
    what : str
    owner : class or module
    function : str
        Of the owner, whose source has the piece exactly once.
    old, new : str
        The piece, and what stands there instead.
    case : (str, str)
        Kind and name of the block that shows it, see :mod:`.cases`.
    check : str
        A check that fails.
    users : tuple of module
        That have imported the function.
    cycles : int
        Within which it shows.
    """

    what: str
    owner: Any
    function: str
    old: str
    new: str
    case: tuple[str, str]
    check: str
    users: tuple[Any, ...] = ()
    cycles: int = 30

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The bug is there."""
        original = getattr(self.owner, self.function)
        source = textwrap.dedent(inspect.getsource(original))
        assert source.count(self.old) == 1, f"{self.what}: {self.old!r} is not there once"
        names: dict[str, Any] = {}
        code = compile("from __future__ import annotations\n" + source.replace(self.old, self.new),
                       f"<{self.what}>", "exec")
        exec(code, original.__globals__, names)
        with ExitStack() as stack:
            for place in (self.owner, *self.users):
                stack.enter_context(patch.object(place, self.function, names[self.function]))
            yield


MUTANTS = (
    Mutant("payload not held", fork.Fork, "_register",
           "m.d.sync += [payload.eq(self.i.payload), waiting",
           "m.d.sync += [waiting",
           ("fork", "depths (1, 1)"), "data"),
    Mutant("payload changes while it waits", queue.Queue, "_register",
           "with m.If(empty):", "m.d.sync += payload.eq(self.i.payload)\n    with m.If(empty):",
           ("fifo", "depth 1"), "holds"),
    Mutant("valid falls before it is taken", queue.Queue, "_register",
           "m.d.sync += empty.eq(self.o.ready)", "m.d.sync += empty.eq(1)",
           ("fifo", "depth 1"), "holds"),
    Mutant("a credit too many", queue.CreditQueue, "elaborate",
           'Turns(m, "credit_", self.depth,', 'Turns(m, "credit_", self.depth + 1,',
           ("clip", "depth None"), "inside"),
    Mutant("credits are not asked for", pipeline, "issue",
           "room = queue.credit | ~last", "room = Const(1)",
           ("clip", "depth 1"), "inside", (clip,)),
    Mutant("a full queue is written", queue.Queue, "_memory",
           "self.i.valid & ~turns.full if", "self.i.valid if",
           ("fifo", "depth 3"), "data"),
    Mutant("a fork that loses a token", fork.Fork, "elaborate",
           "room.eq(Cat(rooms).all())", "room.eq(Cat(rooms).any())",
           ("fork", "depths (1, 2)"), "drains"),
    Mutant("swapped order", adapter.Adapter, "_collect",
           "zip(units, [*units[1:], self.i.payload.as_value()]",
           "zip(units, [self.i.payload.as_value(), *units[:-1]]",
           ("adapter", "1 to 3, depth None"), "data"),
    Mutant("units out of turn", adapter.Adapter, "_take_out",
           "with m.If(self.i.valid & queue.i.ready):", "with m.If(self.i.valid):",
           ("adapter", "3 to 1, depth None"), "data"),
    Mutant("the second input first", cat.Cat, "elaborate",
           "source = Signal(range(max(2, count)))",
           "source = Signal(range(max(2, count)), init=1)",
           ("cat", "(1, 2), depth None"), "conserves"),
    Mutant("a register without reset", cat.Cat, "elaborate",
           "source = Signal(range(max(2, count)))",
           "source = Signal(range(max(2, count)), reset_less=True)",
           ("cat", "(1, 2), depth None"), "conserves"),
    Mutant("a run too long", deal.Deal, "elaborate",
           'Loop(m, "beat", p.run, step)', 'Loop(m, "beat", p.run + 1, step)',
           ("deal", "2 x 1, depths None"), "conserves"),
    Mutant("pads before their frame", pad.Pad, "elaborate",
           "self.i.valid | ~(inside | begins)", "self.i.valid | ~inside",
           ("pad", "(2, 2, 1) with (1, 0, 1, 1), depth 1"), "conserves"),
    Mutant("pads lost", pad.Pad, "elaborate",
           "step.eq(queue.i.valid & queue.i.ready)", "step.eq(queue.i.valid)",
           ("pad", "(2, 2, 1) with (1, 0, 1, 1), depth 1"), "data"),
    Mutant("taken without room", crop.Crop, "elaborate",
           "self.i.ready.eq(queue.i.ready | ~inside)", "self.i.ready.eq(1)",
           ("crop", "(2, 1, 1) of (2, 3, 1)"), "drains"),
    Mutant("rows given up early", upsample.Upsample, "_address",
           "final.eq(copy.last & row_copy.last)", "final.eq(copy.last)",
           ("upsample", "factors (2, 1), depth None"), "data"),
    Mutant("windows before their rows", row_buffer.RingRows, "elaborate",
           "least = (needs[0] - 1) * p.row_words + words[0]",
           "least = (needs[0] - 1) * p.row_words + words[0] - 1",
           ("window", "serial"), "conserves"),
    Mutant("columns without a place", line_buffer.LineBuffer, "_queued",
           "room.eq(~emits | ~free[-1])", "room.eq(1)",
           ("window", "full, 3 rows"), "data"),
    Mutant("sums end early", neuron.Neuron, "elaborate",
           "last.eq(part.last)", "last.eq(1)",
           ("neuron", "pe 2, simd 1, depth 1"), "conserves"),
    Mutant("comparison of equals", threshold.Threshold, "_search",
           "bits.append(x >= threshold)", "bits.append(x > threshold)",
           ("threshold", "depth 1"), "data"),
    Mutant("no saturation", requantize.Requantize, "_lane",
           "value if p.wrap else saturate(value, *p.bounds)", "value",
           ("requantize", "one for all, depth 1"), "data"),
    Mutant("a bound missed", clip.Clip, "_clip",
           "saturate(decode(code, p.input_type), p.lo, p.hi)",
           "saturate(decode(code, p.input_type), p.lo, p.hi + 1)",
           ("clip", "depth 1"), "data"),
    Mutant("factors of the wrong row", weigh.Weigh, "elaborate",
           'go & loops[0].last & columns.last]', 'go & loops[0].last]',
           ("weigh", "rows and columns"), "data"),
    Mutant("one input not waited for", pipeline, "issue",
           "Cat(i.valid for i in inputs).all()", "inputs[0].valid",
           ("multiply", "signed"), "conserves", (multiply,)),
    Mutant("a channel too many", argmax.ArgMax, "elaborate",
           'counter(m, "fold", p.folds, go)', 'counter(m, "fold", p.folds + 1, go)',
           ("argmax", "lane by lane"), "drains"),
    Mutant("results left out", pool.Pool, "elaborate",
           "p.pipeline, depth=p.depth)",
           "p.pipeline, self.i.payload.as_value()[0], p.depth)",
           ("pool", "sum, depth 1"), "drains"),
    Mutant("a tile for each row", tile_pool.TilePool, "elaborate",
           "p.pipeline, last_x & last_y, p.depth", "p.pipeline, last_x, p.depth",
           ("tile_pool", "sum of the map"), "conserves"),
    Mutant("begun without room behind", chain.Chain, "elaborate",
           "room.eq(level < p.room - p.head.queue_latency)", "room.eq(level < p.room)",
           ("chain", "neuron, threshold"), "inside", cycles=60),
)
"""A bug in each block at least."""
