"""What every hardware block has in common: stream shapes, parameters, token timing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Generic, TypeVar

import numpy as np
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .path import Path
from .resources import Resources
from .types import IntType

__all__ = ["BlockComponent", "BlockParams", "StreamShape", "Timing", "fewest_places", "serve"]

P = TypeVar("P", bound="BlockParams")


@dataclass(frozen=True)
class StreamShape:
    """A stream between blocks: ``beats`` transfers a frame of ``lanes`` elements each.

    Elements travel in raster order, channels innermost; lane 0 is the first.
    """

    type: IntType
    lanes: int
    beats: int

    def __post_init__(self) -> None:
        if self.lanes < 1 or self.beats < 1:
            raise ValueError(
                f"Lanes and beats must be at least 1, not {self.lanes} and {self.beats}"
            )

    @property
    def width(self) -> int:
        """Payload width in bits."""
        return self.type.bits * self.lanes

    @property
    def elements(self) -> int:
        """Elements a frame."""
        return self.lanes * self.beats

    @property
    def layout(self) -> data.ArrayLayout:
        """Payload layout: an array of element codes."""
        return data.ArrayLayout(self.type.shape, self.lanes)

    @property
    def signature(self) -> stream.Signature:
        """Amaranth signature, seen from the producer."""
        return stream.Signature(self.layout)


@dataclass(frozen=True)
class Timing:
    """When tokens move, in cycles: one int64 array per port, one entry per beat.

    ``consumed[p][k]`` is the cycle in which beat ``k`` leaves the buffer before input ``p``,
    ``produced[p][k]`` the cycle in which beat ``k`` enters the buffer behind output ``p``.

    ``due`` is given by blocks that keep a beat in registers of their own until the queue has room
    for it: ``due[p][k]`` is the last cycle in which beat ``k`` can move on without holding up
    what comes behind it.
    """

    consumed: tuple[np.ndarray, ...]
    produced: tuple[np.ndarray, ...]
    due: tuple[np.ndarray, ...] = ()


def serve(
    ready: np.ndarray, service: int | np.ndarray = 1, *, depth: int | None = None, hold: int = 0,
    emits: np.ndarray | None = None, before: np.ndarray | None = None,
) -> np.ndarray:
    """Start cycles of jobs that one server takes in order.

    Job ``k`` starts when it is ready and the job before it is done: ``start[k] =
    max(ready[k], start[k-1] + service[k-1])``, solved without a loop as a running maximum
    (max-plus prefix sum). With ``depth``, a job that emits also waits for one of so many places,
    each of which it keeps for ``hold`` cycles.

    Parameters
    ----------
    ready : array of int64, (jobs,)
    service : int or array of int64, (jobs,)
        Cycles that a job keeps the server busy.
    depth : int or None
        Places of the output queue; None if they never run out.
    hold : int
        Cycles from the start of a job to the first in which its place can be given to another.
    emits : array of bool, (jobs,), or None
        Which jobs take a place; None if all do.
    before : array of int64 or None
        Starts of earlier jobs that took a place.

    Returns
    -------
    array of int64, (jobs,)
    """
    ready = np.asarray(ready, dtype=np.int64)
    if isinstance(service, np.ndarray):
        offset = np.concatenate((np.zeros(1, np.int64), np.cumsum(service[:-1], dtype=np.int64)))
    else:
        offset = np.arange(len(ready), dtype=np.int64) * service
    start = np.maximum.accumulate(ready - offset) + offset
    if depth is None:
        return start
    durations = np.broadcast_to(np.asarray(service, dtype=np.int64), ready.shape)
    earlier = np.zeros(0, np.int64) if before is None else np.asarray(before)[-depth:]
    taken = np.concatenate((earlier, start if emits is None else start[emits]))
    if (taken[depth:] - taken[:-depth] >= hold).all():
        return start
    places = earlier.tolist()
    free = 0
    for k, (at, busy) in enumerate(zip(ready.tolist(), durations.tolist(), strict=True)):
        at = max(at, free)
        if emits is None or emits[k]:
            if len(places) >= depth:
                at = max(at, places[-depth] + hold)
            places.append(at)
        start[k] = at
        free = at + busy
    return start


def fewest_places(begun: np.ndarray, consumed: np.ndarray) -> int:
    """Smallest ``depth`` with ``begun[k + depth] > consumed[k]`` for all ``k``."""
    for depth in (1, 2):  # the usual ones
        if (begun[depth:] > consumed[:-depth]).all():
            return depth
    # Places that are taken when a beat is begun, its own included.
    gone = np.searchsorted(consumed, begun, side="left")
    return max(1, int((np.arange(1, len(begun) + 1) - gone).max()))


class BlockParams:
    """Base of the parameter objects: everything known about one block.

    A subclass is a frozen dataclass. It validates itself on construction and gives the streams,
    the exact integer behaviour (:meth:`reference`), the timing (:meth:`schedule`) and the
    hardware (:meth:`create`).
    """

    kind: ClassVar[str]
    latency: int
    """Cycles from the last input beat that an output beat needs to that output beat."""
    depth: int | None = None
    """Places of the output queue; None: enough for one beat a cycle; 0: no queue, see
    :mod:`.chain`."""

    @property
    def leads(self) -> bool:
        """Whether it may begin a chain: it has one output queue, whose places it reserves."""
        return False

    @property
    def follows(self) -> bool:
        """Whether it may go on a chain: takes a beat in any cycle, gives one for each, in time."""
        return False

    @property
    def queue_latency(self) -> int:
        """Cycles from the taking of a place in the output queue to the beat at the output."""
        return self.latency

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        """Input streams, port ``i`` first, then ``i_1``, ``i_2``, ..."""
        raise NotImplementedError

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        """Output streams, port ``o`` first, then ``o_1``, ``o_2``, ..."""
        raise NotImplementedError

    @property
    def inner(self) -> tuple[StreamShape, ...]:
        """Streams inside that can be watched, port ``tap``, then ``tap_1``, ``tap_2``, ...

        Beats move whenever ``valid`` is high.
        """
        return ()

    @property
    def cycles(self) -> int:
        """Cycles a frame that the block needs when nothing else holds it up."""
        raise NotImplementedError

    @property
    def resources(self) -> Resources:
        """What the block occupies on a 7-series part, from a formula of its own."""
        width = sum(s.width for s in (*self.inputs, *self.outputs))
        return Resources(lut=20 + width, ff=10 + 2 * width)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The longest paths of the hardware, one or more of each kind, from a formula of its own.

        Those from the outside count from a register there. Unless a block knows better, it has
        everything that makes a path long.
        """
        width = sum(s.width for s in (*self.inputs, *self.outputs))
        return (Path(what="unknown", luts=4, carry=16, fanout=width, source="lutram"),)

    @property
    def entry(self) -> Path:
        """From the payload of an input to the first registers; its source does not count."""
        return Path(what="input", luts=2)

    @property
    def exit(self) -> str:
        """What the payload of an output comes from, one of :data:`.path.SOURCES`."""
        return "register" if self.depth == 1 else "lutram"

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        """Output beats of one frame.

        Parameters
        ----------
        beats : array of int, (beats, lanes)
            Values (not codes) of each input stream.

        Returns
        -------
        tuple of array of int64, (beats, lanes)
        """
        raise NotImplementedError

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        """Token timing of consecutive frames when no output is ever held back.

        Parameters
        ----------
        frames : int
        arrivals : array of int64, (frames * beats,)
            Cycle in which each beat is there to be taken, per input.
        """
        raise NotImplementedError

    def places(self, timing: Timing, port: int, consumed: np.ndarray) -> int:
        """Smallest depth of an output queue with which a timing is feasible.

        The place of a beat is taken when the beat is begun, and is free in the cycle after it
        was consumed: beat ``k + depth`` must not be begun before.

        Parameters
        ----------
        timing : Timing
            Of this block.
        port : int
            Output.
        consumed : array of int64, (frames * beats,)
            Cycle in which each beat leaves the queue.
        """
        return fewest_places(timing.produced[port] - self.queue_latency, consumed)

    def queue_delay(self, depth: int) -> int:
        """Cycles by which an output queue of that depth makes beats later than :meth:`schedule`.

        That is, than the schedule of a block that has no ``depth``.
        """
        return 0

    def with_depths(self, depths: Sequence[int]) -> BlockParams:
        """This block with output queues of other depths, one an output."""
        return replace(self, depth=depths[0])  # type: ignore[type-var]

    def paced_schedule(self, interval: int, frames: int, *arrivals: np.ndarray) -> Timing:
        """Token timing in a network with a frame every ``interval`` cycles.

        A block that could run ahead of its consumers (its output is in its own memory until it
        is asked for) spreads its output over the interval; others are as in :meth:`schedule`.
        """
        return self.schedule(frames, *arrivals)

    def variants(self) -> Iterator[BlockParams]:
        """This block with every size of inner buffer that may make sense, smallest first."""
        yield self

    @property
    def buffer_bits(self) -> int:
        """Bits of the inner buffer that :meth:`variants` varies."""
        return 0

    @property
    def row_bits(self) -> int:
        """Bits of the rows, or of the running results, that it keeps."""
        return self.buffer_bits

    @property
    def queue_bits(self) -> int:
        """Bits of the output queues."""
        depth = self.queue_latency + 3 if self.depth is None else self.depth
        return depth * self.outputs[0].width

    @property
    def weight_bits_read(self) -> int:
        """Bits of the weights that are applied in a frame: a word of them a cycle.

        Words that are a part of LUTs or DSPs count as well, though no memory is read for them.
        """
        return 0

    def create(self) -> wiring.Component:
        """The hardware. Ports are :attr:`inputs` and :attr:`outputs`."""
        raise NotImplementedError


class BlockComponent(wiring.Component, Generic[P]):
    """Hardware of a block: its streams are its members.

    Parameters
    ----------
    params : BlockParams
        Of the block's own kind.

    Members
    -------
    i, i_1, ... : In(stream)
    o, o_1, ... : Out(stream)
    tap, tap_1, ... : Out(stream)
        Those inside, to be watched; ``ready`` has no meaning.
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, params: P):
        self.params = params
        members: dict[str, In | Out] = {}
        for flow, letter, shapes in ((In, "i", params.inputs), (Out, "o", params.outputs),
                                     (Out, "tap", params.inner)):
            for k, shape in enumerate(shapes):
                members[letter if k == 0 else f"{letter}_{k}"] = flow(shape.signature)
        super().__init__(members)
