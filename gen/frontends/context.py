"""State of one conversion, and the registry of operator converters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np

from ...rtl_templates.types import BIPOLAR, IntType
from ..errors import QuantloomError, UnsupportedError
from ..network import Conv2d, Dense, Op, Tensor
from .draft import Draft
from .names import speaking
from .reader import Graph, Node
from .registry import registrar
from .values import Const, Pair, Value

__all__ = ["CONVERTERS", "Context", "InputGrid", "LayoutError", "converts", "narrowest"]

Array = np.ndarray[Any, Any]
Converter = Callable[["Context", Node], "Value | Const | list[Value | Const] | None"]

CONVERTERS: dict[str, Converter] = {}
"""Converters by ONNX operator name."""
converts = registrar(CONVERTERS)

INPUT_REMEDY = ("Insert a Quant node there, or state the input's integer grid "
                "(--input-bits, --input-signed, --input-scale)")


class LayoutError(UnsupportedError):
    """An operation would need the stream in another order."""


@dataclass(frozen=True)
class InputGrid:
    """The integers that stand for the model's input: ``real = scale * (integer - zero_point)``.

    Parameters
    ----------
    bits : int
        1 to 16; one signed bit means -1 and +1.
    signed : bool
    scale : float or Fraction
        Positive.
    zero_point : int
        Must be one of the integers.

    Raises
    ------
    QuantloomError
        If a field is out of range.
    """

    bits: int
    signed: bool = False
    scale: float | Fraction = 1.0
    zero_point: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 16:
            raise QuantloomError(f"The input must have 1 to 16 bits, not {self.bits!r}")
        if not np.isfinite(float(self.scale)) or self.scale <= 0:
            raise QuantloomError(f"The input scale must be positive, not {self.scale!r}")
        inside = self.type.lo <= self.zero_point <= self.type.hi
        if not inside or self.zero_point != int(self.zero_point):
            raise QuantloomError(f"The input zero point must be an integer from {self.type.lo} to "
                                 f"{self.type.hi}, not {self.zero_point!r}")

    @property
    def type(self) -> IntType:
        """Type of the integers."""
        return BIPOLAR if self.bits == 1 and self.signed else IntType(self.bits, self.signed)


def narrowest(values: Array) -> IntType:
    """Narrowest type that holds all values; bipolar if they are -1 and +1."""
    values = np.asarray(values)
    if values.size == 0:
        return IntType(1)
    if np.all(np.abs(values) == 1) and values.min() < 0:
        return BIPOLAR
    return IntType.for_range(int(values.min()), int(values.max()))


@dataclass(eq=False)
class Context(Draft):
    """What has been built so far, and what the ONNX tensors are in it.

    Parameters
    ----------
    graph : Graph
    input_shape : tuple of int
        Height, width, channels of the network's input.
    """

    graph: Graph = field(kw_only=True)
    input_shape: tuple[int, int, int] = field(kw_only=True)
    values: dict[str, Value | Const] = field(default_factory=dict)
    input_value: Value | None = None
    notes: list[str] = field(default_factory=list)
    # Sums of two tensors that wait for their quantiser, by the name of the operation to come.
    pairs: dict[str, Pair] = field(default_factory=dict)
    # Plain integers that stand for a tensor and pending steps, for the second consumer.
    plain: dict[tuple[Any, ...], Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.uses = Counter(name for node in self.graph.nodes for name in node.inputs)
        self.uses.update(self.graph.outputs)

    # Reading

    def get(self, node: Node, position: int) -> Value | Const | None:
        """Input of a node, None if it is left out."""
        name = node.inputs[position] if position < len(node.inputs) else ""
        if not name:
            return None
        value = self.values[name]
        if isinstance(value, Value) and value.exclusive and self.uses[name] > 1:
            value = replace(value, exclusive=False)
        return value

    def value(self, node: Node, position: int = 0) -> Value:
        """Input of a node that must not be constant."""
        value = self.get(node, position)
        if not isinstance(value, Value):
            raise UnsupportedError(node.label, f"input {position} is constant",
                                   "Fold constants when exporting the model")
        return value

    def const(self, node: Node, position: int, default: Any = None) -> Array:
        """Input of a node that must be constant and finite; ``default`` if it is left out."""
        value = self.get(node, position)
        if value is None and default is not None:
            return np.asarray(default)
        if not isinstance(value, Const):
            raise UnsupportedError(node.label, f"input {position} is not a constant",
                                   "Export the model with its parameters as constants")
        return self.finite(node, value.array)

    @staticmethod
    def finite(node: Node, array: Array) -> Array:
        """The array, refused if it holds NaN or infinity, or no numbers at all."""
        # Integers of less than a byte are of a kind of their own.
        if array.dtype.kind not in "iuf" and not array.dtype.name.lstrip("u").startswith("int"):
            kind = "text" if array.dtype.kind in "OSU" else array.dtype.name
            raise UnsupportedError(node.label, f"a parameter is of type {kind}",
                                   "Use integers or float32")
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise UnsupportedError(node.label, "a parameter is not finite (NaN or infinity)",
                                   "Repair the weights and export again")
        return array

    def tensor(self, value: Value) -> Tensor:
        """The network tensor behind a value.

        Raises
        ------
        UnsupportedError
            If the value is a sum or product that waits for its quantiser.
        """
        if value.tensor in self.pairs:
            pair = self.pairs[value.tensor]
            what = "have no small common grid" if pair.sign else "are not powers of two"
            raise UnsupportedError(pair.label, f"its operands have the scales {pair.scales}, which "
                                   f"{what}, and no quantiser comes right after",
                                   "Quantise the result, or quantise both operands with one scale, "
                                   "or with powers of two")
        return self.tensors[value.tensor]

    def channels(self, value: Value) -> int:
        """Channels of the network tensor behind a value."""
        return self.input_shape[2] if value.raw else self.tensor(value).shape[2]

    def size(self, value: Value) -> int:
        """Elements of the network tensor behind a value."""
        return int(np.prod(self.input_shape)) if value.raw else self.tensor(value).size

    def per_channel(self, node: Node, value: Value, constant: Array) -> tuple[Value, Array]:
        """A constant of the ONNX tensor's shape as one of shape () or (channels, 1).

        Where it varies over positions, positions become channels (a free reshape); the value is
        returned as well for that reason.
        """
        if constant.size == 1:
            return value, constant.reshape(())
        try:
            wide = np.broadcast_to(constant, value.index.shape)
        except ValueError:
            raise UnsupportedError(
                node.label, f"a constant of shape {constant.shape} does not fit the tensor of "
                f"shape {value.index.shape}", "Use one value, or one a channel") from None
        flat, read = np.zeros(self.size(value), wide.dtype), np.zeros(self.size(value), bool)
        flat[value.index.ravel()], read[value.index.ravel()] = wide.ravel(), True
        rows = flat.reshape(-1, self.channels(value))
        reads = read.reshape(rows.shape)  # what is not read may have any constant
        row = np.take_along_axis(rows, reads.argmax(axis=0)[None], axis=0)[0]
        if np.all((rows == row) | ~reads):
            return value, row[0].reshape(()) if np.all(row == row[0]) else row[:, None]
        if value.raw:
            raise UnsupportedError(node.label, "a constant varies over the positions of the input",
                                   INPUT_REMEDY)
        times = rows.shape[0]
        value = self.reshape(value, (1, 1, flat.size), times)
        return value, flat[:, None]

    # Building

    def name(self, node: Node, kind: str) -> str:
        """Name for the operation of a node: its own, or the kind and a number."""
        own = speaking(node.name, node.op)
        return self.names.take(own) if own else self.names.numbered(kind)

    def emit(self, node: Node, op: Op) -> str:
        """Append an operation and return its name."""
        return self.add(node.label, op)

    def reshape(self, value: Value, shape: tuple[int, int, int], times: int = 1) -> Value:
        """The value on a reshaped tensor; ``times`` positions become channels."""
        self.tensor(value)  # refuses a sum that waits for its quantiser
        name = self.reshaped(value.tensor, shape)
        scale = value.scale if value.scale.ndim == 0 else np.tile(value.scale, times)
        return replace(value, tensor=name, scale=scale, exclusive=False,
                       steps=tuple(step.tile(times) for step in value.steps))

    def negate(self, tensor: str, mask: Array) -> Array:
        """Negate output channels of the weighted operation that makes a tensor.

        Returns
        -------
        array of bool, (channels,)
            The channels that were negated: none unless the operation has weights, and only those
            whose weights still fit the type.
        """
        op = self.ops.get(tensor)
        if not isinstance(op, Conv2d | Dense):
            return np.zeros_like(mask)
        rows = op.weights.reshape(-1, op.weights.shape[-1])
        lo, hi = op.weight_type.lo, op.weight_type.hi
        done: Array = mask & (-rows.max(axis=0) >= lo) & (-rows.min(axis=0) <= hi)
        sign = np.where(done, -1, 1)
        op = replace(op, weights=op.weights * sign,
                     bias=None if op.bias is None else op.bias * sign)
        self.ops[tensor] = op
        self.tensors[tensor] = op.infer(*(self.tensors[name] for name in op.inputs))
        return done

    def set_input(self, type_: IntType, lo: int, hi: int, scale: Array, zero_point: int) -> Value:
        """Give the network's input its integer grid."""
        assert self.input_value is not None
        self.tensors["input"] = Tensor(self.input_shape, type_, lo, hi)
        self.input_value = replace(self.input_value, raw=False, scale=np.asarray(scale, float),
                                   zero_point=zero_point)
        return self.input_value
