"""The integer network: what a model computes, exactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ..errors import QuantloomError
from ..verilog_names import is_plain, is_wire
from .ops import Op
from .tensor import Tensor

__all__ = ["MAX_ROWS", "Interface", "Network"]

MAX_ROWS = 1 << 13
"""Rows of a map: blocks are scheduled row by row."""


@dataclass(frozen=True, eq=False)
class Interface:
    """How the source's array at one end of the network maps to integers.

    A source element is ``scale * (integer - zero_point) + offset``. The integers stand in the
    network's raster order; ``order`` tells which is which.

    Parameters
    ----------
    shape : tuple of int
        Shape in the source, without the batch dimension.
    order : array of int
        Array of ``shape``: for each source element its index in the network's raster order.
    scale : float or array of float
        An array is broadcast against ``shape``.
    zero_point : int
    offset : float or array of float
        Remaining real offset, broadcast against ``shape``; 0 at the input.
    """

    shape: tuple[int, ...]
    order: np.ndarray
    scale: np.ndarray | float = 1.0
    zero_point: int = 0
    offset: np.ndarray | float = 0.0

    @classmethod
    def raster(cls, shape: tuple[int, ...]) -> Interface:
        """Integers in the network's own layout."""
        return cls(shape, np.arange(int(np.prod(shape))).reshape(shape))


@dataclass(eq=False)
class Network:
    """A directed acyclic graph of operations with one input and one output.

    Parameters
    ----------
    name : str
    input : Tensor
        The input tensor; its name is ``"input"``.
    ops : list of Op
        In topological order; tensors are inferred on construction.
    source_input, source_output : Interface
        How the two ends map to the model's own arrays.
    host : tuple of str
        What is left to the host after the last operation, in words ("softmax").

    Raises
    ------
    QuantloomError
        If a name is missing, taken or not fit for Verilog, an operation does not fit its inputs,
        an operation's output is never used, or a map has more than :data:`MAX_ROWS` rows.
    """

    name: str
    input: Tensor
    ops: list[Op]
    source_input: Interface | None = None
    source_output: Interface | None = None
    host: tuple[str, ...] = ()
    tensors: dict[str, Tensor] = field(init=False)

    def __post_init__(self) -> None:
        if not self.ops:
            raise QuantloomError(f"{self.name}: the network has no operation")
        for name in (self.name, *(op.name for op in self.ops)):
            if not is_plain(name):
                raise QuantloomError(f"{name!r}: the name must be letters, digits and single "
                                     "underscores, begin with a letter and mean nothing in Verilog")
        for op in self.ops:
            if is_wire(op.name):
                raise QuantloomError(f"{op.name!r}: the name is that of a wire around the blocks; "
                                     "give the operation another one")
        self.tensors = {"input": self.input}
        used: set[str] = set()
        for op in self.ops:
            if op.name in self.tensors:
                raise QuantloomError(f"{op.name}: the name is used twice")
            missing = [name for name in op.inputs if name not in self.tensors]
            if missing or not op.inputs:
                raise QuantloomError(f"{op.name}: no tensor {', '.join(missing) or 'as input'}")
            used.update(op.inputs)
            self.tensors[op.name] = op.infer(*self.inputs_of(op))
        for name, tensor in self.tensors.items():
            if tensor.shape[0] > MAX_ROWS:
                raise QuantloomError(f"{name}: the map has {tensor.shape[0]:,} rows; cut images of "
                                     f"more than {MAX_ROWS:,} rows into tiles")
        unused = [name for name in self.tensors if name not in used and name != self.output]
        if unused:
            raise QuantloomError(f"{', '.join(unused)}: the result is never used")
        if self.source_input is None:
            self.source_input = Interface.raster(self.input.shape)
        if self.source_output is None:
            self.source_output = Interface.raster(self.tensors[self.output].shape)

    @property
    def output(self) -> str:
        """Name of the output tensor: that of the last operation."""
        return self.ops[-1].name

    def inputs_of(self, op: Op) -> tuple[Tensor, ...]:
        """The input tensors of an operation."""
        return tuple(self.tensors[name] for name in op.inputs)

    def consumers(self, tensor: str) -> list[Op]:
        """The operations that read a tensor, one entry per read."""
        return [op for op in self.ops for name in op.inputs if name == tensor]

    def macs(self, ops: Iterable[Op] | None = None) -> int:
        """Multiply-accumulates a frame."""
        return sum(op.macs(*self.inputs_of(op)) for op in (self.ops if ops is None else ops))
