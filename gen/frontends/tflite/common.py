"""What the converters of TensorFlow Lite operators have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tflite

from ...errors import UnsupportedError
from ...network import Pad
from .conversion import Conversion
from .file import FlatOperator
from .kernels import Grid, Multiplier, activation_range

__all__ = [
    "Factor", "Pads", "activated", "clip_range", "multiplier", "padded", "pads_of",
    "require_options", "require_same_grid",
]  # fmt: skip

Array = np.ndarray[Any, Any]
Pads = tuple[int, int, int, int]
Factor = Callable[[FlatOperator, float], Callable[[Array], Array]]


def multiplier(operator: FlatOperator, real: float) -> Multiplier:
    """A real as the kernels hold it; refused if it is out of their range."""
    try:
        return Multiplier.of(float(real))
    except ValueError as error:
        raise UnsupportedError(operator.label, str(error), "Repair the model") from None


def clip_range(operator: FlatOperator, grid: Grid) -> tuple[int, int]:
    """Range of the result after the fused activation."""
    try:
        return activation_range(operator.activation, grid)
    except ValueError as error:
        raise UnsupportedError(operator.label, str(error), "Make the activation an operator of "
                               "its own") from None


def require_options(operator: FlatOperator) -> None:
    """Refuse an operator without options."""
    if operator.options is None:
        raise UnsupportedError(operator.label, "it has no options", "Repair the model")


def require_same_grid(state: Conversion, operator: FlatOperator) -> None:
    """Refuse an operator that would have to rescale."""
    if state.grid(operator, operator.inputs[0]) != state.grid(operator, operator.outputs[0]):
        raise UnsupportedError(operator.label, "its input and output have different scales",
                               "Its kernel does not rescale: convert the model again")


def _same(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Padding before and after, for an output of one element a stride."""
    need = max(0, ((size + stride - 1) // stride - 1) * stride + (kernel - 1) * dilation + 1 - size)
    return need // 2, need - need // 2


def pads_of(operator: FlatOperator, shape: tuple[int, int, int], kernel: tuple[int, int],
          stride: tuple[int, int], dilation: tuple[int, int]) -> Pads:
    """Padding of a window: none, or what gives an output of one element a stride."""
    if min(*kernel, *stride, *dilation) < 1:
        raise UnsupportedError(operator.label, "its window or stride is not positive",
                               "Repair the model")
    if operator.options.Padding() == tflite.Padding.VALID:
        return 0, 0, 0, 0
    (top, bottom), (left, right) = (
        _same(*sizes) for sizes in zip(shape[:2], kernel, stride, dilation, strict=True))
    return top, left, bottom, right


def padded(state: Conversion, operator: FlatOperator, source: str, pads: Pads, value: int) -> str:
    """A tensor with padding around it."""
    if not any(pads):
        return source
    return state.add(operator.label, Pad(name=state.names.take(f"{source}_pad"), inputs=(source,),
                                         pads=pads, value=value))


def activated(state: Conversion, operator: FlatOperator, source: str, grid: Grid) -> str:
    """A tensor after the fused activation."""
    lo, hi = clip_range(operator, grid)
    return state.apply(operator, source, lambda x: np.clip(x, lo, hi))
