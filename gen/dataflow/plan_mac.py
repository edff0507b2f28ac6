"""Layout of convolutions and dense layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from ...rtl_templates.bit_heap import DSP_ROWS
from ...rtl_templates.block import BlockParams
from ...rtl_templates.dot_products import MULTIPLIERS
from ...rtl_templates.neuron import NeuronParams
from ...rtl_templates.rom import MEMORIES
from ...rtl_templates.sliding_window import WindowParams
from ...rtl_templates.validation import divisors
from ..network import Conv2d, Dense, Network, Pad, Tensor, Threshold
from .builder import Builder
from .plan import Folding, Plan, absorbed_pad, plan

__all__ = ["ConvPlan", "DensePlan"]

COLLECT_CYCLES = 2
"""Cycles for a beat that is put together word by word, beside one for each word."""

ARITHMETIC = ("memory", "multiplier", "dsp_rows")
"""Keys of a folding that neurons have under the same names."""

SHALLOWEST_BLOCK = 17
"""Sets of weights from which on block RAM is offered; fewer are part of the neurons' LUTs."""


@dataclass(frozen=True)
class WindowChoice:
    """A way to read windows: what it does to the operands of a beat."""

    mode: str
    channels: int
    simd: int
    group_lanes: int


class _MacPlan(Plan):
    """Layers of neurons.

    ``memory`` decides where weights are that are no part of LUTs, ``multiplier`` whether products
    are made in LUTs or in DSP48E1, ``dsp_rows`` how many rows of each sum are
    left to DSP48E1.
    """

    op: Conv2d | Dense
    defaults: ClassVar[Mapping[str, int | str]] = MappingProxyType(
        {"memory": "lut", "multiplier": "lut", "dsp_rows": 0})

    def arithmetics(self, slots: int) -> Iterator[Folding]:
        """The keys of a folding that say how products are made, for so many sets of weights."""
        bits = self.inputs[0].type.bits, self.op.weight_type.bits
        multipliers = MULTIPLIERS if min(bits) > 1 and not self.inputs[0].type.bipolar else ("lut",)
        # Sums of single bits are so short that many rows of them are mostly empty.
        dsp_rows = DSP_ROWS if max(bits) > 1 else DSP_ROWS[:2]
        for multiplier in multipliers:
            for memory in MEMORIES if slots >= SHALLOWEST_BLOCK else ("lut",):
                for rows in dsp_rows:
                    yield {"memory": memory, "multiplier": multiplier, "dsp_rows": rows}

    @property
    def settles(self) -> bool:
        """Whether a threshold is there to take the constants of the neurons' arithmetic."""
        consumers = self.network.consumers(self.op.name)
        return len(consumers) == 1 and isinstance(consumers[0], Threshold)

    def settle(self, params: BlockParams) -> BlockParams:
        if not (isinstance(params, NeuronParams) and self.settles):
            return params
        # (group folds, output folds, group lanes, pe) -> (groups, outputs)
        initial = params.initial.transpose(0, 2, 1, 3).reshape(params.groups, -1)
        return replace(params, bias=(0 if params.bias is None else params.bias) - initial)

    def neuron(self, folding: Folding) -> NeuronParams:
        """Parameters of the neurons."""
        raise NotImplementedError

    def constants(self, folding: Folding) -> np.ndarray:
        """What the sum of each output channel would start from, array (channels,)."""
        initial = self.neuron(folding).initial  # group folds, output folds, group lanes, pe
        return initial.transpose(0, 2, 1, 3).reshape(-1)


class DensePlan(_MacPlan):
    """Dense layer: operands in stream order, folded over operands and outputs."""

    op: Dense

    def foldings(self) -> Iterator[Folding]:
        operands, outputs = self.op.weights.shape
        for simd in divisors(operands):
            for pe in divisors(outputs):
                for arithmetic in self.arithmetics(operands // simd * (outputs // pe)):
                    yield {"pe": pe, "simd": simd, "positions": 1, **arithmetic}

    def cycles(self, folding: Folding) -> int:
        operands, outputs = self.op.weights.shape
        return operands // folding["simd"] * (outputs // folding["pe"])

    def neuron(self, folding: Folding) -> NeuronParams:
        return NeuronParams(
            input_type=self.inputs[0].type, weight_type=self.op.weight_type,
            output_type=self.output.type, weights=self.op.weights[None],
            bias=None if self.op.bias is None else self.op.bias[None],
            positions_per_frame=1, pe=folding["pe"], simd=folding["simd"],
            **{key: folding[key] for key in ARITHMETIC})

    def build(self, builder: Builder, folding: Folding) -> None:
        name, params = self.op.name, self.neuron(folding)
        stream = builder.take(name, self.op.inputs[0], folding["simd"])
        builder.give(name, builder.add(name, f"{name}_neuron", params, [stream], name)[0])


class ConvPlan(_MacPlan):
    """Convolution: sliding window (none for 1x1 without stride), then neurons.

    The window brings the padding in front of it. ``simd`` decides how windows are read,
    ``groups`` how many groups of a grouped convolution are computed at once, ``pixels`` how many
    of a stride's pixels come at once.
    """

    op: Conv2d
    defaults = MappingProxyType({**_MacPlan.defaults, "pixels": 1})
    _ordered: tuple[np.ndarray, np.ndarray] | None = None

    @cached_property
    def pad(self) -> Pad | None:
        """The padding in front, if it is the window's."""
        return absorbed_pad(self.op, self.network)

    @property
    def source(self) -> str:
        """Tensor that the window or the neurons take."""
        return self.pad.inputs[0] if self.pad else self.op.inputs[0]

    @property
    def upright(self) -> bool:
        """Whether a map of height 1 is turned upright.

        A row of an upright map is one element, so its window buffer holds a kernel's span
        instead of whole rows.
        """
        height, width, _ = self.inputs[0].shape
        return height == 1 and width > 1

    @cached_property
    def map(self) -> dict[str, Any]:
        """Map, kernel, stride, dilation and padding as the window sees them."""
        height, width, channels = self.network.tensors[self.source].shape
        turn = -1 if self.upright else 1
        pads, value = ((0, 0, 0, 0), 0) if self.pad is None else (self.pad.pads, self.pad.value)
        top, left, bottom, right = pads
        return {
            "shape": (*(height, width)[::turn], channels), "kernel": self.op.kernel[::turn],
            "stride": self.op.stride[::turn], "dilation": self.op.dilation[::turn],
            "pads": (*(top, left)[::turn], *(bottom, right)[::turn]), "pad_value": value,
        }

    @property
    def windowed(self) -> bool:
        """Whether a sliding window is needed."""
        return self.op.kernel != (1, 1) or self.op.stride != (1, 1)

    def choices(self) -> list[WindowChoice]:
        """Ways to bring the operands, cheapest first for each number of operands a beat."""
        kh, kw = self.map["kernel"]
        groups, channels = self.op.groups, self.op.weights.shape[2]
        whole = [g for g in divisors(groups) if g > 1]
        if not self.windowed:
            return [WindowChoice("serial", s, s, 1) for s in divisors(channels)] + [
                WindowChoice("serial", channels * g, channels, g) for g in whole]
        full = [WindowChoice("full", s, kh * kw * s, 1) for s in divisors(channels)]
        if groups > 1:  # only full windows keep the operands of a group together
            return full + [WindowChoice("full", channels * g, kh * kw * channels, g)
                           for g in whole]
        serial = [WindowChoice("serial", s, s, 1) for s in divisors(channels)]
        column = [WindowChoice("column", s, kh * s, 1) for s in divisors(channels)]
        seen: dict[int, WindowChoice] = {}
        for choice in (*serial, *(column if kh > 1 else []), *full):
            seen.setdefault(choice.simd, choice)
        return list(seen.values())

    def foldings(self) -> Iterator[Folding]:
        for folding in self._foldings():
            lanes = folding["pe"] * folding["simd"] * folding.get("groups", 1)
            for arithmetic in self.arithmetics(self.op.weights.size // lanes):
                yield {**folding, **arithmetic}

    def _foldings(self) -> Iterator[Folding]:
        """Without the keys of the arithmetic."""
        per_group = self.op.weights.shape[3] // self.op.groups
        grouped = self.op.groups > 1
        operands = int(np.prod(self.op.weights.shape[:3]))
        for choice in self.choices():
            extra = {"groups": choice.group_lanes} if grouped else {}
            whole = choice.simd == operands and choice.group_lanes == self.op.groups
            if self.windowed and self._pixels():
                extra["pixels"] = 1
            for pe in divisors(per_group) if choice.group_lanes == 1 else [per_group]:
                folding = {"pe": pe, "simd": choice.simd, "positions": 1, **extra}
                yield folding
                for pixels in self._pixels() if whole and self.windowed else ():
                    yield {**folding, "pixels": pixels}
            if whole:
                for positions in self._positions():
                    yield {"pe": per_group, "simd": choice.simd, "positions": positions, **extra}

    def _pixels(self) -> list[int]:
        """Pixels above 1 that a window with a horizontal stride may take at once."""
        _, width, _ = self.map["shape"]
        return [k for k in divisors(self.map["stride"][1])[1:] if width % k == 0]

    def _positions(self) -> list[int]:
        """Positions above 1 that fit the rows of the output and of the input."""
        if self.upright:
            return []
        _, width, _ = self.map["shape"]
        return [p for p in divisors(self.output.shape[1])[1:]
                if width % (p * self.op.stride[1]) == 0]

    def cycles(self, folding: Folding) -> int:
        neuron = (self.output.size // self.output.shape[2] * self.op.groups
                  * int(np.prod(self.op.weights.shape[:3])) // folding["simd"]
                  * (self.op.weights.shape[3] // self.op.groups // folding["pe"])
                  // folding["positions"] // folding.get("groups", 1))
        if not self.windowed:
            return neuron
        return max(neuron, self._window(folding).cycles)

    def _choice(self, folding: Folding) -> WindowChoice:
        if self.windowed and max(folding["positions"], folding.get("pixels", 1)) > 1:
            channels = self.inputs[0].shape[2]
            return WindowChoice("full", channels, folding["simd"], self.op.groups)
        return next(c for c in self.choices() if c.simd == folding["simd"]
                    and c.group_lanes == folding.get("groups", 1))

    def _window(self, folding: Folding) -> WindowParams:
        choice, positions = self._choice(folding), folding["positions"]
        kh, kw = self.map["kernel"]
        # Each beat is kept for so many cycles: enough to put the next one together?
        kept = self.op.weights.shape[3] // self.op.groups // folding["pe"]
        collect = (choice.mode == "full" and choice.channels < self.inputs[0].shape[2]
                   and kept >= kh * kw + COLLECT_CYCLES)
        pixels = positions * self.map["stride"][1] if positions > 1 else folding.get("pixels", 1)
        return WindowParams(
            type=self.inputs[0].type, **self.map, mode=choice.mode, channels=choice.channels,
            positions=positions, pixels=pixels, collect=collect, kept=kept)

    def _weights(self, folding: Folding) -> np.ndarray:
        """Weights (groups, operands, outputs) as the window brings their operands."""
        op = self.op
        order = (self._window(folding).operand_order(op.groups) if self.windowed
                 else np.arange(op.weights.shape[2]))
        # One order serves many foldings in a row.
        if self._ordered is None or not np.array_equal(self._ordered[0], order):
            kh, kw, channels, outputs = op.weights.shape
            weights = op.weights.reshape(kh * kw * channels, op.groups, outputs // op.groups)
            self._ordered = order, weights[order].transpose(1, 0, 2)
        return self._ordered[1]

    def neuron(self, folding: Folding) -> NeuronParams:
        op, choice = self.op, self._choice(folding)
        tensor: Tensor = self.inputs[0]
        outputs, channels = op.weights.shape[3], op.weights.shape[2]
        return NeuronParams(
            input_type=tensor.type, weight_type=op.weight_type, output_type=self.output.type,
            weights=self._weights(folding),
            bias=None if op.bias is None else op.bias.reshape(op.groups, -1),
            positions_per_frame=self.output.size // outputs, pe=folding["pe"],
            simd=folding["simd"], positions=folding["positions"],
            group_lanes=choice.group_lanes, group_channels=channels,
            **{key: folding[key] for key in ARITHMETIC})

    def build(self, builder: Builder, folding: Folding) -> None:
        name, source, params = self.op.name, self.source, self.neuron(folding)
        if self.windowed:
            window = self._window(folding)
            stream = builder.take(name, source, window.inputs[0].lanes)
            (stream,) = builder.add(name, f"{name}_window", window, [stream], None)
        else:
            stream = builder.take(name, source, params.inputs[0].lanes)
        builder.give(name, builder.add(name, f"{name}_neuron", params, [stream], name)[0])


@plan.register
def _conv(op: Conv2d, network: Network) -> Plan:
    return ConvPlan(network, op)


@plan.register
def _dense(op: Dense, network: Network) -> Plan:
    return DensePlan(network, op)
