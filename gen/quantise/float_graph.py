"""A float ONNX model made ready to be quantised: constants folded, batch norms folded, named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.fold_constants import FoldConstants
from qonnx.transformation.infer_shapes import InferShapes

from ..errors import QuantloomError, UnsupportedError
from ..frontends.names import Names, speaking
from ..frontends.reader import Graph, read

__all__ = ["WEIGHTED", "FloatGraph", "read_float"]

Array = np.ndarray[Any, Any]

WEIGHTED = frozenset({"Conv", "Gemm", "MatMul"})
"""Operators with weights, the second input."""

IR_VERSION = 8
"""Of the files that are written: every onnxruntime in use reads it."""

_QUANTISERS = frozenset({"BipolarQuant", "DequantizeLinear", "DynamicQuantizeLinear", "FloatQuant",
                         "IntQuant", "MultiThreshold", "QLinearConv", "QLinearMatMul", "Quant",
                         "QuantizeLinear", "Trunc"})
# How nodes without a name of their own are numbered, as the front door numbers operations.
_KINDS = {"Conv": "conv", "Gemm": "dense", "MatMul": "dense", "MaxPool": "pool",
          "AveragePool": "pool", "GlobalAveragePool": "pool"}


@dataclass(eq=False)
class FloatGraph:
    """Nodes and constants of a float model, in topological order.

    Parameters
    ----------
    name : str
    nodes : list of onnx.NodeProto
        Every node has a name; those with weights keep it in the integer network.
    constants : dict of str to array
    input : str
    input_shape : tuple of int
        With a batch of 1 in front.
    outputs : tuple of str
    shapes : dict of str to tuple of int
        Of computed tensors, where they are known.
    opset : int
    """

    name: str
    nodes: list[onnx.NodeProto]
    constants: dict[str, Array]
    input: str
    input_shape: tuple[int, ...]
    outputs: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    opset: int = 13

    def __post_init__(self) -> None:
        self.producers = {name: node for node in self.nodes for name in node.output}

    @property
    def weighted(self) -> Iterator[onnx.NodeProto]:
        """Nodes whose weights are constants."""
        return (n for n in self.nodes if n.op_type in WEIGHTED and n.input[1] in self.constants)

    def computed(self, node: onnx.NodeProto) -> list[str]:
        """The inputs of a node that are not constant."""
        return [name for name in node.input if name and name not in self.constants]

    def consumers(self, tensor: str) -> list[onnx.NodeProto]:
        """The nodes that read a tensor."""
        return [node for node in self.nodes if tensor in node.input]

    def output_axis(self, node: onnx.NodeProto) -> int:
        """Axis of a node's weights that counts its outputs."""
        if node.op_type == "Conv":
            return 0
        flipped = any(a.name == "transB" and a.i for a in node.attribute)
        return 0 if flipped else self.constants[node.input[1]].ndim - 1

    def model(self, outputs: tuple[str, ...] | None = None) -> onnx.ModelProto:
        """The ONNX model, with the outputs given or its own."""
        graph = helper.make_graph(
            self.nodes, self.name,
            [helper.make_tensor_value_info(self.input, onnx.TensorProto.FLOAT, self.input_shape)],
            [onnx.ValueInfoProto(name=name) if outputs is not None else
             helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
             for name in outputs or self.outputs],
            [numpy_helper.from_array(array, name) for name, array in self.constants.items()])
        domains = sorted({node.domain for node in self.nodes} - {""})
        return helper.make_model(
            graph, ir_version=IR_VERSION, producer_name="quantloom",
            opset_imports=[helper.make_opsetid("", self.opset),
                           *(helper.make_opsetid(domain, 1) for domain in domains)])


def read_float(path: Path) -> FloatGraph:
    """Read a float model.

    Parameters
    ----------
    path : path
        ``.onnx`` or ``.onnx.gz``.

    Raises
    ------
    QuantloomError
        If the file is not a usable ONNX model, is quantised already, or has no layer with weights.
    """
    source = read(path)
    quantiser = next((node for node in source.nodes if node.op in _QUANTISERS), None)
    if quantiser is not None:
        raise UnsupportedError(
            f"{path}: {quantiser.label}", "the model is quantised already",
            "Give the float model it was made of, or compile it as it is with 'quantloom generate'")
    graph = _folded(source)
    alone = next((node for node in graph.nodes if not graph.computed(node)), None)
    if alone is not None:
        raise UnsupportedError(f"{path}: {alone.op_type} that makes {alone.output[0]}",
                               "it reads nothing that depends on the input, and is no constant",
                               "Fold constants when exporting the model")
    _fold_norms(graph)
    _give_names(graph)
    for node in graph.weighted:
        if not np.isfinite(graph.constants[node.input[1]]).all():
            raise UnsupportedError(f"{path}: {node.name} ({node.op_type})", "a weight is not finite"
                                   " (NaN or infinity)", "Repair the weights and export again")
    if not any(graph.weighted):
        raise QuantloomError(f"{path}: no layer has constant weights: there is nothing to quantise")
    return graph


def _folded(source: Graph) -> FloatGraph:
    """The graph with its constant parts computed and all shapes inferred."""
    whole = FloatGraph(source.name, [node.proto for node in source.nodes], dict(source.constants),
                       source.input.name, source.input.shape, source.outputs, opset=source.opset)
    try:
        wrapper = ModelWrapper(whole.model()).transform(InferShapes()).transform(FoldConstants())
    except Exception as error:  # onnx and onnxruntime raise whatever a model leads them to
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise QuantloomError(f"{source.name}: its shapes or constants cannot be computed: {reason}"
                             ) from None
    graph = wrapper.graph
    shapes = {info.name: tuple(d.dim_value for d in info.type.tensor_type.shape.dim)
              for info in (*graph.value_info, *graph.output)}
    constants = {t.name: np.array(numpy_helper.to_array(t)) for t in graph.initializer}
    used = {name for node in graph.node for name in node.input}
    return FloatGraph(source.name, list(graph.node),
                      {name: array for name, array in constants.items() if name in used},
                      source.input.name, source.input.shape, source.outputs, shapes, source.opset)


def _give_names(graph: FloatGraph) -> None:
    names = Names()
    for node in graph.nodes:
        own = speaking(node.name, node.op_type)
        kind = _KINDS.get(node.op_type, node.op_type.lower())
        node.name = names.take(own) if own else names.numbered(kind)


def _fold_norms(graph: FloatGraph) -> None:
    """Make batch norms part of the weights before them, where nothing else reads these.

    Others stay, and end in thresholds as any other float step does.
    """
    for norm in [node for node in graph.nodes if node.op_type == "BatchNormalization"]:
        parameters = [graph.constants.get(name) for name in norm.input[1:5]]
        chain = _weights_before(graph, norm.input[0])
        if chain is None or any(p is None for p in parameters) or len(norm.output) > 1:
            continue
        gamma, beta, mean, variance = (np.asarray(p, np.float64) for p in parameters)
        epsilon = next((a.f for a in norm.attribute if a.name == "epsilon"), 1e-5)
        factor = gamma / np.sqrt(variance + epsilon)
        layer, bias = chain[0], chain[-1]
        axis = graph.output_axis(layer)
        weights = graph.constants[layer.input[1]]
        if weights.shape[axis] != factor.size or not np.isfinite(factor).all():
            continue
        shape = [-1 if i == axis else 1 for i in range(weights.ndim)]
        _set_constant(graph, layer, 1, weights * factor.reshape(shape))
        # The sum's constant, the layer's own bias, or a new one.
        place = 2 if bias is layer else _constant_place(graph, bias)
        old = graph.constants[bias.input[place]] if len(bias.input) > place else np.zeros(())
        offset = np.broadcast_to(np.ravel(old), factor.shape) * factor + beta - mean * factor
        if bias is layer and layer.op_type == "MatMul":
            name = f"{norm.output[0]}_offset"
            graph.constants[name] = offset.astype(np.float32)
            norm.CopyFrom(helper.make_node("Add", [norm.input[0], name], [norm.output[0]],
                                           name=norm.name))
            continue
        _set_constant(graph, bias, place, offset)
        graph.nodes.remove(norm)
        bias.output[0] = norm.output[0]
        graph.producers = {name: node for node in graph.nodes for name in node.output}


def _weights_before(graph: FloatGraph, tensor: str) -> list[onnx.NodeProto] | None:
    """The layer that makes a tensor, and the sum with a bias behind it if there is one."""
    chain: list[onnx.NodeProto] = []
    while True:
        node = graph.producers.get(tensor)
        alone = len(graph.consumers(tensor)) == 1 and tensor not in graph.outputs
        if node is None or not alone:
            return None
        chain.insert(0, node)
        if node.op_type in WEIGHTED and node.input[1] in graph.constants:
            # A product of several positions has its outputs last, a batch norm its channels second.
            fits = node.op_type == "Conv" or len(graph.shapes.get(node.output[0], ())) == 2
            fits &= len(chain) == 1 or node.op_type == "MatMul"
            return chain if fits and not _scaled(node) else None
        if node.op_type != "Add" or len(graph.computed(node)) != 1 or len(chain) > 1:
            return None
        tensor = graph.computed(node)[0]


def _scaled(node: onnx.NodeProto) -> bool:
    """Whether a Gemm has factors of its own."""
    return any(a.name in ("alpha", "beta") and a.f != 1 for a in node.attribute)


def _constant_place(graph: FloatGraph, node: onnx.NodeProto) -> int:
    return next(i for i, name in enumerate(node.input) if name in graph.constants)


def _set_constant(graph: FloatGraph, node: onnx.NodeProto, place: int, values: Array) -> None:
    """Give a node a constant of its own: others may read the old one."""
    name = f"{node.output[0]}_{place}_folded"
    graph.constants[name] = values.astype(np.float32)
    if len(node.input) > place:
        node.input[place] = name
    else:
        node.input.append(name)
