"""Neurons: the dot products of convolutions and dense layers, folded over time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import memory, wiring

from .bit_heap import adder_attributes, adder_resources
from .block import BlockComponent, BlockParams, StreamShape, Timing, serve
from .dot_form import DotForm
from .dot_products import best_form, dot_latency, dot_products
from .nest import loop, loop_paths, nest
from .path import Path, table_levels
from .pipeline import delay, element, pack
from .queue import CreditQueue, credit_paths
from .resources import Resources, counter_sites, lutram_sites
from .rom import MEMORIES, read_rom, rom_resources
from .types import IntType
from .validation import check_divisor, check_one_of

__all__ = ["Neuron", "NeuronParams"]


@dataclass(frozen=True, eq=False, kw_only=True)
class NeuronParams(BlockParams):
    """A layer of neurons that share their operands.

    For every position and group of operands the block computes ``outputs`` dot products of
    ``operands`` integers. It reads ``simd`` operands a beat and keeps each beat for
    ``outputs / pe`` cycles, in which every neuron takes its part: operands are never stored,
    partial sums are.

    Parameters
    ----------
    input_type, weight_type, output_type : IntType
        The output type must hold every result.
    weights : array of int, (groups, operands, outputs)
        Operands in the order in which the stream brings them.
    bias : array of int, (groups, outputs), or None
    positions_per_frame : int
        Output positions (pixels) a frame.
    pe : int
        Neurons computed a cycle; divides ``outputs``.
    simd : int
        Operands taken a cycle; divides ``operands``.
    positions : int
        Positions computed at once with the same weights; divides ``positions_per_frame``. More
        than one needs ``simd = operands``, ``pe = outputs`` and ``group_lanes = groups``.
    group_lanes : int
        Groups computed at once, each with operands and weights of its own; divides ``groups``.
        More than one needs ``simd = operands`` and ``pe = outputs``.
    group_channels : int
        Channels of a group. With several group lanes a beat brings, kernel position by kernel
        position, the channels of all its groups.

    memory : str
        Where weights are that are no part of LUTs: ``lut`` or ``block``.
    multiplier : str
        ``lut``, or ``dsp`` for products in DSP48E1, several neurons' in each.
    dsp_rows : int
        0, or how many rows are left of each sum to be added up in DSP48E1, as accumulators then
        are: up to four sums in each.
    depth : int or None
        Places of the output queue; None: enough for one beat a cycle.

    Raises
    ------
    ValueError
        If a folding is not legal; the text lists the legal ones.
    """

    input_type: IntType
    weight_type: IntType
    output_type: IntType
    weights: np.ndarray
    bias: np.ndarray | None = None
    positions_per_frame: int
    pe: int = 1
    simd: int = 1
    positions: int = 1
    group_lanes: int = 1
    group_channels: int = 1
    memory: str = "lut"
    multiplier: str = "lut"
    dsp_rows: int = 0
    depth: int | None = None

    kind = "neuron"

    def __post_init__(self) -> None:
        check_divisor("pe", self.pe, self.outputs_per_group)
        check_divisor("simd", self.simd, self.operands)
        check_divisor("positions", self.positions, self.positions_per_frame)
        check_divisor("group_lanes", self.group_lanes, self.groups)
        check_divisor("group_channels", self.group_channels, self.operands)
        check_one_of("memory", self.memory, MEMORIES)
        if self.dsp_rows < 0 or self.dsp_rows == 1:
            raise ValueError(f"dsp_rows must be 0 or at least 2, not {self.dsp_rows!r}")
        whole = self.simd == self.operands and self.pe == self.outputs_per_group
        if self.group_lanes > 1 and not whole:
            raise ValueError("group_lanes above 1 must come with simd = "
                             f"{self.operands} and pe = {self.outputs_per_group}")
        if self.positions > 1 and not (whole and self.group_lanes == self.groups):
            raise ValueError(f"positions above 1 must come with simd = {self.operands}, "
                             f"pe = {self.outputs_per_group} and group_lanes = {self.groups}")

    @property
    def groups(self) -> int:
        """Groups of operands with weights of their own."""
        return int(self.weights.shape[0])

    @property
    def operands(self) -> int:
        """Operands of a dot product."""
        return int(self.weights.shape[1])

    @property
    def outputs_per_group(self) -> int:
        """Neurons that share a group's operands."""
        return int(self.weights.shape[2])

    @property
    def operand_folds(self) -> int:
        """Beats that bring the operands of one position and group."""
        return self.operands // self.simd

    @property
    def output_folds(self) -> int:
        """Cycles that a beat of operands is kept."""
        return self.outputs_per_group // self.pe

    @property
    def group_folds(self) -> int:
        """Groups that follow one another at a position."""
        return self.groups // self.group_lanes

    @property
    def lanes(self) -> int:
        """Multiply-accumulates a cycle."""
        return self.positions * self.group_lanes * self.pe * self.simd

    @property
    def inputs(self) -> tuple[StreamShape, ...]:
        lanes = self.positions * self.group_lanes * self.simd
        beats = self.positions_per_frame // self.positions * self.group_folds * self.operand_folds
        return (StreamShape(self.input_type, lanes, beats),)

    @property
    def outputs(self) -> tuple[StreamShape, ...]:
        lanes = self.positions * self.group_lanes * self.pe
        beats = self.positions_per_frame // self.positions * self.group_folds * self.output_folds
        return (StreamShape(self.output_type, lanes, beats),)

    @property
    def cycles(self) -> int:
        return self.inputs[0].beats * self.output_folds

    @property
    def weight_bits_read(self) -> int:
        word = self.group_lanes * self.pe * self.simd
        return self.cycles * word * self.weight_type.bits

    @property
    def leads(self) -> bool:
        return True

    @property
    def latency(self) -> int:  # type: ignore[override]
        """Issue to queue: operand register, dot product, accumulator, queue."""
        return self.pipeline + 1

    @property
    def pipeline(self) -> int:
        """Cycles from issue to the output queue's input."""
        return self.dot_latency + 1

    @cached_property
    def dot_latency(self) -> int:
        """Cycles from issue to the sums of the operands of a beat, the same in every group."""
        return max(dot_latency(form) for form in self.forms)

    @cached_property
    def forms(self) -> tuple[DotForm, ...]:
        """Dot products of each group lane."""
        return tuple(best_form(self.input_type, self.weight_type, self.weight_words[:, group],
                               self.memory, self.multiplier, self.dsp_rows)
                     for group in range(self.group_lanes))

    @cached_property
    def initial(self) -> np.ndarray:
        """What the sum of each output starts from: bias and what the dot products leave over.

        Array (group folds, output folds, group lanes, pe).
        """
        constants = np.stack([form.constants for form in self.forms], axis=1)
        shape = (self.group_folds, self.operand_folds, self.output_folds, self.group_lanes, self.pe)
        values = constants.reshape(shape).sum(axis=1)
        if self.bias is not None:
            bias = self.bias.reshape(self.group_folds, self.group_lanes, self.output_folds, self.pe)
            values = values + bias.transpose(0, 2, 1, 3)
        return values

    @cached_property
    def weight_words(self) -> np.ndarray:
        """Weights by time slot: array (slots, group lanes, pe, simd); slot = (group, sf, nf)."""
        w = self.weights.reshape(
            self.group_folds, self.group_lanes,
            self.operand_folds, self.simd, self.output_folds, self.pe,
        )  # fmt: skip
        w = w.transpose(0, 2, 4, 1, 5, 3)
        return w.reshape(-1, self.group_lanes, self.pe, self.simd)

    def operand_lanes(self, array: np.ndarray) -> np.ndarray:
        """View of a beat's lanes (last axis) as (..., positions, group lanes, simd)."""
        lead = array.shape[:-1]
        kernel = self.simd // self.group_channels if self.group_lanes > 1 else self.simd
        channels = self.group_channels if self.group_lanes > 1 else 1
        split = array.reshape(*lead, self.positions, kernel, self.group_lanes, channels)
        return np.moveaxis(split, -2, -3).reshape(
            *lead, self.positions, self.group_lanes, self.simd
        )

    def reference(self, *beats: np.ndarray) -> tuple[np.ndarray, ...]:
        x = self.operand_lanes(np.asarray(beats[0], dtype=np.int64))
        # (step, group fold, sf, position, group lane, simd) -> operands of each group together
        x = x.reshape(-1, self.group_folds, self.operand_folds, self.positions,
                      self.group_lanes, self.simd)
        x = np.moveaxis(x, 2, 4)  # (step, group fold, position, group lane, sf, simd)
        x = x.reshape(*x.shape[:4], self.operands)
        w = self.weights.astype(np.int64).reshape(
            self.group_folds, self.group_lanes, self.operands, self.outputs_per_group)
        y = np.einsum("sfplk,flkn->sfpln", x, w, optimize=True)
        if self.bias is not None:
            y = y + self.bias.reshape(self.group_folds, 1, self.group_lanes, -1)
        y = y.reshape(*y.shape[:4], self.output_folds, self.pe)
        y = np.moveaxis(y, 4, 2)  # (step, group fold, nf, position, group lane, pe)
        return (y.reshape(self.outputs[0].beats, self.outputs[0].lanes),)

    def schedule(self, frames: int, *arrivals: np.ndarray) -> Timing:
        beats, folds = len(arrivals[0]), self.output_folds
        emits = (np.arange(beats) % self.operand_folds == self.operand_folds - 1).repeat(folds)
        start = serve(arrivals[0].repeat(folds), depth=self.depth, hold=self.latency + 1,
                      emits=emits)
        return Timing((start[folds - 1 :: folds],), (start[emits] + self.latency,))

    @property
    def resources(self) -> Resources:
        results = self.positions * self.group_lanes * self.pe
        bits = results * self.output_type.bits
        total = sum((form.resources for form in self.forms), Resources()) * self.positions
        # Accumulators, and where their sums wait for the next beat.
        if self.operand_folds > 1:
            adder = adder_resources(self.sum_bits, dsp=self.dsp_rows > 0)
            total += adder * results
            if not adder.lut:  # what the sums begin from is no part of a carry chain then
                total += Resources(lut=bits / 2)
            total += (Resources(ff=bits) if self.output_folds == 1 else
                      Resources(lut=lutram_sites(bits, self.output_folds)))
        if self._starts > 1:
            total += rom_resources(bits, self._starts, "lut")
        if self.depth == 1:
            total += Resources(ff=bits, lut=3)
        else:
            total += Resources(lut=lutram_sites(bits, self.depth or self.pipeline + 3) + 10, ff=12)
        folds = (self.output_folds, self.operand_folds, len(self.weight_words), self.group_folds)
        control = sum(counter_sites(fold) for fold in folds) + 6
        return total + Resources(lut=control, ff=3 * self.pipeline + control)

    @property
    def paths(self) -> tuple[Path, ...]:
        # Only the bits of the result matter.
        bits = self.output_type.bits
        found = [replace(path, carry=min(path.carry, bits),
                         factors=path.factors if bits > 1 else ())
                 for form in self.forms for path in form.paths]
        results = self.positions * self.group_lanes * self.pe
        if self.operand_folds > 1:
            # What the sum starts from is chosen in front of the chain.
            stored = self.output_folds > 1
            found.append(Path(what="accumulator", luts=1, carry=self.sum_bits,
                              source="lutram" if stored else "register", words=self.output_folds,
                              fanout=self.sum_bits * results, tail=stored))
        elif self._starts > 1 or self.initial.any():
            found.append(Path(what="initial value", carry=self.sum_bits))
        if self._starts > 1:
            words = self.group_folds * self.output_folds
            found.append(Path(what="initial values", luts=table_levels(words),
                              fanout=self.output_type.bits * self.group_lanes * self.pe))
        folds = (self.output_folds, self.operand_folds, self.group_folds, len(self.weight_words))
        if counted := max((fold - 1).bit_length() for fold in folds):
            found += loop_paths(counted)
        width = self.outputs[0].width
        return (*found, *credit_paths(width, self.pipeline, self.depth))

    @property
    def entry(self) -> Path:
        return max((form.entry for form in self.forms), key=lambda path: path.carry)

    @property
    def sum_bits(self) -> int:
        """Bits of an accumulator: the lowest bit does not change where heap bits count 2."""
        return max(1, self.output_type.bits - (self.forms[0].scale - 1))

    @cached_property
    def _starts(self) -> int:
        """Different sets of numbers that sums start from."""
        count = self.group_lanes * self.pe
        return len(np.unique(self.initial.reshape(-1, count), axis=0))

    def create(self) -> Neuron:
        return Neuron(self)


class Neuron(BlockComponent[NeuronParams]):
    """Folded dot products; see :class:`NeuronParams` for what it computes.

    Takes a beat of operands every ``output_folds`` cycles and delivers, after the last beat of
    a position and group, ``output_folds`` beats on consecutive cycles. Latency from that last
    beat to the first result is ``params.latency`` cycles. The pipeline never stops: each result
    has its place in the output queue before it is begun.

    Members
    -------
    i : In(stream of positions x group lanes x simd elements)
    o : Out(stream of positions x group lanes x pe elements)
    """

    def elaborate(self, platform: object) -> Module:
        p = self.params
        m = Module()
        layout = p.outputs[0].layout
        # The dot products' pipeline ends at the accumulator, one register before the queue.
        m.submodules.queue = queue = CreditQueue(layout, p.pipeline, p.depth)
        wiring.connect(m, queue.o, wiring.flipped(self.o))

        # Issue: one fold of one beat a cycle.
        go = Signal()
        first = Signal()
        last = Signal()
        fold, part, group = nest(m, go, fold=p.output_folds, part=p.operand_folds,
                                 group=p.group_folds)
        slot = loop(m, "slot", len(p.weight_words), go).count
        m.d.comb += [
            first.eq(part.count == 0),
            last.eq(part.last),
            go.eq(self.i.valid & (queue.credit | ~last)),
            self.i.ready.eq(fold.last & (queue.credit | ~last)),
            queue.take.eq(go & last),
        ]

        dots = self._dot_products(m, slot)

        # At the end of the dot products: add up the parts.
        steps = p.pipeline - 1
        valid = delay(m, "valid", go, steps, reset=True)
        add_first, add_last = delay(m, "first", first, steps), delay(m, "last", last, steps)
        add_fold = delay(m, "add_fold", fold.count, steps)
        results = self._accumulate(m, dots, valid, add_first, add_fold,
                                   self._initial(m, fold.count, group.count, steps))
        m.d.sync += [
            queue.valid.eq(valid & add_last),
            queue.payload.eq(Cat(results)),
        ]
        return m

    def _dot_products(self, m: Module, slot: Signal) -> list[Value]:
        """Heap sums by position, group lane and neuron, ``dot_latency`` cycles after issue."""
        p = self.params
        lane = p.operand_lanes(np.arange(p.inputs[0].lanes))
        payload = self.i.payload.as_value()
        dots: list[Value] = []
        for position in range(p.positions):
            for group, form in enumerate(p.forms):
                operands = [element(payload, int(k), p.input_type) for k in lane[position, group]]
                unit = Module()
                m.submodules[f"dot_{position}_{group}"] = unit
                late = p.dot_latency - dot_latency(form)
                dots += [delay(unit, f"pe{n}_late", value, late)
                         for n, value in enumerate(dot_products(unit, form, operands, slot))]
        return dots

    def _initial(self, m: Module, fold: Signal, group: Signal, steps: int) -> list[Value]:
        """What each sum starts from, by position, group lane and neuron."""
        p = self.params
        bits, count = p.output_type.bits + 1, p.group_lanes * p.pe
        fold_bits = (p.output_folds - 1).bit_length()
        group_bits = (p.group_folds - 1).bit_length()
        words = np.zeros((p.group_folds, 1 << fold_bits, count), dtype=np.int64)
        words[:] = p.initial.reshape(p.group_folds, -1, count)[:, :1]  # the unused ones
        words[:, : p.output_folds] = p.initial.reshape(p.group_folds, -1, count)
        index = delay(m, "initial_of", Cat(fold[:fold_bits], group[:group_bits]), steps - 1)
        word = read_rom(m, "start_table", [pack(row, bits) for row in words.reshape(-1, count)],
                          index, bits * count)
        one = [word[k * bits : (k + 1) * bits].as_signed() for k in range(count)]
        return one * p.positions

    def _accumulate(self, m: Module, dots: list[Value], valid: Value, first: Value, fold: Value,
                    initial: list[Value]) -> list[Value]:
        """Results of the position's last part, in its own cycle.

        Heap bits that count 2 leave the lowest bit of a sum to the initial value.
        """
        p = self.params
        drop, bits = p.forms[0].scale - 1, p.sum_bits
        attributes = adder_attributes(bits, dsp=p.dsp_rows > 0) if p.operand_folds > 1 else {}
        sums = [Signal(bits, name=f"sum_{k}", attrs=attributes) for k in range(len(dots))]
        starts = [(start >> drop)[:bits] for start in initial]
        if p.operand_folds > 1:
            stored = self._partial_sums(m, Cat(sums), valid, fold)
            starts = [Mux(first, start, stored[k * bits : (k + 1) * bits])
                      for k, start in enumerate(starts)]
        m.d.comb += [total.eq(start + dot)
                     for total, start, dot in zip(sums, starts, dots, strict=True)]
        if not drop:
            return list(sums)
        return [Cat(start[0], total)[: p.output_type.bits]
                for total, start in zip(sums, initial, strict=True)]

    def _partial_sums(self, m: Module, sums: Value, valid: Value, fold: Value) -> Value:
        """Last cycle's sums of the same fold: a register, or LUTRAM read asynchronously."""
        if self.params.output_folds == 1:
            held = Signal(len(sums), name="partial_sums")
            with m.If(valid):
                m.d.sync += held.eq(sums)
            return held
        m.submodules.partial_sums = store = memory.Memory(
            shape=unsigned(len(sums)), depth=self.params.output_folds, init=[])
        write = store.write_port()
        read = store.read_port(domain="comb")
        m.d.comb += [
            write.addr.eq(fold), write.data.eq(sums), write.en.eq(valid), read.addr.eq(fold),
        ]
        return read.data
