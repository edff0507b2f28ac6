"""QONNX models as plain ONNX, which any runtime takes: quantisers written out in floats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from onnx import helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_shapes import InferShapes

from ..errors import QuantloomError
from ..frontends.reader import parse_model

__all__ = ["to_standard"]

_OPSET = 11
"""Of the operators that are written; models of later ones keep theirs."""

_ROUND = {"ROUND": "Round", "HALF_EVEN": "Round", "FLOOR": "Floor", "CEIL": "Ceil"}

_Node = Any


class _Writer:
    """Adds nodes and constants to a graph."""

    def __init__(self, graph: Any):
        self.graph = graph
        self.shapes: dict[str, list[int]] = {}
        self.nodes: list[_Node] = []
        self.constants = {c.name: numpy_helper.to_array(c) for c in graph.initializer}
        self.count = 0

    def value(self, name: str, what: str) -> np.ndarray:
        if name not in self.constants:
            raise QuantloomError(f"{what}: its parameter {name} is computed, not constant")
        return self.constants[name]

    def const(self, value: Any) -> str:
        self.count += 1
        name = f"standard_{self.count}"
        self.graph.initializer.append(
            numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def node(self, op: str, *inputs: str, to: str | None = None, **attributes: Any) -> str:
        self.count += 1
        out = to or f"standard_{self.count}"
        self.nodes.append(helper.make_node(op, list(inputs), [out], **attributes))
        return out


def to_standard(path: Path) -> bytes:
    """An ONNX model without QONNX's and FINN's operators, for a runtime to load.

    What it computes is the model's own arithmetic in floats: scaled, rounded, clipped and scaled
    back.

    Raises
    ------
    QuantloomError
        If an operator has no form in plain ONNX.
    """
    model = parse_model(path)
    graph = model.graph
    if not any(node.domain or node.op_type in _WRITERS for node in graph.node):
        return bytes(model.SerializeToString())
    # Custom operators have shapes, too: how many axes a threshold stands for.
    shaped = ModelWrapper(model).transform(InferShapes()).model
    writer = _Writer(graph)
    writer.shapes = _shapes(shaped.graph)
    for node in graph.node:
        # By their names: files of 2021 have some of them in the default domain.
        if node.op_type in _WRITERS:
            _WRITERS[node.op_type](writer, node)
        elif not node.domain or node.domain == "ai.onnx":
            writer.nodes.append(node)
        else:
            raise QuantloomError(f"{node.name or node.output[0]}: {node.op_type} of {node.domain} "
                                 "has no form in plain ONNX")
    del graph.node[:]
    graph.node.extend(writer.nodes)
    # Annotations name types that a runtime does not know, and shapes may be stale.
    del graph.quantization_annotation[:]
    del graph.value_info[:]
    opset = max([o.version for o in model.opset_import if o.domain in ("", "ai.onnx")] + [_OPSET])
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", opset))
    return bytes(model.SerializeToString())


def _shapes(graph: Any) -> dict[str, list[int]]:
    return {value.name: [size.dim_value for size in value.type.tensor_type.shape.dim]
            for value in (*graph.input, *graph.value_info, *graph.output)}


def _attributes(node: _Node) -> dict[str, Any]:
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def _text(value: Any, default: str) -> str:
    return default if value is None else (value.decode() if isinstance(value, bytes) else value)


def _quant(writer: _Writer, node: _Node) -> None:
    x, scale, zero, bits = node.input
    given = _attributes(node)
    mode = _text(given.get("rounding_mode"), "ROUND").upper()
    if mode not in _ROUND:
        raise QuantloomError(f"{node.name or node.output[0]}: rounding_mode {mode} has no form in "
                             "plain ONNX")
    width = float(writer.value(bits, node.name).max())
    signed, narrow = bool(given.get("signed", 1)), bool(given.get("narrow", 0))
    high = 2 ** (width - 1) - 1 if signed else 2**width - 1 - narrow
    low = -(2 ** (width - 1)) + narrow if signed else 0.0
    zeros = bool(writer.value(zero, node.name).any())
    steps = writer.node("Div", x, scale)
    steps = writer.node("Add", steps, zero) if zeros else steps
    steps = writer.node("Clip", steps, writer.const(low), writer.const(high))
    steps = writer.node(_ROUND[mode], steps)
    steps = writer.node("Sub", steps, zero) if zeros else steps
    writer.node("Mul", steps, scale, to=node.output[0])


def _bipolar(writer: _Writer, node: _Node) -> None:
    x, scale = node.input
    negative = writer.node("Less", x, writer.const(0.0))
    ones = writer.node("Where", negative, writer.const(-1.0), writer.const(1.0))
    writer.node("Mul", ones, scale, to=node.output[0])


def _thresholds(writer: _Writer, node: _Node) -> None:
    """How many thresholds of its channel an element reaches, one comparison after the other."""
    x, name = node.input
    given = _attributes(node)
    table = writer.value(name, node.name)
    rank = len(writer.shapes.get(x, ()))
    layout = _text(given.get("data_layout"), "NCHW").upper()
    channels = layout.index("C") if rank == len(layout) else rank - 1
    shape = [1] * rank
    shape[channels] = -1
    one, none, total = writer.const(1.0), writer.const(0.0), ""
    for k in range(table.shape[1]):
        below = writer.node("Less", x, writer.const(table[:, k].reshape(shape)))
        number = writer.node("Where", below, none, one)
        total = writer.node("Add", total, number) if total else number
    scale, bias = float(given.get("out_scale", 1.0)), float(given.get("out_bias", 0.0))
    total = writer.node("Mul", total, writer.const(scale))
    writer.node("Add", total, writer.const(bias), to=node.output[0])


_WRITERS: Mapping[str, Callable[[_Writer, _Node], None]] = {
    "Quant": _quant, "IntQuant": _quant, "BipolarQuant": _bipolar, "MultiThreshold": _thresholds}
