"""The integer network as an ONNX graph, to be evaluated without any of the golden model.

Tensors are int64, channels first, with the frames as the batch. What onnxruntime computes on
floating point alone is exact here: the ranges say so, or the graph does it another way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from quantloom.gen.network import (
    Add,
    ArgMax,
    Clip,
    Concat,
    Conv2d,
    Crop,
    Dense,
    DepthToSpace,
    MaxPool,
    Multiply,
    Network,
    Op,
    Pad,
    Requantize,
    Reshape,
    SpaceToDepth,
    SumPool,
    Tensor,
    Threshold,
    Upsample,
    Weigh,
)

__all__ = ["evaluate", "to_onnx"]

_SINGLE, _DOUBLE = 1 << 24, 1 << 53
"""Integers up to these are exact in the two formats."""

_AXES = {0: 2, 1: 3, 2: 1}
"""Axes of a channels-last tensor (height, width, channels) in a channels-first batch."""


class _Graph:
    """Strings nodes together; the value of an operation has its name."""

    def __init__(self, network: Network):
        self.network = network
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def const(self, value: Any, dtype: Any = np.int64) -> str:
        name = f"constant/{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"value/{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def cast(self, x: str, kind: int) -> str:
        return self.node("Cast", x, to=kind)

    def within(self, x: str, kind: int, node: str, *more: str, **attributes: Any) -> str:
        """A node on values of another type, and its result as integers."""
        made = self.node(node, self.cast(x, kind), *more, **attributes)
        return self.cast(made, TensorProto.INT64)

    def reshaped(self, x: str, shape: Sequence[int]) -> str:
        return self.node("Reshape", x, self.const([-1, *shape]))

    def flat(self, x: str, size: int) -> str:
        """Elements in raster order, channels innermost."""
        return self.reshaped(self.node("Transpose", x, perm=[0, 2, 3, 1]), [size])

    def maps(self, x: str, shape: tuple[int, int, int]) -> str:
        """Elements in raster order as maps."""
        return self.node("Transpose", self.reshaped(x, shape), perm=[0, 3, 1, 2])


def _bound(x: Tensor) -> int:
    return max(abs(x.lo), abs(x.hi))


def _rows(values: np.ndarray) -> np.ndarray:
    """Numbers by channel, or one for all, against (frames, channels, height, width)."""
    return values.reshape(-1, 1, 1)


@singledispatch
def _export(op: Op, g: _Graph, x: list[str], tensors: tuple[Tensor, ...]) -> str:
    raise NotImplementedError(op.kind)


@_export.register
def _(op: Pad, g: _Graph, x: list[str], tensors: tuple[Tensor, ...]) -> str:
    top, left, bottom, right = op.pads
    return g.node("Pad", x[0], g.const([0, 0, top, left, 0, 0, bottom, right]), g.const(op.value))


@_export.register
def _(op: Crop, g: _Graph, x: list[str], tensors: tuple[Tensor, ...]) -> str:
    ends = [first + n for first, n in zip(op.start, op.size, strict=True)]
    return g.node("Slice", x[0], g.const(op.start), g.const(ends),
                  g.const([_AXES[axis] for axis in range(3)]))


@_export.register
def _(op: Conv2d, g: _Graph, x: list[str], tensors: tuple[Tensor, ...]) -> str:
    (t,), (_kh, _kw, _cin, _cout) = tensors, op.weights.shape
    if np.abs(op.weights).sum(axis=(0, 1, 2)).max() * _bound(t) < _SINGLE:
        weights = g.const(op.weights.transpose(3, 2, 0, 1), np.float32)
        sums = g.within(x[0], TensorProto.FLOAT, "Conv", weights, group=op.groups,
                        kernel_shape=op.kernel, strides=op.stride, dilations=op.dilation)
    else:
        sums = _conv_by_taps(op, g, x[0], t)
    return sums if op.bias is None else g.node("Add", sums, g.const(_rows(op.bias)))


def _conv_by_taps(op: Conv2d, g: _Graph, x: str, t: Tensor) -> str:
    """A matrix product of integers for each place in the window and each group."""
    (kh, kw, cin, _cout), each = op.weights.shape, op.weights.shape[3] // op.groups
    last = g.node("Transpose", x, perm=[0, 2, 3, 1])
    groups = []
    for group in range(op.groups):
        total = ""
        for y, column in np.ndindex(kh, kw):
            start = [y * op.dilation[0], column * op.dilation[1]]
            ends = [first + n - (k - 1) * d for first, n, k, d in zip(
                start, t.shape[:2], op.kernel, op.dilation, strict=True)]
            part = g.node("Slice", last, g.const([*start, group * cin]),
                          g.const([*ends, (group + 1) * cin]), g.const([1, 2, 3]),
                          g.const([*op.stride, 1]))
            product = g.node("MatMul", part, g.const(
                op.weights[y, column, :, group * each : (group + 1) * each]))
            total = g.node("Add", total, product) if total else product
        groups.append(total)
    return g.node("Transpose", g.node("Concat", *groups, axis=3), perm=[0, 3, 1, 2])


@_export.register
def _(op: Dense, g: _Graph, x: list[str], tensors: tuple[Tensor, ...]) -> str:
    sums = g.node("MatMul", g.flat(x[0], tensors[0].size), g.const(op.weights))
    if op.bias is not None:
        sums = g.node("Add", sums, g.const(op.bias))
    return g.maps(sums, (1, 1, op.weights.shape[1]))


@_export.register
def _(op: Threshold, g: _Graph, x: list[str], tensors: tuple[Tensor, ...]) -> str:
    rows, steps = op.thresholds.shape
    reached = g.node("GreaterOrEqual", g.node("Unsqueeze", x[0], g.const([4])),
                     g.const(op.thresholds.reshape(rows, 1, 1, steps)))
    count = g.node("ReduceSum", g.cast(reached, TensorProto.INT64), g.const([4]), keepdims=0)
    if op.descending is not None:
        sign = np.where(op.descending, -1, 1)
        count = g.node("Add", g.node("Mul", count, g.const(_rows(sign))),
                       g.const(_rows(np.where(op.descending, steps, 0))))
    return g.node("Add", g.node("Mul", count, g.const(op.step)), g.const(op.base))


@_export.register
def _(op: Requantize, g: _Graph, x: list[str], tensors: tuple[Tensor, ...]) -> str:
    offsets = [op.offset] if op.negative_offset is None else [op.offset, op.negative_offset]
    most = int(np.abs(op.multiplier).max()) * _bound(tensors[0]) + max(
        int(np.abs(offset).max()) for offset in offsets)
    if most >= _DOUBLE:
        raise NotImplementedError(f"{op.name}: sums of up to {most} are not exact in double")
    offset = g.const(_rows(op.offset))
    if op.negative_offset is not None:
        offset = g.node("Where", g.node("Less", x[0], g.const(0)),
                        g.const(_rows(op.negative_offset)), offset)
    total = g.node("Add", g.node("Mul", x[0], g.const(_rows(op.multiplier))), offset)
    # A division by a power of two is exact, and Round rounds half to even.
    part = g.node("Div", g.cast(total, TensorProto.DOUBLE), g.const(2.0**op.shift, np.float64))
    y = g.cast(g.node("Round" if op.to_even else "Floor", part), TensorProto.INT64)
    if op.wrap:
        low = g.const(op.type.lo)
        wrapped = g.node("Mod", g.node("Sub", y, low), g.const(1 << op.type.bits))
        return g.node("Add", wrapped, low)
    return g.node("Clip", y, *(g.const(bound) for bound in op.bounds))


@_export.register
def _(op: Clip, g: _Graph, x: list[str], tensors: tuple[Tensor, ...]) -> str:
    (t,) = tensors
    bounds = (t.lo if op.lo is None else op.lo, t.hi if op.hi is None else op.hi)
    return g.node("Clip", x[0], *(g.const(bound) for bound in bounds))


@_export.register
def _(op: MaxPool, g: _Graph, x: list[str], tensors: tuple[Tensor, ...]) -> str:
    return g.within(x[0], TensorProto.DOUBLE, "MaxPool", kernel_shape=op.kernel,
                    strides=op.stride, dilations=op.dilation)


@_export.register
def _(op: SumPool, g: _Graph, x: list[str], tensors: tuple[Tensor, ...]) -> str:
    channels = tensors[0].shape[2]
    if math.prod(op.kernel) * _bound(tensors[0]) >= _SINGLE:
        raise NotImplementedError(f"{op.name}: sums are not exact in single precision")
    ones = g.const(np.ones((channels, 1, *op.kernel)), np.float32)
    return g.within(x[0], TensorProto.FLOAT, "Conv", ones, group=channels, strides=op.stride)


@_export.register
def _(op: Add, g: _Graph, x: list[str], tensors: tuple[Tensor, ...]) -> str:
    total = ""
    for name, factor in zip(x, op.multipliers, strict=True):
        part = g.node("Mul", name, g.const(factor))
        total = g.node("Add", total, part) if total else part
    return total


@_export.register
def _(op: Multiply, g: _Graph, x: list[str], tensors: tuple[Tensor, ...]) -> str:
    return g.node("Mul", *(g.node("Add", name, g.const(offset))
                           for name, offset in zip(x, op.offsets, strict=True)))


@_export.register
def _(op: Weigh, g: _Graph, x: list[str], tensors: tuple[Tensor, ...]) -> str:
    return g.node("Mul", x[0], g.const(np.outer(op.rows, op.columns)))


@_export.register
def _(op: Concat, g: _Graph, x: list[str], tensors: tuple[Tensor, ...]) -> str:
    return g.node("Concat", *x, axis=_AXES[op.axis])


@_export.register
def _(op: Upsample, g: _Graph, x: list[str], tensors: tuple[Tensor, ...]) -> str:
    h, w, c = tensors[0].shape
    (fy, fx) = op.factors
    spread = g.node("Expand", g.reshaped(x[0], [c, h, 1, w, 1]), g.const([1, c, h, fy, w, fx]))
    return g.reshaped(spread, [c, h * fy, w * fx])


@_export.register
def _(op: DepthToSpace, g: _Graph, x: list[str], tensors: tuple[Tensor, ...]) -> str:
    (h, w, c), (by, bx) = tensors[0].shape, op.block
    if by == bx:
        return g.within(x[0], TensorProto.DOUBLE, "DepthToSpace", blocksize=by,
                        mode="CRD" if op.channel_major else "DCR")
    left = c // (by * bx)
    if op.channel_major:
        parts = g.node("Transpose", g.reshaped(x[0], [left, by, bx, h, w]), perm=[0, 1, 4, 2, 5, 3])
    else:
        parts = g.node("Transpose", g.reshaped(x[0], [by, bx, left, h, w]), perm=[0, 3, 4, 1, 5, 2])
    return g.reshaped(parts, [left, h * by, w * bx])


@_export.register
def _(op: SpaceToDepth, g: _Graph, x: list[str], tensors: tuple[Tensor, ...]) -> str:
    (h, w, c), (by, bx) = tensors[0].shape, op.block
    if by == bx and not op.channel_major:
        return g.within(x[0], TensorProto.DOUBLE, "SpaceToDepth", blocksize=by)
    parts = g.reshaped(x[0], [c, h // by, by, w // bx, bx])
    perm = [0, 1, 3, 5, 2, 4] if op.channel_major else [0, 3, 5, 1, 2, 4]
    return g.reshaped(g.node("Transpose", parts, perm=perm), [c * by * bx, h // by, w // bx])


@_export.register
def _(op: Reshape, g: _Graph, x: list[str], tensors: tuple[Tensor, ...]) -> str:
    return g.maps(g.flat(x[0], tensors[0].size), op.shape)


@_export.register
def _(op: ArgMax, g: _Graph, x: list[str], tensors: tuple[Tensor, ...]) -> str:
    return g.node("ArgMax", g.cast(x[0], TensorProto.DOUBLE), axis=1, keepdims=1)


def to_onnx(network: Network) -> onnx.ModelProto:
    """The network as a graph from ``input`` to every operation's tensor, each under its name.

    Raises
    ------
    NotImplementedError
        If numbers may come up that the operator in question does not hold exactly.
    """
    g = _Graph(network)
    names = {"input": "input"}
    outputs = []
    for op in network.ops:
        tensors = network.inputs_of(op)
        names[op.name] = _export(op, g, [names[name] for name in op.inputs], tensors)
        h, w, c = network.tensors[op.name].shape
        g.nodes.append(helper.make_node("Identity", [names[op.name]], [op.name]))
        outputs.append(helper.make_tensor_value_info(op.name, TensorProto.INT64, ["n", c, h, w]))
    h, w, c = network.input.shape
    graph = helper.make_graph(
        g.nodes, network.name,
        [helper.make_tensor_value_info("input", TensorProto.INT64, ["n", c, h, w])], outputs,
        g.constants)
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


def evaluate(network: Network, x: np.ndarray) -> dict[str, np.ndarray]:
    """Every operation's tensor as onnxruntime computes it.

    Parameters
    ----------
    network : Network
    x : array of int, (frames, height, width, channels)

    Returns
    -------
    dict of str to array of int64, (frames, height, width, channels)

    Raises
    ------
    NotImplementedError
        As :func:`to_onnx` does.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(to_onnx(network).SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    names = [op.name for op in network.ops]
    values = session.run(names, {"input": x.astype(np.int64).transpose(0, 3, 1, 2)})
    return {name: value.transpose(0, 2, 3, 1)
            for name, value in zip(names, values, strict=True)}
