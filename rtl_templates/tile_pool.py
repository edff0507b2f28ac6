"""Pooling of tiles: windows that do not overlap, or the whole map, reduced as elements come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Const, Module, Signal, Value, unsigned
from amaranth.lib import memory

from .block import BlockComponent, StreamShape
from .nest import Loop, loop_paths, nest, periodic_flag, span_flag
from .path import Path
from .pipeline import PipelineParams, delay, element, issue, recode
from .pool import check_pooling, running_result
from .queue import credit_paths, credit_resources, in_lutram
from .resources import Resources, bram18_of, lutram_sites
from .types import IntType
from .validation import check_divisor, check_positive

__all__ = ["TilePool", "TilePoolParams"]


@dataclass(frozen=True, kw_only=True)
class TilePoolParams(PipelineParams):
    """Largest element, or sum, of each channel of tiles side by side.

    A tile may be the whole map: global pooling. What is left of a map at the right and below is no
    tile, and goes unused.

    Parameters
    ----------
    input_type, output_type : IntType
        The output type must hold every result.
    operation : str
        ``max`` or ``sum``.
    shape : (height, width, channels)
        Of the map.
    tile : (height, width)
    lanes : int
        Channels a beat, of input and output; divides the channels.
    depth : int or None
        Places of the output queue; None: enough for one beat a cycle.

    Raises
    ------
    ValueError
        If the parameters do not fit together; the text lists the legal lanes.
    """

    input_type: IntType
    output_type: IntType
    operation: str
    shape: tuple[int, int, int]
    tile: tuple[int, int]
    lanes: int = 1

    kind = "tile_pool"

    def __post_init__(self) -> None:
        check_pooling(self.operation, self.input_type, self.output_type)
        height, width, channels = self.shape
        check_positive(height=height, width=width, channels=channels, rows=self.tile[0],
                       columns=self.tile[1])
        if self.tile[0] > height or self.tile[1] > width:
            raise ValueError(f"tile must fit a map of {self.shape[:2]}, not {self.tile!r}")
        check_divisor("lanes", self.lanes, channels)

    @property
    def tiles(self) -> tuple[int, int]:
        """Tiles down and across."""
        return self.shape[0] // self.tile[0], self.shape[1] // self.tile[1]

    @property
    def walk(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Rows and columns of the map and of a tile, as they are counted.

        Tiles as wide as the map are runs of positions: a column of them.
        """
        (height, width, _), (high, wide) = self.shape, self.tile
        if wide == width:
            return (height * width, 1), (high * width, 1)
        return (height, width), self.tile

    @property
    def folds(self) -> int:
        """Beats that bring the channels of one position."""
        return self.shape[2] // self.lanes

    @property
    def partial_type(self) -> IntType:
        """Type of the running results; sums are kept modulo the output type's range."""
        return self.input_type if self.operation == "max" else self.output_type

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        height, width, _ = self.shape
        return (StreamShape(self.input_type, self.lanes, height * width * self.folds),)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        down, across = self.tiles
        return (StreamShape(self.output_type, self.lanes, down * across * self.folds),)

    @property
    def emits(self) -> np.ndarray:
        ends = np.zeros((*self.shape[:2], self.folds), dtype=bool)
        (down, across), (high, wide) = self.tiles, self.tile
        ends[high - 1 : down * high : high, wide - 1 : across * wide : wide] = True
        return ends.reshape(-1)

    @property
    def pipeline(self) -> int:
        """Operand, result."""
        return 2

    @property
    def pitch(self) -> int:
        """Places from one tile's running results to the next one's."""
        return 1 << (self.folds - 1).bit_length()

    @property
    def words(self) -> int:
        """Running results that wait at a time, of as many channels as a beat has."""
        return (self.tiles[1] - 1) * self.pitch + self.folds

    @property
    def memory(self) -> str:
        """What holds the running results: ``register``, ``lutram`` or ``block``."""
        if self.words == 1 and not self.leftover:
            return "register"
        # Block RAM has to be read early: before the last beat's result, if that is for this place.
        small = in_lutram(self.partial_type.bits * self.lanes, self.words)
        return "lutram" if small or self.folds == 1 else "block"

    @property
    def row_bits(self) -> int:
        return self.words * self.lanes * self.partial_type.bits

    @property
    def leftover(self) -> int:
        """Columns at the right that are of no tile."""
        return self.shape[1] % self.tile[1]

    @property
    def resources(self) -> Resources:
        bits, width = self.partial_type.bits, self.partial_type.bits * self.lanes
        each = bits * 1.5 + 1 if self.operation == "max" else bits
        rounds = (self.folds, *self.walk[0], self.tiles[1] + 1 if self.walk[0][1] > 1 else 1)
        counted = sum((n - 1).bit_length() for n in rounds)
        store = {"register": Resources(ff=width),
                 "lutram": Resources(lut=lutram_sites(width, self.words),
                                     ff=width * (self.folds > 1)),
                 "block": Resources(bram18=bram18_of(width, self.words))}[self.memory]
        flags = 2 if self.tile == self.shape[:2] else 15
        return (Resources(lut=each * self.lanes + 1.45 * counted + flags,
                          ff=counted + flags + 5 + self.inputs[0].width + width) + store
                + credit_resources(self.outputs[0].width, self.pipeline, self.depth))

    @property
    def paths(self) -> tuple[Path, ...]:
        bits, width = self.partial_type.bits, self.partial_type.bits * self.lanes
        source = {"register": "register", "lutram": "lutram", "block": "bram"}[self.memory]
        walk = max((n - 1).bit_length() for n in (self.folds, *self.walk[0]))
        # The larger of two is chosen behind their comparison, the first one in front of a sum.
        return (Path(what="running result", luts=2 if self.operation == "max" else 1, carry=bits,
                     source=source, words=self.words, fanout=width, tail=source != "register"),
                *loop_paths(walk),
                *credit_paths(self.outputs[0].width, self.pipeline, self.depth))

    @property
    def entry(self) -> Path:
        return Path(what="input")

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        (down, across), (high, wide) = self.tiles, self.tile
        x = np.asarray(beats[0], dtype=np.int64).reshape(self.shape)
        x = x[: down * high, : across * wide].reshape(down, high, across, wide, -1)
        y = x.max(axis=(1, 3)) if self.operation == "max" else x.sum(axis=(1, 3))
        return (y.reshape(-1, self.lanes),)

    def create(self) -> TilePool:
        return TilePool(self)


class TilePool(BlockComponent[TilePoolParams]):
    """Pooling of tiles; see :class:`TilePoolParams` for what it computes.

    Every element meets the result of its tile so far, which waits in a memory for a row of
    tiles. One input beat a cycle, also from frame to frame; latency 3 cycles.

    Members
    -------
    i : In(stream of lanes elements)
    o : Out(stream of lanes elements)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        go = Signal()
        (rows, columns), (high, wide) = p.walk
        # A single tile asks little of its loops: comparisons are cheaper than registers.
        fold, column, row = nest(m, go, registered=(rows, columns) != (high, wide),
                                 fold=p.folds, column=columns, row=rows)
        pixel = go & fold.last
        first_x, last_x = (self._flag(m, f"{name}_column", at, 1, column, pixel)
                           for name, at in (("first", 0), ("last", wide - 1)))
        first_y, last_y = (self._flag(m, f"{name}_row", at, 0, row, pixel & column.last)
                           for name, at in (("first", 0), ("last", high - 1)))
        queue = issue(m, go, [self.i], self.o, p.pipeline, last_x & last_y, p.depth)

        # Tiles side by side: a number that stays until the tile's last column is over.
        tile = Signal(range(p.tiles[1] + 1 if columns > wide else 1))
        if len(tile):
            with m.If(pixel):
                with m.If(column.last):
                    m.d.sync += tile.eq(0)
                with m.Elif(last_x):
                    m.d.sync += tile.eq(tile + 1)

        # One cycle later: the operand meets what its channels have so far.
        running = delay(m, "running", go, reset=True)
        first = delay(m, "first", first_x & first_y)
        operand = delay(m, "operand", self.i.payload.as_value())
        partials = Signal(p.partial_type.bits * p.lanes)
        stored = self._stored(m, partials, running, fold.count, tile)
        types = (p.input_type, p.partial_type)
        m.d.comb += partials.eq(Cat(
            running_result(p.operation, types, element(operand, k, p.input_type),
                           element(stored, k, p.partial_type), first)
            for k in range(p.lanes)
        ))
        result = delay(m, "result", partials)
        m.d.comb += queue.payload.eq(Cat(
            recode(element(result, k, p.partial_type), p.partial_type, p.output_type)
            for k in range(p.lanes)
        ))
        return m

    def _flag(self, m: Module, name: str, at: int, axis: int, loop: Loop, step: Value) -> Value:
        """Whether a row or column is the one ``at`` of a whole tile, as a register."""
        count, size = (pair[axis] for pair in self.params.walk)
        if size == count:  # the loop's own ends
            return loop.last if at == size - 1 else loop.count == 0
        whole = count // size * size
        values = [k % size == at and k < whole for k in range(count)]
        if sum(values) < 2 or size == 1:
            return span_flag(m, name, values, loop, step)
        flag = periodic_flag(m, name, f"{name}_in", at, size, loop.last, step)
        if at >= count - whole:
            return flag  # none among what is left over
        inside = span_flag(m, f"{name}_inside", [k < whole for k in range(count)], loop, step)
        return flag & inside

    def _stored(self, m: Module, partials: Value, running: Value, fold: Value,
                tile: Signal) -> Value:
        """Results so far at the place of the operand: a register, LUTRAM or block RAM."""
        p = self.params
        if p.memory == "register":
            held = Signal(len(partials), name="held", reset_less=True)
            with m.If(running):
                m.d.sync += held.eq(partials)
            return held
        # Read a cycle early, into a register, unless the beat before may write that place.
        early = p.folds > 1
        style = "block" if p.memory == "block" else "distributed"
        m.submodules.partial_results = store = memory.Memory(
            shape=unsigned(len(partials)), depth=p.words, init=[],
            attrs={"ram_style": style} if early else {})
        write = store.write_port()
        read = store.read_port(domain="sync" if early else "comb")
        place = Signal((p.words - 1).bit_length())
        m.d.comb += place.eq(fold | tile * p.pitch)
        late = delay(m, "place", place)
        used = delay(m, "used", tile != p.tiles[1]) if len(tile) else Const(1)
        m.d.comb += [
            write.addr.eq(late), write.data.eq(partials), write.en.eq(running & used),
            read.addr.eq(place if early else late),
        ]
        return read.data
