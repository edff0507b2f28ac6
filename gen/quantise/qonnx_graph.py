"""A float model with quantisers: a QONNX graph, whose own arithmetic is the quantised model's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from .float_graph import FloatGraph
from .formats import Format
from .scales import weight_scales

__all__ = ["Grid", "quantised_graph"]

Array = np.ndarray[Any, Any]

DOMAIN = "qonnx.custom_op.general"


@dataclass(frozen=True)
class Grid:
    """The quantiser of a tensor: ``real = scale * (integer - zero_point)``.

    Parameters
    ----------
    tensor, name : str
        Of the quantiser and, where it becomes an operation, of that.
    bits : int
    signed : bool
        One signed bit means -1 and +1.
    scale : float
    zero_point : int
    wrap : bool
        Integers keep their low bits instead of being clipped.
    """

    tensor: str
    name: str
    bits: int
    signed: bool
    scale: float
    zero_point: int = 0
    wrap: bool = False


def quantised_graph(graph: FloatGraph, grids: Sequence[Grid], formats: Mapping[str, Format],
                    masks: Mapping[str, Array]) -> onnx.ModelProto:
    """The model with quantisers on weights and tensors.

    Parameters
    ----------
    graph : FloatGraph
    grids : sequence of Grid
    formats : mapping of str to Format
        By layer with weights.
    masks : mapping of str to array of bool
        Weights that stay; a layer that is left out keeps all.

    Returns
    -------
    onnx.ModelProto
    """
    build = _Builder(graph)
    renamed = {grid.tensor: f"{grid.tensor}_q" for grid in grids}
    places = {grid.tensor: grid for grid in grids}
    if graph.input in places:
        build.quantise(places[graph.input], renamed[graph.input])
    for node in graph.nodes:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.doc_string = ""
        del copy.metadata_props[:]
        copy.input[:] = [renamed.get(name, name) for name in node.input]
        if node.name in formats:
            mask = masks.get(node.name)
            copy.input[1] = build.weights(node, formats[node.name], mask)
            if mask is not None and len(node.input) > 2 and node.input[2]:
                copy.input[2] = build.bias(node, mask)
        build.nodes.append(copy)
        for name in node.output:
            if name in places:
                build.quantise(places[name], renamed[name])
    return FloatGraph(graph.name, build.nodes, build.used(), graph.input, graph.input_shape,
                      graph.outputs, opset=graph.opset).model()


class _Builder:
    def __init__(self, graph: FloatGraph):
        self.graph = graph
        self.nodes: list[onnx.NodeProto] = []
        self.constants = dict(graph.constants)

    def used(self) -> dict[str, Array]:
        """The constants that nodes read."""
        names = {name for node in self.nodes for name in node.input}
        return {name: array for name, array in self.constants.items() if name in names}

    def constant(self, name: str, value: Any, dtype: Any = np.float32) -> str:
        self.constants[name] = np.asarray(value, dtype)
        return name

    def weights(self, node: onnx.NodeProto, form: Format, mask: Array | None) -> str:
        """Name of a layer's quantised weights."""
        array, axis = self.graph.constants[node.input[1]], self.graph.output_axis(node)
        array = array if mask is None else np.where(mask, array, np.float32(0))
        rows = np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1)
        if form.scale == "tensor":
            scale = weight_scales(rows.reshape(1, -1), form).reshape(())
        else:
            scale = weight_scales(rows, form).reshape(
                [-1 if i == axis else 1 for i in range(array.ndim)])
        own, inputs = f"{node.name}_weight", [self.constant(f"{node.name}_weight_scale", scale)]
        bits = form.weights
        if bits == 1 and mask is not None:  # beside -1 and +1 there are zeros
            bits, array = 2, np.where(mask, np.where(array >= 0, scale, -scale), np.float32(0))
        op, attributes = "BipolarQuant", dict[str, Any]()
        if bits > 1:
            op, attributes = "Quant", {"signed": 1, "narrow": 1, "rounding_mode": "ROUND"}
            inputs += [self.constant(f"{own}_zero_point", 0), self.constant(f"{own}_bits", bits)]
        self.nodes.append(helper.make_node(op, [self.constant(own, array), *inputs], [f"{own}_q"],
                                           name=f"{own}_quant", domain=DOMAIN, **attributes))
        return f"{own}_q"

    def bias(self, node: onnx.NodeProto, mask: Array) -> str:
        """Name of a layer's bias, zero where an output has lost all weights.

        Such an output is zero, behind a ReLU as well, and so equal to what paddings put around it:
        a constant of another value would have to stay.
        """
        alive = np.moveaxis(mask, self.graph.output_axis(node), 0).reshape(
            mask.shape[self.graph.output_axis(node)], -1).any(axis=1)
        bias = self.graph.constants[node.input[2]]
        return self.constant(f"{node.name}_bias", np.where(alive, np.ravel(bias), 0))

    def quantise(self, grid: Grid, result: str) -> None:
        """Append a tensor's quantiser."""
        scale = self.constant(f"{result}_scale", grid.scale)
        if grid.wrap:
            self._wrap(grid, result, scale)
            return
        op, inputs, attributes = "BipolarQuant", [grid.tensor, scale], dict[str, Any]()
        if grid.bits > 1 or not grid.signed:
            op = "Quant"
            inputs += [self.constant(f"{result}_zero_point", grid.zero_point),
                       self.constant(f"{result}_bits", grid.bits)]
            attributes = {"signed": int(grid.signed), "narrow": 0, "rounding_mode": "ROUND"}
        self.nodes.append(helper.make_node(op, inputs, [result], name=grid.name, domain=DOMAIN,
                                           **attributes))

    def _wrap(self, grid: Grid, result: str, scale: str) -> None:
        """Rounding and a remainder: Quant saturates, so this is written in plain ONNX.

        Halves are rounded up: that is a sum and dropping lower bits, on any scale.
        """
        half = self.constant(f"{result}_half", (1 << grid.bits - 1) * grid.signed, np.int64)
        modulus = self.constant(f"{result}_modulus", 1 << grid.bits, np.int64)
        tip = grid.tensor

        def then(op: str, *others: str, **attributes: Any) -> None:
            nonlocal tip
            out = f"{result}_{op.lower()}{len(self.nodes)}"
            name = grid.name if op == "Mod" else f"{grid.name}_{op.lower()}{len(self.nodes)}"
            self.nodes.append(helper.make_node(op, [tip, *others], [out], name=name, **attributes))
            tip = out

        then("Div", scale)
        then("Add", self.constant(f"{result}_one_half", 0.5))
        then("Floor")
        then("Cast", to=TensorProto.INT64)
        if grid.signed:
            then("Add", half)
        then("Mod", modulus)
        if grid.signed:
            then("Sub", half)
        then("Cast", to=TensorProto.FLOAT)
        then("Mul", scale)
        self.nodes[-1].output[0] = result
