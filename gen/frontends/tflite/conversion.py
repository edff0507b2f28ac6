"""State of one conversion from TensorFlow Lite, and the registry of operator converters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ....rtl_templates.types import IntType
from ...errors import UnsupportedError
from ...network import Tensor
from ..draft import Draft
from ..registry import registrar
from ..steps import find_steps
from .file import FlatModel, FlatOperator, FlatTensor
from .kernels import HI, LO, Grid

INT8 = IntType(8, signed=True)

__all__ = ["CONVERTERS", "Conversion", "converts"]

Array = np.ndarray[Any, Any]
Converter = Callable[["Conversion", FlatOperator], None]

CONVERTERS: dict[str, Converter] = {}
"""Converters by the operator's name in the schema."""
converts = registrar(CONVERTERS)


@dataclass(eq=False)
class Conversion(Draft):
    """What has been built so far.

    A computed int8 tensor of the file is a tensor of the network with the same elements in the
    same order: both are channels-last.

    Parameters
    ----------
    model : FlatModel
    places : dict of int to str
        Network tensor of each computed tensor of the file.
    host : dict of int to (int, tuple of str)
        For tensors that the host computes: the tensor that it starts from, and the operations.
    input_grid : Grid or None
        Of the network's input, once it is known.
    """

    model: FlatModel = field(kw_only=True)
    places: dict[int, str] = field(default_factory=dict)
    host: dict[int, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    input_grid: Grid | None = None

    # Reading

    def flat(self, index: int) -> FlatTensor:
        """A tensor of the file."""
        return self.model.tensors[index]

    def grid(self, operator: FlatOperator, index: int) -> Grid:
        """Quantisation of an int8 tensor, which must be one for the whole tensor."""
        tensor = self.flat(index)
        if tensor.dtype != "int8" or len(tensor.scale) != 1:
            raise UnsupportedError(
                operator.label, f"{tensor.name!r} is of {len(tensor.scale)} scales and type "
                f"{tensor.dtype}", "Only full int8 quantisation is supported: convert with "
                "TFLITE_BUILTINS_INT8 and int8 input and output")
        zero = int(tensor.zero_point[0])
        if not LO <= zero <= HI:
            raise UnsupportedError(operator.label, f"{tensor.name!r} has the zero point {zero}",
                                   "Repair the model")
        return Grid(tensor.scale[0], zero)

    def input(self, operator: FlatOperator, position: int = 0) -> tuple[str, Grid]:
        """Network tensor and grid of a computed input."""
        index = operator.inputs[position]
        if index not in self.places:
            raise UnsupportedError(operator.label, f"its input {position} is not computed",
                                   "Fold constants when exporting the model")
        return self.places[index], self.grid(operator, index)

    def constant(self, operator: FlatOperator, position: int, dtype: str) -> FlatTensor | None:
        """A constant input; None if it is left out."""
        index = operator.inputs[position] if position < len(operator.inputs) else -1
        if index < 0:
            return None
        tensor = self.flat(index)
        if tensor.data is None or tensor.dtype != dtype:
            kind = f"of type {tensor.dtype}" if tensor.stored else "computed"
            raise UnsupportedError(operator.label, f"its input {position}, {tensor.name!r}, is "
                                   f"{kind}, not a constant of {dtype}", "Quantise to int8 and "
                                   "export parameters as constants")
        return tensor

    def shape(self, index: int) -> tuple[int, int, int]:
        """Height, width and channels of a tensor of the file, with a batch of one."""
        shape = self.flat(index).shape
        if len(shape) > 4 or (len(shape) == 4 and shape[0] != 1):
            raise UnsupportedError(self.flat(index).name, f"its shape is {list(shape)}",
                                   "Export with batch size 1 and at most four axes")
        height, width, channels = (1, 1, 1, *shape)[-3:]
        return height, width, channels

    # Building

    def ground(self, operator: FlatOperator, grid: Grid) -> Grid:
        """Give the network's input its grid, unless it has one already; returns that."""
        if self.input_grid is None:
            self.input_grid = grid
            self.tensors["input"] = Tensor(self.shape(self.model.input), INT8, LO, HI)
        return self.input_grid

    def give(self, operator: FlatOperator, tensor: str) -> None:
        """Take a network tensor as the operator's result."""
        index = operator.outputs[0]
        self.places[index] = self.reshaped(tensor, self.shape(index), operator.label)

    def apply(self, operator: FlatOperator, source: str, function: Callable[[Array], Array], *,
              rows: int = 1, sign: Array | int = 1) -> str:
        """A tensor after a monotone function of its integers.

        Parameters
        ----------
        function : callable
            Integers of shape (rows, n) to int8.
        rows : int
            1, or one a channel.
        sign : int or array of int, (rows,)
            -1 where the function falls.
        """
        tensor: Tensor = self.tensors[source]
        if max(abs(tensor.lo), abs(tensor.hi)) >= 1 << 31:
            raise UnsupportedError(operator.label, "its sums do not fit 32 bits",
                                   "Such a model overflows in its own runtime")
        try:
            steps = find_steps(function, tensor.lo, tensor.hi,
                               np.broadcast_to(np.asarray(sign), (rows,)))
        except ValueError as error:
            raise UnsupportedError(operator.label, f"too many levels: {error}",
                                   "Use fewer channels") from None
        return self.add_steps(operator.label, source, steps,
                              lambda: self.names.take(f"{source}_act"))

    def look_up(self, operator: FlatOperator, table: Array) -> None:
        """Take entries of a table, of shape (256,) from -128 on, as the operator's result."""
        source, _ = self.input(operator)
        tensor = self.tensors[source]
        self.give(operator, self.add_table(
            operator.label, source, table[None, tensor.lo - LO : tensor.hi - LO + 1],
            lambda: self.names.take(f"{source}_act")))

    def join(self, operator: FlatOperator, sources: tuple[str, str],
             function: Callable[[Array, Array], Array], kind: str) -> None:
        """Take a function of two tensors, monotone in both, as the operator's result."""
        a, b = (self.tensors[name] for name in sources)
        if a.shape != b.shape:
            raise UnsupportedError(operator.label, f"it joins tensors of the shapes {a.shape} and "
                                   f"{b.shape}", "Only tensors of one shape can be joined")
        result = self.add_pair(operator.label, sources, function,
                               lambda: self.name(operator, kind))
        if result is None:
            raise UnsupportedError(operator.label, "no weighted sum of its operands rounds as "
                                   "its kernel does", "Quantise both operands with one scale")
        self.give(operator, result)

    def name(self, operator: FlatOperator, kind: str) -> str:
        """Name for an operator's operation: its layer's, or the kind and a number."""
        own = _layer(self.flat(operator.outputs[0]).name)
        return self.names.take(own) if own else self.names.numbered(kind)


def _layer(name: str) -> str:
    """The layer in a tensor's name, as converters write it; empty if there is none.

    Of fused operations the name lists the tensors, joined by semicolons, the weighted one last:
    ``model/re_lu/Relu;model/conv2d/BiasAdd;model/conv2d/Conv2D``.
    """
    parts = name.split(";")[-1].split("/")
    layer = [p for p in parts[1:] if p[:1].islower() and not p.startswith("resource")]
    return "_".join(layer)
