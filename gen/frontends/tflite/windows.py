"""Converters of TensorFlow Lite operators over height and width."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import UnsupportedError
from ...network import MaxPool, SumPool, Upsample
from ..averages import averageable
from .common import (
    Pads,
    activated,
    clip_range,
    multiplier,
    padded,
    pads_of,
    require_options,
    require_same_grid,
)
from .conversion import Conversion, converts
from .file import FlatOperator
from .kernels import HI, LO, divide

__all__: list[str] = []

Array = np.ndarray[Any, Any]


def _pool_window(state: Conversion, operator: FlatOperator, shape: tuple[int, int, int],
                 ) -> tuple[tuple[int, int], tuple[int, int], Pads]:
    require_options(operator)
    o = operator.options
    kernel, stride = (o.FilterHeight(), o.FilterWidth()), (o.StrideH(), o.StrideW())
    return kernel, stride, pads_of(operator, shape, kernel, stride, (1, 1))


@converts("MAX_POOL_2D")
def _max_pool(state: Conversion, operator: FlatOperator) -> None:
    source, grid = state.input(operator)
    require_same_grid(state, operator)
    kernel, stride, pads = _pool_window(state, operator, state.tensors[source].shape)
    source = padded(state, operator, source, pads, state.tensors[source].lo)
    name = state.name(operator, "pool")
    state.add(operator.label, MaxPool(name=name, inputs=(source,), kernel=kernel, stride=stride))
    state.give(operator, activated(state, operator, name, grid))


@converts("AVERAGE_POOL_2D")
def _average_pool(state: Conversion, operator: FlatOperator) -> None:
    source, grid = state.input(operator)
    require_same_grid(state, operator)
    kernel, stride, pads = _pool_window(state, operator, state.tensors[source].shape)
    lo, hi = clip_range(operator, grid)
    name = state.name(operator, "pool")
    around = padded(state, operator, source, pads, 0)
    state.add(operator.label, SumPool(name=name, inputs=(around,), kernel=kernel, stride=stride))
    name, size = averageable(state, operator.label, name, source, kernel, stride, pads)
    state.give(operator, state.apply(
        operator, name, lambda total: np.clip(divide(total, size), lo, hi)))


@converts("MEAN")
def _mean(state: Conversion, operator: FlatOperator) -> None:
    source, grid = state.input(operator)
    target = state.grid(operator, operator.outputs[0])
    axes = state.constant(operator, 1, "int32")
    rank = len(state.flat(operator.inputs[0]).shape)
    if axes is None or axes.data is None or rank not in (3, 4) \
            or sorted(int(a) % rank for a in axes.data.ravel()) != list(range(1, rank - 1)):
        raise UnsupportedError(operator.label, "it is not the mean over height and width",
                               "Only that mean is supported")
    height, width, _ = state.tensors[source].shape
    size = height * width
    name = state.name(operator, "mean")
    state.add(operator.label, SumPool(name=name, inputs=(source,), kernel=(height, width),
                                      stride=(1, 1)))
    factor = multiplier(operator, np.float64(grid.scale) / np.float64(target.scale)).over(size)

    def mean(total: Array) -> Array:
        return np.clip(factor(total - size * grid.zero_point) + target.zero_point, LO, HI)

    state.give(operator, state.apply(operator, name, mean))


@converts("PAD", "PADV2")
def _pad(state: Conversion, operator: FlatOperator) -> None:
    source, grid = state.input(operator)
    require_same_grid(state, operator)
    amounts = state.constant(operator, 1, "int32")
    rank = len(state.flat(operator.inputs[0]).shape)
    if amounts is None or amounts.data is None or amounts.shape != (rank, 2) or rank not in (3, 4):
        raise UnsupportedError(operator.label, "its amounts do not fit the tensor",
                               "Pad height and width of a feature map")
    rows = amounts.data.astype(int)
    inner = [(0, 0), *rows[1:-1].tolist()][-2:]
    if rows[0].any() or rows[-1].any() or rows.min() < 0 or rows.max() > 1 << 12:
        raise UnsupportedError(operator.label, f"its amounts are {rows.tolist()}",
                               "Only height and width can be padded")
    value = grid.zero_point
    if operator.kind == "PADV2":
        constant = state.constant(operator, 2, "int8")
        value = value if constant is None or constant.data is None else int(constant.data.flat[0])
    (top, bottom), (left, right) = inner
    state.give(operator, padded(state, operator, source, (top, left, bottom, right), value))


@converts("RESIZE_NEAREST_NEIGHBOR")
def _resize(state: Conversion, operator: FlatOperator) -> None:
    source, _ = state.input(operator)
    require_same_grid(state, operator)
    old, new = state.tensors[source].shape, state.shape(operator.outputs[0])
    factors = new[0] // old[0], new[1] // old[1]
    options = operator.options
    plain = options is None or not options.AlignCorners()
    if not plain or (old[0] * factors[0], old[1] * factors[1], old[2]) != new:
        raise UnsupportedError(operator.label, f"it enlarges {old} to {new}",
                               "Only whole factors, without aligned corners, are supported")
    name = state.name(operator, "upsample")
    state.give(operator, state.add(operator.label, Upsample(name=name, inputs=(source,),
                                                            factors=factors)))
