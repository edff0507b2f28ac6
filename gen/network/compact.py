"""The same network without channels that are constant or that nothing depends on.

What a constant channel contributes to sums becomes their bias, or moves the thresholds behind
them. Weights of zero, as pruning leaves them, so take whole channels with them: out of the layer,
its buffers, and the layers that follow.
"""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch
from typing import Any

import numpy as np

from ...rtl_templates.types import BIPOLAR, IntType
from .channel_ranges import channel_ranges
from .graph import Network
from .ops import (
    Add,
    Clip,
    Concat,
    Conv2d,
    Crop,
    Dense,
    MaxPool,
    Multiply,
    Op,
    Pad,
    Requantize,
    Reshape,
    SumPool,
    Threshold,
    Upsample,
    Weigh,
)

__all__ = ["compact"]

Array = np.ndarray[Any, Any]

_BY_CHANNEL = (Clip, MaxPool, Pad, Requantize, SumPool, Threshold, Upsample, Weigh)


def compact(network: Network) -> Network:
    """The network without what can be left out; input and output stay as they are.

    Returns
    -------
    Network
        Equal for every input, integer for integer. Operations keep their names; those of which
        nothing is left are gone.
    """
    keep = _Kept(network).settle()
    if all(k.all() for k in keep.values()):
        return network
    ranges = channel_ranges(network)
    return _Rebuilt(network, keep, {name: lo for name, (lo, _) in ranges.items()}).network()


class _Kept:
    """Which channels stay: the least set that holds what the output depends on."""

    def __init__(self, network: Network):
        self.network = network
        ranges = channel_ranges(network)
        self.constant = {name: lo == hi for name, (lo, hi) in ranges.items()}
        self.keep = {name: np.zeros(len(c), bool) for name, c in self.constant.items()}
        for name in ("input", network.output):
            self.keep[name][:] = True
        self.changed = True

    def settle(self) -> dict[str, Array]:
        """The channels that stay, by tensor."""
        while self.changed:
            self.changed = False
            for op in reversed(self.network.ops):
                self._pass(op)
        return self.keep

    def _also(self, name: str, channels: Array) -> None:
        """Keep channels, given as a mask or as numbers."""
        before = self.keep[name].sum()
        self.keep[name][channels] = True
        self.changed |= bool(self.keep[name].sum() != before)

    def _equal(self, op: Op, source: str, inside: Array, outside: Array) -> None:
        """Channels of an input and of the result that stay or go together, as pairs."""
        self._also(source, inside[self.keep[op.name][outside]])
        self._also(op.name, outside[self.keep[source][inside]])

    def _pass(self, op: Op) -> None:
        sizes = [len(self.keep[name]) for name in op.inputs]
        channels = np.arange(len(self.keep[op.name]))
        if isinstance(op, Conv2d) and op.groups > 1:
            per_group, out = sizes[0] // op.groups, len(channels) // op.groups
            pairs = np.meshgrid(np.arange(per_group), np.arange(out), np.arange(op.groups))
            self._equal(op, op.inputs[0], (pairs[0] + pairs[2] * per_group).ravel(),
                        (pairs[1] + pairs[2] * out).ravel())
        elif isinstance(op, Conv2d | Dense):
            rows = op.weights.reshape(-1, sizes[0], len(channels))
            used = (rows[:, :, self.keep[op.name]] != 0).any(axis=(0, 2))
            self._also(op.inputs[0], used & ~self.constant[op.inputs[0]])
            if self.keep[op.name].any() and not self.keep[op.inputs[0]].any():
                self._also(op.inputs[0], np.array([0]))  # there must be something to weigh
        elif isinstance(op, _BY_CHANNEL):
            self._equal(op, op.inputs[0], channels, channels)
        elif isinstance(op, Add | Multiply) or (isinstance(op, Concat) and op.axis != 2):
            for name in op.inputs:
                self._equal(op, name, channels, channels)
        elif isinstance(op, Concat):
            for name, size, start in zip(op.inputs, sizes, np.cumsum([0, *sizes]), strict=False):
                self._equal(op, name, np.arange(size), np.arange(size) + start)
        elif isinstance(op, Crop):
            self._equal(op, op.inputs[0], channels + op.start[2], channels)
        elif isinstance(op, Reshape) and not (max(len(channels), sizes[0])
                                              % min(len(channels), sizes[0])):
            both = np.arange(max(len(channels), sizes[0]))
            self._equal(op, op.inputs[0], both % sizes[0], both % len(channels))
        else:
            for name in (op.name, *op.inputs):
                self._also(name, np.arange(len(self.keep[name])))


class _Rebuilt:
    """The network that is left."""

    def __init__(self, network: Network, keep: dict[str, Array], constants: dict[str, Array]):
        self.old, self.keep, self.constants = network, keep, constants
        self.names: dict[str, str] = {}  # tensors that another one stands for
        self.moved: dict[str, Array] = {}  # constants that the thresholds behind a sum take

    def network(self) -> Network:
        ops: dict[str, Op] = {}
        for op in self.old.ops:
            if not self.keep[op.name].any():
                continue
            inputs = tuple(name for name in op.inputs if self.keep[name].any())
            new = replace(op, inputs=tuple(self.names.get(name, name) for name in inputs))
            if isinstance(op, Concat) and len(inputs) == 1:
                self.names[op.name] = new.inputs[0]
                continue
            if isinstance(new, Conv2d | Dense):
                new = self._weighted(new, op.inputs[0])
            elif isinstance(new, Threshold):
                new = self._thresholds(new, op.inputs[0])
            else:
                new = _without(new, self.keep[op.inputs[0]], self.keep[op.name])
            ops[op.name] = new
        wanted, needed = {self.old.output}, []
        for op in reversed(ops.values()):
            if op.name in wanted:
                wanted.update(op.inputs)
                needed.append(op)
        return Network(self.old.name, self.old.input, needed[::-1], self.old.source_input,
                       self.old.source_output, self.old.host)

    def _weighted(self, op: Conv2d | Dense, source: str) -> Op:
        inside, outside = self.keep[source], self.keep[op.name]
        weights = op.weights[..., outside]
        bias = None if op.bias is None else op.bias[outside]
        if isinstance(op, Conv2d) and op.groups > 1:
            groups = inside.reshape(op.groups, -1).any(axis=1)
            return replace(op, weights=weights, bias=bias, groups=int(groups.sum()))
        shape = weights.shape
        rows = weights.reshape(-1, len(inside), shape[-1])
        constant = np.where(inside, 0, self.constants[source])
        # Weights of channels that nothing depends on are zero.
        shift = np.einsum("pio,i->o", rows, constant)
        rows = rows[:, inside]
        weights = rows.reshape(*shape[:-2], -1, shape[-1]) if isinstance(op, Conv2d) \
            else rows.reshape(-1, shape[-1])
        if shift.any():
            readers = self.old.consumers(op.name)
            if bias is None and len(readers) == 1 and isinstance(readers[0], Threshold):
                self.moved[op.name] = shift
            else:
                bias = shift if bias is None else bias + shift
        return replace(op, weights=weights, bias=bias,
                       weight_type=_narrower(op.weight_type, weights))

    def _thresholds(self, op: Threshold, source: str) -> Op:
        shift = self.moved.get(source)
        kept = _without(op, self.keep[op.name], self.keep[op.name])
        if shift is None or not isinstance(kept, Threshold):
            return kept
        falls = kept.descending
        return replace(kept, thresholds=kept.thresholds - shift[:, None],
                       descending=None if falls is None else np.broadcast_to(falls, shift.shape))


def _narrower(type_: IntType, weights: Array) -> IntType:
    """The narrowest type of weights, if it is narrower than the one they had."""
    if np.all(np.abs(weights) == 1) and weights.min() < 0:
        return BIPOLAR
    found = IntType.for_range(int(weights.min()), int(weights.max()))
    return found if found.bits < type_.bits and not type_.bipolar else type_


@singledispatch
def _without(op: Op, inside: Array, outside: Array) -> Op:
    """An operation on the channels that stay; most do not care."""
    return op


def _rows(array: Array, kept: Array) -> Array:
    """A parameter of one row a channel, or of one for all."""
    return array[kept] if len(array) == len(kept) > 1 else array


def _some(array: Array | None, kept: Array) -> Array | None:
    return None if array is None else _rows(array, kept)


@_without.register
def _(op: Threshold, inside: Array, outside: Array) -> Op:
    return replace(op, thresholds=_rows(op.thresholds, outside),
                   descending=_some(op.descending, outside))


@_without.register
def _(op: Requantize, inside: Array, outside: Array) -> Op:
    return replace(op, multiplier=_rows(op.multiplier, outside), offset=_rows(op.offset, outside),
                   negative_offset=_some(op.negative_offset, outside))


@_without.register
def _(op: Crop, inside: Array, outside: Array) -> Op:
    start = int(inside[: op.start[2]].sum())
    return replace(op, start=(*op.start[:2], start), size=(*op.size[:2], int(outside.sum())))


@_without.register
def _(op: Reshape, inside: Array, outside: Array) -> Op:
    return replace(op, shape=(*op.shape[:2], int(outside.sum())))
