"""Reading ONNX files: the protobuf becomes plain nodes and arrays, checked on the way in."""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from onnx.external_data_helper import load_external_data_for_tensor, uses_external_data

from ..errors import QuantloomError
from .draft import MAX_ELEMENTS
from .file_bytes import MAX_BYTES, file_bytes

__all__ = ["Graph", "GraphInput", "Node", "read"]

_OLDEST = 7
"""First opset in which operands broadcast as they do since."""


@dataclass(frozen=True, eq=False)
class Node:
    """One ONNX node.

    Parameters
    ----------
    op, domain, name : str
        The name may be empty.
    inputs, outputs : tuple of str
        An omitted optional input is an empty string.
    attributes : dict
        Python values; strings are decoded.
    proto : onnx.NodeProto
    """

    op: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    proto: onnx.NodeProto

    @property
    def label(self) -> str:
        """How messages call the node."""
        return f"{self.name} ({self.op})" if self.name else f"{self.op} that makes {self.output}"

    @property
    def output(self) -> str:
        """Name of the first output."""
        return self.outputs[0]

    @property
    def channels_last(self) -> bool:
        """Whether the node's domain puts the channels on the last axis."""
        return self.domain.endswith("channels_last")


@dataclass(frozen=True)
class GraphInput:
    """The graph's input: name, shape with the batch axis first, NumPy type."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True, eq=False)
class Graph:
    """A checked ONNX graph with one input.

    Parameters
    ----------
    name : str
        The file's name without extensions.
    nodes : list of Node
        In topological order.
    input : GraphInput
    outputs : tuple of str
    constants : dict of str to array
    datatypes : dict of str to str
        QONNX datatype annotations by tensor.
    opset : int
        Of the default domain.
    """

    name: str
    nodes: list[Node]
    input: GraphInput
    outputs: tuple[str, ...]
    constants: dict[str, np.ndarray]
    datatypes: dict[str, str] = field(default_factory=dict)
    opset: int = 13


def read(path: str | Path) -> Graph:
    """Read an ``.onnx`` or ``.onnx.gz`` file.

    Raises
    ------
    QuantloomError
        If the file cannot be read, is not ONNX or truncated, or its graph is not one that can be
        compiled: several inputs, no output, a dynamic or absurd shape, undefined tensors.
    """
    path = Path(path)
    model = parse_model(path)
    graph = model.graph
    if not graph.node:
        raise QuantloomError(f"{path}: not an ONNX model: it contains no graph with nodes")
    constants = {t.name: _array(path, t) for t in graph.initializer}
    inputs = [i for i in graph.input if i.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(i.name for i in inputs) or "none"
        raise QuantloomError(f"{path}: the model must have one input, not {len(inputs)} ({names})")
    outputs = tuple(o.name for o in graph.output)
    if not outputs:
        raise QuantloomError(f"{path}: the model has no output")
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 13)
    if not _OLDEST <= opset <= onnx.defs.onnx_opset_version():
        raise QuantloomError(f"{path}: it is of opset {opset}; {_OLDEST} to "
                             f"{onnx.defs.onnx_opset_version()} are known. Export it with one of "
                             "those")
    nodes = [_node(path, n) for n in graph.node]
    _check_edges(path, nodes, {inputs[0].name, *constants}, outputs)
    return Graph(
        name=path.name.removesuffix(".gz").removesuffix(".onnx"),
        nodes=_needed(nodes, outputs),
        input=_graph_input(path, inputs[0]),
        outputs=outputs,
        constants=constants,
        datatypes={a.tensor_name: kv.value for a in graph.quantization_annotation
                   for kv in a.quant_parameter_tensor_names if kv.key == "finn_datatype"},
        opset=opset,
    )


def parse_model(path: Path) -> onnx.ModelProto:
    """The content of an ``.onnx`` file, packed or not, unless it is far too large."""
    data = file_bytes(path)
    if data[:2] == b"\x1f\x8b":
        try:
            with gzip.open(path) as file:
                data = file.read(MAX_BYTES + 1)
        except (OSError, EOFError, zlib.error):
            raise QuantloomError(f"{path}: damaged or truncated gzip file") from None
        if len(data) > MAX_BYTES:
            raise QuantloomError(f"{path}: it unpacks to more than {MAX_BYTES >> 20} MB, which no "
                                 "chip holds")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, RuntimeError):
        raise QuantloomError(f"{path}: not an ONNX model, or a truncated one") from None
    return model


def _array(path: Path, tensor: onnx.TensorProto) -> np.ndarray:
    size = math.prod(tensor.dims)
    if min(tensor.dims, default=0) < 0 or size > MAX_ELEMENTS:
        raise QuantloomError(f"{path}: constant {tensor.name!r} has the shape "
                             f"{list(tensor.dims)}; at most {MAX_ELEMENTS} elements are accepted")
    try:
        if uses_external_data(tensor):
            _check_location(path, tensor)
            load_external_data_for_tensor(tensor, str(path.parent))
        return np.array(numpy_helper.to_array(tensor))
    except QuantloomError:
        raise
    except Exception as error:  # the decoder raises whatever the damage leads to
        raise QuantloomError(f"{path}: constant {tensor.name!r} is damaged or truncated: "
                             f"{str(error).splitlines()[0] if str(error) else 'unreadable'}"
                             ) from None


def _check_location(path: Path, tensor: onnx.TensorProto) -> None:
    location = next((e.value for e in tensor.external_data if e.key == "location"), "")
    folder = path.parent.resolve()
    target = (folder / location).resolve()
    if not location or not target.is_relative_to(folder):
        raise QuantloomError(f"{path}: the data of {tensor.name!r} lie in {location!r}, outside "
                             "the model's folder")
    if not target.is_file():
        raise QuantloomError(f"{path}: the data of {tensor.name!r} should lie in {location!r}, "
                             "which is missing")


def _node(path: Path, proto: onnx.NodeProto) -> Node:
    attributes: dict[str, Any] = {}
    for a in proto.attribute:
        if a.type == onnx.AttributeProto.TENSOR:
            attributes[a.name] = _array(path, a.t)
        elif a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
            continue  # control flow, which no converter takes
        else:
            try:
                value = onnx.helper.get_attribute_value(a)
            except ValueError as error:  # a function's parameter, or of no known type
                raise QuantloomError(f"{path}: attribute {a.name!r} of {proto.op_type} "
                                     f"{proto.name!r} has no value ({str(error).strip()})"
                                     ) from None
            attributes[a.name] = value.decode(errors="replace") if isinstance(value, bytes) \
                else list(value) if hasattr(value, "__len__") and not isinstance(value, str) \
                else value
    domain = "" if proto.domain == "ai.onnx" else proto.domain
    return Node(proto.op_type, domain, proto.name, tuple(proto.input), tuple(proto.output),
                attributes, proto)


def _check_edges(path: Path, nodes: list[Node], known: set[str],
                 outputs: tuple[str, ...]) -> None:
    for node in nodes:
        if not node.outputs or known.intersection(filter(None, node.outputs)):
            raise QuantloomError(f"{path}: {node.op} {node.name!r} has no output, or one that "
                                 "exists already: the file is damaged")
        for name in node.inputs:
            if name and name not in known:
                raise QuantloomError(f"{path}: {node.label} reads {name!r}, which nothing before "
                                     "it defines: the file is damaged")
        known.update(filter(None, node.outputs))
    for output in outputs:
        if output not in known:
            raise QuantloomError(f"{path}: nothing defines the output {output!r}")


def _needed(nodes: list[Node], outputs: tuple[str, ...]) -> list[Node]:
    """The nodes that the outputs depend on."""
    kept, wanted = [], set(outputs)
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            wanted.update(node.inputs)
            kept.append(node)
    return kept[::-1]


def _graph_input(path: Path, info: onnx.ValueInfoProto) -> GraphInput:
    tensor = info.type.tensor_type
    if not info.type.HasField("tensor_type") or not tensor.HasField("shape"):
        raise QuantloomError(f"{path}: input {info.name!r} has no static shape. "
                             "Export the model with fixed sizes")
    dims = [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]
    shown = [d.dim_value if d.HasField("dim_value") else d.dim_param or "?"
             for d in tensor.shape.dim]
    if len(dims) > 1 and dims[0] is None:
        dims[0] = 1  # a free batch size: the hardware takes one sample after another
    if any(d is None for d in dims):
        raise QuantloomError(f"{path}: input {info.name!r} has the dynamic shape {shown}. "
                             "Export the model with fixed sizes")
    shape = tuple(int(d) for d in dims if d is not None)
    if not shape or min(shape) < 1 or math.prod(shape) > MAX_ELEMENTS:
        raise QuantloomError(f"{path}: input {info.name!r} has the shape {list(shape)}; sizes must "
                             f"be positive and the whole at most {MAX_ELEMENTS} elements")
    if len(shape) > 1 and shape[0] != 1:
        raise QuantloomError(f"{path}: input {info.name!r} has a batch of {shape[0]}. "
                             "Export the model with batch size 1")
    try:
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    except KeyError:
        raise QuantloomError(f"{path}: input {info.name!r} has no known element type") from None
    if dtype.kind not in "iuf":
        raise QuantloomError(f"{path}: input {info.name!r} is of type "
                             f"{onnx.TensorProto.DataType.Name(tensor.elem_type).lower()}. Export "
                             "the model with float32 or integers as input")
    return GraphInput(info.name, shape, dtype)
