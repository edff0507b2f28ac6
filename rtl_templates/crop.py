"""Cropping: the part of a feature map that lies in a box."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import wiring

from .block import BlockComponent, BlockParams, StreamShape, Timing, serve
from .path import Path, and_levels
from .queue import Queue, queue_paths, queue_resources, queue_source
from .resources import Resources
from .ring import Loop, loop_resources
from .types import IntType
from .validation import check_one_of, check_positive, divisors

__all__ = ["Crop", "CropParams", "crop_lanes"]

Triple = tuple[int, int, int]


def crop_lanes(shape: Triple, start: Triple, size: Triple) -> list[int]:
    """Lanes with which whole beats are kept or dropped.

    Parts of a pixel; where all channels are kept, also several pixels, if they divide the columns
    before, in and behind the box.
    """
    channels = shape[2]
    if size[2] < channels:
        return divisors(gcd(channels, start[2], size[2]))
    pixels = gcd(shape[1], start[1], size[1])
    return divisors(channels) + [channels * k for k in divisors(pixels)[1:]]


@dataclass(frozen=True, kw_only=True)
class CropParams(BlockParams):
    """The elements in a box of a feature map.

    Parameters
    ----------
    type : IntType
    shape : (height, width, channels)
        Of the input.
    start, size : (height, width, channels)
        First element and extent of the box.
    lanes : int
        Elements a beat, see :func:`crop_lanes`.

    depth : int or None
        Places of the output queue; None: enough for one beat a cycle.

    Raises
    ------
    ValueError
        If the parameters do not fit together; the text lists the legal lanes.
    """

    type: IntType
    shape: Triple
    start: Triple
    size: Triple
    lanes: int = 1
    depth: int | None = None

    kind = "crop"

    def __post_init__(self) -> None:
        check_positive(**{f"{part}_{axis}": n for part in ("shape", "size")
                          for axis, n in zip(("y", "x", "c"), getattr(self, part), strict=True)})
        if min(self.start) < 0 or any(first + n > whole for first, n, whole in
                                      zip(self.start, self.size, self.shape, strict=True)):
            raise ValueError(f"start and size must be a box in {self.shape!r}, "
                             f"not {self.start!r} and {self.size!r}")
        check_one_of("lanes", self.lanes, crop_lanes(self.shape, self.start, self.size))

    @property
    def loops(self) -> tuple[tuple[int, int, int], ...]:
        """Rounds of the loops over the input, the innermost first, each with the first one kept and
        the one behind the last kept.

        Beats of a pixel, if some are dropped, pixels of a row; else beats of a row; then rows.
        """
        (_, width, channels), lanes = self.shape, self.lanes
        rounds, first, kept = width, self.start[1], self.size[1]
        inner = []
        if self.size[2] < channels:
            begin = self.start[2] // lanes
            inner.append((channels // lanes, begin, begin + self.size[2] // lanes))
        else:
            rounds, first, kept = (n * channels // lanes for n in (rounds, first, kept))
        return (*inner, (rounds, first, first + kept),
                (self.shape[0], self.start[0], self.start[0] + self.size[0]))

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        return (StreamShape(self.type, self.lanes, int(np.prod(self.shape)) // self.lanes),)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        return (StreamShape(self.type, self.lanes, int(np.prod(self.size)) // self.lanes),)

    @property
    def cycles(self) -> int:
        return self.inputs[0].beats

    @property
    def latency(self) -> int:  # type: ignore[override]
        """The queue."""
        return 1

    def _inside(self) -> np.ndarray:
        """Which input beats of a frame are kept: bools (beats,)."""
        inside = np.ones(1, bool)
        for rounds, begin, end in self.loops:
            at = np.arange(rounds)
            inside = (((begin <= at) & (at < end))[:, None] & inside).reshape(-1)
        return inside

    @property
    def resources(self) -> Resources:
        control = Resources(lut=1)
        for rounds, begin, end in self.loops:
            control += loop_resources(rounds, 1 + (begin > 0) + (end < rounds))
        return control + queue_resources(self.outputs[0].width, self.depth or 2)

    @property
    def paths(self) -> tuple[Path, ...]:
        walk = max((rounds - 1).bit_length() for rounds, _, _ in self.loops)
        return (Path(what="loops", luts=2 + and_levels(walk), fanout=2 * walk + 2, tail=True),
                *queue_paths(self.outputs[0].width, self.depth or 2))

    @property
    def entry(self) -> Path:
        return Path(what="input")

    @property
    def exit(self) -> str:
        return queue_source(self.outputs[0].width, self.depth or 2)

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        return (np.asarray(beats[0], dtype=np.int64)[self._inside()],)

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        inside = np.tile(self._inside(), frames)
        start = serve(arrivals[0], depth=self.depth, hold=self.latency + 1, emits=inside)
        return Timing((start,), (start[inside] + self.latency,))

    def create(self) -> Crop:
        return Crop(self)


class Crop(BlockComponent[CropParams]):
    """Cropping; one input beat a cycle, latency 1 cycle.

    Beats outside of the box are taken whether or not there is room behind.

    Members
    -------
    i : In(stream of lanes elements)
    o : Out(stream of lanes elements)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        m.submodules.queue = queue = Queue(p.outputs[0].layout, p.depth or 2)
        wiring.connect(m, queue.o, wiring.flipped(self.o))

        moves = Signal()
        inside = Signal()
        step: Value = moves
        kept = []
        names = ("beat", "column", "row")[-len(p.loops):]
        for name, (rounds, begin, end) in zip(names, p.loops, strict=True):
            loop = Loop(m, name, rounds, step)
            kept.append(loop.within(begin, end))
            step = step & loop.last
        m.d.comb += [
            inside.eq(Cat(kept).all()),
            queue.i.payload.eq(self.i.payload),
            queue.i.valid.eq(self.i.valid & inside),
            self.i.ready.eq(queue.i.ready | ~inside),
            moves.eq(self.i.valid & self.i.ready),
        ]
        return m
