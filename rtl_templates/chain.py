"""Chain: pipelines that never stop, one behind the other, with one queue at the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring

from .block import BlockComponent, BlockParams, StreamShape, Timing, fewest_places
from .path import Path
from .queue import Queue, queue_paths, queue_resources, queue_source
from .resources import Resources

__all__ = ["Chain", "ChainParams"]


@dataclass(frozen=True, eq=False)
class ChainParams(BlockParams):
    """Blocks whose pipelines are joined without queues between them.

    Where the first of two pipelines reserves places for what it begins, and the second takes
    whatever comes, the places may as well be those behind the second, and its results are
    narrower. What has left the first pipeline is counted; a beat is begun only if there is room
    for that and for all that the first pipeline can hold.

    Parameters
    ----------
    parts : tuple of BlockParams
        At least two; the first one ``leads``, the others ``follow``.
    depth : int or None
        Places of the queue; never fewer than make one beat a cycle.

    Raises
    ------
    ValueError
        If a part does not fit its place, or its stream that of the part before.
    """

    parts: tuple[BlockParams, ...]
    depth: int | None = None

    kind = "chain"

    def __post_init__(self) -> None:
        if len(self.parts) < 2:
            raise ValueError(f"parts must be at least 2, not {len(self.parts)!r}")
        for k, part in enumerate(self.parts):
            if not (part.follows if k else part.leads):
                raise ValueError(f"a {part.kind} must not stand at place {k} of a chain")
        for one, other in pairwise(self.parts):
            if one.outputs != other.inputs:
                raise ValueError(f"inputs of a part must be {other.inputs}, not {one.outputs}")

    @property
    def head(self) -> BlockParams:
        """The part that begins beats."""
        return self.parts[0]

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        return self.head.inputs

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        return self.parts[-1].outputs

    @property
    def inner(self) -> tuple[StreamShape, ...]:
        return tuple(part.outputs[0] for part in self.parts[:-1])

    @property
    def cycles(self) -> int:
        return max(part.cycles for part in self.parts)

    @property
    def latency(self) -> int:  # type: ignore[override]
        """That of the parts, with one queue instead of one each."""
        return sum(part.latency for part in self.parts) - len(self.parts) + 1

    @property
    def queue_latency(self) -> int:
        return self.latency - self.head.latency + self.head.queue_latency

    @property
    def full_depth(self) -> int:
        """Places that make one beat a cycle.

        Those of the beats on their way and in the queue, until the room that they leave is
        known; and those that the head may fill before it is known that they are taken.
        """
        return self.queue_latency + 2 + self.head.queue_latency

    @property
    def room(self) -> int:
        """Places of the queue."""
        return max(self.depth or 0, self.full_depth)

    @property
    def buffer_bits(self) -> int:
        return self.head.buffer_bits

    @property
    def row_bits(self) -> int:
        return sum(part.row_bits for part in self.parts)

    @property
    def queue_bits(self) -> int:
        return self.room * self.outputs[0].width

    @property
    def weight_bits_read(self) -> int:
        return sum(part.weight_bits_read for part in self.parts)

    @property
    def resources(self) -> Resources:
        total = queue_resources(self.outputs[0].width, self.room)
        for part in self.parts:
            total += replace(part, depth=0).resources  # type: ignore[type-var]
        return total + Resources(lut=9, ff=6)  # the level

    def variants(self) -> Iterator[ChainParams]:
        for head in self.head.variants():
            yield replace(self, parts=(head, *self.parts[1:]))

    @property
    def paths(self) -> tuple[Path, ...]:
        bits = (self.room + 1).bit_length()
        level = Path(what="room behind the parts", luts=1, carry=bits, fanout=bits + 2)
        parts = (replace(part, depth=0) for part in self.parts)  # type: ignore[type-var]
        return (level, *(path for part in parts for path in part.paths),
                *queue_paths(self.outputs[0].width, self.room))

    @property
    def entry(self) -> Path:
        return self.head.entry

    @property
    def exit(self) -> str:
        return queue_source(self.outputs[0].width, self.room)

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        for part in self.parts:
            beats = part.reference(*beats)
        return beats

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        return self._follow(self.head.schedule(frames, *arrivals), frames)

    def paced_schedule(self, interval: int, frames: int, *arrivals: np.ndarray) -> Timing:
        return self._follow(self.head.paced_schedule(interval, frames, *arrivals), frames)

    def _follow(self, timing: Timing, frames: int) -> Timing:
        (at,) = timing.produced
        for part in self.parts[1:]:
            (at,) = part.schedule(frames, at - 1).produced
        return Timing(timing.consumed, (at,))

    def places(self, timing: Timing, port: int, consumed: np.ndarray) -> int:
        # The room is known a cycle late, and without what is still in the head.
        begun = timing.produced[port] - self.queue_latency
        return fewest_places(begun, consumed + 1) + self.head.queue_latency

    def create(self) -> Chain:
        return Chain(self)


class Chain(BlockComponent[ChainParams]):
    """Pipelines one behind the other; see :class:`ChainParams`.

    Members
    -------
    i, i_1, ... : In(stream), of the first part
    o : Out(stream), of the last part
    tap, tap_1, ... : Out(stream), of the others, to be watched; ``ready`` has no meaning
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        blocks = []
        for k, part in enumerate(p.parts):
            block = replace(part, depth=0).create()  # type: ignore[type-var]
            m.submodules[f"{part.kind}_{k}" if k else part.kind] = block
            blocks.append(block)
        head = blocks[0]
        for k in range(len(p.inputs)):
            port = f"i_{k}" if k else "i"
            wiring.connect(m, wiring.flipped(getattr(self, port)), getattr(head, port))
        for k, (one, other) in enumerate(pairwise(blocks)):
            tap = getattr(self, f"tap_{k}" if k else "tap")
            m.d.comb += [
                other.i.valid.eq(one.o.valid),
                other.i.payload.eq(one.o.payload),
                other.o.ready.eq(1),
                tap.valid.eq(one.o.valid),
                tap.payload.eq(one.o.payload),
            ]
        m.submodules.queue = queue = Queue(p.outputs[0].layout, p.room, guarded=False)
        m.d.comb += [
            queue.i.valid.eq(blocks[-1].o.valid),
            queue.i.payload.eq(blocks[-1].o.payload),
        ]
        wiring.connect(m, queue.o, wiring.flipped(self.o))

        # Beats between the head and the output.
        level = Signal(range(p.room + 1))
        room = Signal(init=1)
        leaving = Signal()
        m.d.comb += [leaving.eq(self.o.valid & self.o.ready), head.o.ready.eq(room)]
        with m.If(head.o.valid & ~leaving):
            m.d.sync += level.eq(level + 1)
        with m.Elif(leaving & ~head.o.valid):
            m.d.sync += level.eq(level - 1)
        m.d.sync += room.eq(level < p.room - p.head.queue_latency)
        return m
