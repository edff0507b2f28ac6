"""Nearest-neighbour enlargement by whole factors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Signal, Value, unsigned
from amaranth.lib import memory, wiring

from .block import BlockComponent, BlockParams, StreamShape, Timing, serve
from .path import Path, and_levels, ring_levels
from .pipeline import delay
from .queue import CreditQueue, credit_paths, credit_resources
from .resources import Resources, lutram_sites
from .ring import Loop, Ring, Turns
from .types import IntType
from .validation import check_divisor, check_positive

__all__ = ["Upsample", "UpsampleParams"]


@dataclass(frozen=True, kw_only=True)
class UpsampleParams(BlockParams):
    """Every pixel ``fx`` times, every row ``fy`` times.

    Parameters
    ----------
    type : IntType
    shape : (height, width, channels)
        Of the input.
    factors : (fy, fx)
        Vertical, horizontal.
    lanes : int
        Elements a beat; divides the channels.

    depth : int or None
        Places of the output queue; None: enough for one beat a cycle.

    Raises
    ------
    ValueError
        If the parameters do not fit together; the text lists the legal lanes.
    """

    type: IntType
    shape: tuple[int, int, int]
    factors: tuple[int, int]
    lanes: int = 1
    depth: int | None = None

    kind = "upsample"

    def __post_init__(self) -> None:
        height, width, channels = self.shape
        check_positive(height=height, width=width, channels=channels,
                       vertical_factor=self.factors[0], horizontal_factor=self.factors[1])
        check_divisor("lanes", self.lanes, channels)

    @property
    def folds(self) -> int:
        """Beats of a pixel."""
        return self.shape[2] // self.lanes

    @property
    def row_pixels(self) -> int:
        """Pixels that are repeated together: a row, or one where rows are not repeated."""
        return self.shape[1] if self.factors[0] > 1 else 1

    @property
    def row_beats(self) -> int:
        """Beats that are repeated together."""
        return self.row_pixels * self.folds

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        return (StreamShape(self.type, self.lanes, self.shape[0] * self.shape[1] * self.folds),)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        beats = self.inputs[0].beats * self.factors[0] * self.factors[1]
        return (StreamShape(self.type, self.lanes, beats),)

    @property
    def cycles(self) -> int:
        return self.outputs[0].beats

    @property
    def latency(self) -> int:  # type: ignore[override]
        """Write, read, queue."""
        return 3

    @property
    def queue_latency(self) -> int:
        return self.latency - 1

    @property
    def row_bits(self) -> int:
        return 2 * self.row_beats * self.inputs[0].width

    @property
    def queue_bits(self) -> int:
        return (4 if self.depth is None else self.depth) * self.inputs[0].width

    @property
    def resources(self) -> Resources:
        bits = (2 * self.row_beats - 1).bit_length()
        width = self.inputs[0].width
        loops = sum(n > 1 for n in (self.folds, self.factors[1], self.row_pixels, self.factors[0]))
        control = Resources(lut=3 * bits + 5.5 * loops, ff=6 + 8 * bits)
        rows = Resources(lut=lutram_sites(width, 1 << bits), ff=width)
        return control + rows + credit_resources(width, 1, self.depth)

    @property
    def paths(self) -> tuple[Path, ...]:
        bits = (2 * self.row_beats - 1).bit_length()
        width = self.inputs[0].width
        return (Path(what="address", luts=3 + and_levels(bits), fanout=3 * bits),
                Path(what="places", luts=1 + ring_levels(2 * self.row_beats),
                     fanout=max(4, width // 2)),
                Path(what="rows", source="lutram", words=2 * self.row_beats, fanout=width),
                *credit_paths(width, 1, self.depth))

    @property
    def entry(self) -> Path:
        return Path(what="input")

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        x = np.asarray(beats[0], dtype=np.int64).reshape(self.shape)
        y = x.repeat(self.factors[0], axis=0).repeat(self.factors[1], axis=1)
        return (y.reshape(-1, self.lanes),)

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        rows = arrivals[0].reshape(-1, self.row_beats)
        # Reads of a row: (row repetition, pixel, pixel repetition, beat of the pixel).
        shape = (self.factors[0], self.row_pixels, self.factors[1], self.folds)
        wait = np.zeros(shape, dtype=np.int64)
        written, read = np.empty_like(rows), np.empty((len(rows), wait.size), dtype=np.int64)
        for r, arrived in enumerate(rows):
            arrived = arrived.copy()
            if r:
                arrived[0] = max(arrived[0], written[r - 1, -1] + 1)
            if r >= 2:  # two rows fit: each beat takes the place of one that was read for good
                released = read[r - 2].reshape(shape)[-1, :, -1].reshape(-1)
                arrived = np.maximum(arrived, released + 1)
            written[r] = serve(arrived)
            wait[0, :, 0] = written[r].reshape(self.row_pixels, self.folds) + 1
            ready = wait.reshape(-1).copy()
            if r:
                ready[0] = max(ready[0], read[r - 1, -1] + 1)
            read[r] = serve(ready, depth=self.depth, hold=self.queue_latency + 1,
                            before=read[:r].reshape(-1))
        return Timing((written.reshape(-1),), (read.reshape(-1) + self.latency - 1,))

    def create(self) -> Upsample:
        return Upsample(self)


class Upsample(BlockComponent[UpsampleParams]):
    """Nearest-neighbour enlargement; one output beat a cycle.

    Two rows of the input are kept (two pixels where rows are not repeated): one is read out, as
    often as it takes, while the other is written. Latency 3 cycles from an input beat to its
    first copy.

    Members
    -------
    i : In(stream of lanes elements)
    o : Out(stream of lanes elements)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        m.submodules.queue = queue = CreditQueue(p.outputs[0].layout, 1, p.depth)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        writing = Signal()
        reading = Signal()
        first = Signal()
        final = Signal()
        # What is written and not yet read at all, and what is not yet read for good.
        places = 2 * p.row_beats
        fresh = Turns(m, "fresh_", places, writing, reading & first)
        kept = Turns(m, "kept_", places, writing, reading & final)
        m.submodules.rows = rows = memory.Memory(
            shape=unsigned(p.inputs[0].width), depth=fresh.codes, init=[])
        write = rows.write_port()
        read = rows.read_port()
        m.d.comb += [
            self.i.ready.eq(~kept.full),
            writing.eq(self.i.valid & ~kept.full),
            write.addr.eq(fresh.head),
            write.data.eq(self.i.payload),
            write.en.eq(writing),
            reading.eq(queue.credit & (fresh.some | ~first)),
        ]
        get = self._address(m, reading, first, final)
        m.d.comb += [
            read.addr.eq(get),
            queue.take.eq(reading),
            queue.valid.eq(delay(m, "valid", reading, reset=True)),
            queue.payload.eq(read.data),
        ]
        return m

    def _address(self, m: Module, step: Signal, first: Signal, final: Signal) -> Value:
        """Where to read; ``first`` and ``final``: first and last copy of a beat."""
        p = self.params
        fy, fx = p.factors
        beat = Loop(m, "beat", p.folds, step)
        copy = Loop(m, "copy", fx, step & beat.last)
        pixel_done = step & beat.last & copy.last
        pixels = Loop(m, "pixel", p.row_pixels, pixel_done)
        row_copy = Loop(m, "row_copy", fy, pixel_done & pixels.last)
        m.d.comb += [
            first.eq(copy.within(0, 1) & row_copy.within(0, 1)),
            final.eq(copy.last & row_copy.last),
        ]

        ring = Ring(2 * p.row_beats)
        address = ring.signal("address")
        pixel, row = ring.signal("pixel"), ring.signal("row")  # where the current ones begin
        following = ring.after(address)
        with m.If(step):
            with m.If(~beat.last):
                m.d.sync += address.eq(following)
            with m.Elif(~copy.last):
                m.d.sync += address.eq(pixel)
            with m.Elif(pixels.last & ~row_copy.last):
                m.d.sync += [address.eq(row), pixel.eq(row)]
            with m.Else():
                m.d.sync += [address.eq(following), pixel.eq(following)]
                with m.If(pixels.last):
                    m.d.sync += row.eq(following)
        return address
