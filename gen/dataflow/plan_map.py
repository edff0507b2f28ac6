"""Layout of the operations without multiply-accumulates."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from math import gcd, prod
from types import MappingProxyType

from ...rtl_templates.add import AddParams
from ...rtl_templates.argmax import ArgMaxParams
from ...rtl_templates.block import BlockParams
from ...rtl_templates.cat import CatParams
from ...rtl_templates.clip import ClipParams
from ...rtl_templates.crop import CropParams, crop_lanes
from ...rtl_templates.multiply import MultiplyParams
from ...rtl_templates.pad import PadParams
from ...rtl_templates.pool import PoolParams
from ...rtl_templates.requantize import RequantizeParams
from ...rtl_templates.sliding_window import WindowParams
from ...rtl_templates.threshold import ThresholdParams
from ...rtl_templates.tile_pool import TilePoolParams
from ...rtl_templates.upsample import UpsampleParams
from ...rtl_templates.validation import divisors
from ...rtl_templates.weigh import WeighParams
from ..network import (
    Add,
    ArgMax,
    Clip,
    Concat,
    Conv2d,
    Crop,
    Dense,
    MaxPool,
    Multiply,
    Network,
    Op,
    Pad,
    Requantize,
    Reshape,
    SumPool,
    Threshold,
    Upsample,
    Weigh,
)
from .affine import Affine, affine_form
from .builder import Builder
from .plan import Folding, Plan, absorbed_pad, lane_options, plan

__all__ = ["ElementwisePlan", "LanePlan", "PoolPlan", "ReshapePlan"]

OPERAND_BITS = 25
"""Wider factor of a DSP slice."""


class ElementwisePlan(Plan):
    """One block, with the lanes that the stream has or some of its own.

    ``form`` of thresholds is ``search``, or ``multiply`` where their steps are even.
    """

    op: Threshold | Requantize | Clip
    defaults = MappingProxyType({"form": "search"})

    @cached_property
    def affine(self) -> Affine | None:
        """The multiplication that equals the thresholds, if there is one for a DSP slice."""
        (x,), op = self.inputs, self.op
        if not isinstance(op, Threshold) or x.type.bipolar or x.type.bits > OPERAND_BITS:
            return None
        source = next((o for o in self.network.ops if o.name == op.inputs[0]), None)
        if not isinstance(source, Conv2d | Dense):
            return affine_form(op, x.lo, x.hi)
        # By channel: constants that move between the two leave the form as it is.
        return affine_form(op, *source.channel_ranges(*self.network.inputs_of(source)))

    def foldings(self) -> Iterator[Folding]:
        forms: list[Folding] = [{}]
        if isinstance(self.op, Threshold):
            forms = [{"form": "search"}] + ([{"form": "multiply"}] if self.affine else [])
        for form in forms:
            yield form
            for lanes in lane_options(self):
                yield {"lanes": lanes, **form}

    def cycles(self, folding: Folding) -> int:
        return self.output.size // folding["lanes"] if "lanes" in folding else 1

    def build(self, builder: Builder, folding: Folding) -> None:
        name, source = self.op.name, self.op.inputs[0]
        lanes = folding.get("lanes") or builder.any_lanes(source)
        stream = builder.take(name, source, lanes)
        params = self.params(lanes, folding)
        builder.give(name, builder.add(name, name, params, [stream], name)[0])

    def params(self, lanes: int, folding: Folding) -> BlockParams:
        """Parameters of the block."""
        (x,), op = self.inputs, self.op
        channels, positions = x.shape[2], x.size // x.shape[2]
        if isinstance(op, Threshold) and folding.get("form") == "multiply":
            assert self.affine is not None
            return RequantizeParams(
                input_type=x.type, output_type=op.type, multiplier=self.affine.multiplier,
                offset=self.affine.offset, shift=self.affine.shift, lo=self.affine.lo,
                hi=self.affine.hi, lanes=lanes, channels=channels, positions_per_frame=positions)
        if isinstance(op, Threshold):
            return ThresholdParams(
                input_type=x.type, output_type=op.type, thresholds=op.thresholds, base=op.base,
                descending=op.descending, lanes=lanes, channels=channels,
                positions_per_frame=positions)
        if isinstance(op, Requantize):
            return RequantizeParams(
                input_type=x.type, output_type=op.type, multiplier=op.multiplier,
                offset=op.offset, negative_offset=op.negative_offset, shift=op.shift,
                to_even=op.to_even, wrap=op.wrap, lo=op.lo, hi=op.hi, lanes=lanes,
                channels=channels, positions_per_frame=positions)
        return ClipParams(input_type=x.type, output_type=self.output.type, lo=self.output.lo,
                          hi=self.output.hi, lanes=lanes, channels=channels,
                          positions_per_frame=positions)


class LanePlan(Plan):
    """One block with a number of lanes to choose."""

    def foldings(self) -> Iterator[Folding]:
        for lanes in self.options():
            yield {"lanes": lanes}

    def options(self) -> list[int]:
        """Legal lanes."""
        return lane_options(self)

    def cycles(self, folding: Folding) -> int:
        return self.params(folding["lanes"]).cycles

    def params(self, lanes: int) -> BlockParams:
        """Parameters of the block."""
        raise NotImplementedError

    def build(self, builder: Builder, folding: Folding) -> None:
        name = self.op.name
        params = self.params(folding["lanes"])
        streams = [builder.take(name, source, shape.lanes)
                   for source, shape in zip(self.op.inputs, params.inputs, strict=True)]
        builder.give(name, builder.add(name, name, params, streams, name)[0])


class PadPlan(LanePlan):
    """Padding: a block, unless the sliding window behind it brings it."""

    op: Pad

    @cached_property
    def absorbed(self) -> bool:
        """Whether the operation behind brings the padding."""
        consumers = self.network.consumers(self.op.name)
        return len(consumers) == 1 and absorbed_pad(consumers[0], self.network) is not None

    def foldings(self) -> Iterator[Folding]:
        return iter([{}]) if self.absorbed else super().foldings()

    def cycles(self, folding: Folding) -> int:
        return 1 if self.absorbed else super().cycles(folding)

    def build(self, builder: Builder, folding: Folding) -> None:
        if not self.absorbed:
            super().build(builder, folding)

    def options(self) -> list[int]:
        (x,) = self.inputs
        _, left, _, right = self.op.pads
        pixels = [k for k in divisors(x.shape[1])[1:] if left % k == right % k == 0]
        return divisors(x.shape[2]) + [k * x.shape[2] for k in pixels]

    def params(self, lanes: int) -> BlockParams:
        (x,) = self.inputs
        return PadParams(input_type=x.type, output_type=self.output.type, shape=x.shape,
                         pads=self.op.pads, value=self.op.value, lanes=lanes)


class CropPlan(LanePlan):
    """A box of a tensor."""

    op: Crop

    def options(self) -> list[int]:
        return crop_lanes(self.inputs[0].shape, self.op.start, self.op.size)

    def params(self, lanes: int) -> BlockParams:
        (x,) = self.inputs
        return CropParams(type=x.type, shape=x.shape, start=self.op.start, size=self.op.size,
                          lanes=lanes)


class AddPlan(LanePlan):
    """Sum of tensors."""

    op: Add

    def params(self, lanes: int) -> BlockParams:
        return AddParams(input_types=tuple(x.type for x in self.inputs),
                         output_type=self.output.type, multipliers=self.op.multipliers,
                         lanes=lanes, beats=self.output.size // lanes)


class MultiplyPlan(LanePlan):
    """Product of two tensors."""

    op: Multiply

    def params(self, lanes: int) -> BlockParams:
        a, b = self.inputs
        return MultiplyParams(input_types=(a.type, b.type), output_type=self.output.type,
                              offsets=self.op.offsets, lanes=lanes,
                              beats=self.output.size // lanes)


class WeighPlan(LanePlan):
    """Factors by row and column."""

    op: Weigh

    def params(self, lanes: int) -> BlockParams:
        (x,) = self.inputs
        return WeighParams(input_type=x.type, output_type=self.output.type, channels=x.shape[2],
                           rows=tuple(self.op.rows.tolist()),
                           columns=tuple(self.op.columns.tolist()), lanes=lanes)


class CatPlan(LanePlan):
    """Concatenation: so many elements of each tensor in turn."""

    op: Concat

    def options(self) -> list[int]:
        if self.op.axis < 2:
            return lane_options(self)
        return divisors(gcd(*(x.shape[2] for x in self.inputs)))

    def params(self, lanes: int) -> BlockParams:
        runs = tuple(prod(x.shape[self.op.axis :]) for x in self.inputs)
        return CatParams(input_types=tuple(x.type for x in self.inputs),
                         output_type=self.output.type, channels=runs, lanes=lanes,
                         positions_per_frame=self.output.size // sum(runs))


class UpsamplePlan(LanePlan):
    """Nearest-neighbour enlargement."""

    op: Upsample

    def options(self) -> list[int]:
        return divisors(self.inputs[0].shape[2])

    def params(self, lanes: int) -> BlockParams:
        (x,) = self.inputs
        return UpsampleParams(type=x.type, shape=x.shape, factors=self.op.factors, lanes=lanes)


class ArgMaxPlan(LanePlan):
    """Index of the largest channel."""

    def options(self) -> list[int]:
        return divisors(self.inputs[0].shape[2])

    def params(self, lanes: int) -> BlockParams:
        (x,) = self.inputs
        return ArgMaxParams(input_type=x.type, channels=x.shape[2], lanes=lanes,
                            positions_per_frame=x.size // x.shape[2])


class PoolPlan(Plan):
    """Pooling: running results of the whole map or of tiles; else full windows, then a tree."""

    op: MaxPool | SumPool

    @property
    def operation(self) -> str:
        """What the blocks do with a window."""
        return "max" if isinstance(self.op, MaxPool) else "sum"

    @property
    def whole(self) -> bool:
        """Whether the one window is the whole map."""
        return self.op.kernel == self.inputs[0].shape[:2]

    @cached_property
    def pad(self) -> Pad | None:
        """The padding in front, if it is the window's."""
        return absorbed_pad(self.op, self.network)

    @property
    def source(self) -> str:
        """Tensor that the first block takes."""
        return self.pad.inputs[0] if self.pad else self.op.inputs[0]

    def foldings(self) -> Iterator[Folding]:
        _, width, channels = self.network.tensors[self.source].shape
        for lanes in divisors(channels):
            yield {"lanes": lanes}
        if not self.whole:
            for positions in divisors(self.output.shape[1])[1:]:
                if width % (positions * self.op.stride[1]) == 0:
                    yield {"lanes": positions * channels}

    def _tiled(self, folding: Folding) -> bool:
        """Whether the windows are tiles, and come pixel by pixel; the whole map is one."""
        return self.whole or (
            self.op.stride == self.op.kernel and self.pad is None
            and getattr(self.op, "dilation", (1, 1)) == (1, 1)
            and folding["lanes"] <= self.inputs[0].shape[2])

    def _split(self, folding: Folding) -> tuple[int, int]:
        """Channels of a slice and positions at once."""
        channels = self.inputs[0].shape[2]
        return min(folding["lanes"], channels), max(1, folding["lanes"] // channels)

    def cycles(self, folding: Folding) -> int:
        if self._tiled(folding):
            return self._tiles(folding).cycles
        return max(self._window(folding).cycles, self._tree(folding).cycles)

    def _window(self, folding: Folding) -> WindowParams:
        channels, positions = self._split(folding)
        x = self.network.tensors[self.source]
        return WindowParams(
            type=x.type, shape=x.shape, kernel=self.op.kernel, stride=self.op.stride,
            pads=self.pad.pads if self.pad else (0, 0, 0, 0),
            pad_value=self.pad.value if self.pad else 0,
            dilation=getattr(self.op, "dilation", (1, 1)), mode="full", channels=channels,
            positions=positions, pixels=positions * self.op.stride[1] if positions > 1 else 1)

    def _tree(self, folding: Folding) -> PoolParams:
        channels, positions = self._split(folding)
        return PoolParams(
            input_type=self.inputs[0].type, output_type=self.output.type,
            operation=self.operation, window=self.op.kernel[0] * self.op.kernel[1],
            channels=self.output.shape[2], lanes=channels, positions=positions,
            positions_per_frame=self.output.size // self.output.shape[2])

    def _tiles(self, folding: Folding) -> TilePoolParams:
        (x,) = self.inputs
        return TilePoolParams(
            input_type=x.type, output_type=self.output.type, operation=self.operation,
            shape=x.shape, tile=self.op.kernel, lanes=folding["lanes"])

    def build(self, builder: Builder, folding: Folding) -> None:
        name, source = self.op.name, self.source
        if self._tiled(folding):
            stream = builder.take(name, source, folding["lanes"])
            outputs = builder.add(name, name, self._tiles(folding), [stream], name)
        else:
            window = self._window(folding)
            stream = builder.take(name, source, window.inputs[0].lanes)
            (stream,) = builder.add(name, f"{name}_window", window, [stream], None)
            outputs = builder.add(name, f"{name}_pool", self._tree(folding), [stream], name)
        builder.give(name, outputs[0])


class ReshapePlan(Plan):
    """Reshape: the same stream."""

    def build(self, builder: Builder, folding: Folding) -> None:
        builder.alias(self.op.inputs[0], self.op.name)


def _register(kinds: tuple[type[Op], ...], plan_type: type[Plan]) -> None:
    for kind in kinds:
        def make(op: Op, network: Network) -> Plan:
            return plan_type(network, op)

        plan.register(kind)(make)


_register((Threshold, Requantize, Clip), ElementwisePlan)
_register((Pad,), PadPlan)
_register((Crop,), CropPlan)
_register((Add,), AddPlan)
_register((Multiply,), MultiplyPlan)
_register((Weigh,), WeighPlan)
_register((Concat,), CatPlan)
_register((Upsample,), UpsamplePlan)
_register((ArgMax,), ArgMaxPlan)
_register((MaxPool, SumPool), PoolPlan)
_register((Reshape,), ReshapePlan)
