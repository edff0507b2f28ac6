"""Where a float model needs quantisers, and which of them share a scale.

Layers with weights, sums of tensors and averages compute on integers. What stands between them
and is computed element by element goes into the quantiser behind it; what only moves elements
passes integers on. A quantiser therefore stands on the last tensor before the elements are moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import onnx

from .float_graph import WEIGHTED, FloatGraph
from .formats import INPUT

__all__ = ["Point", "find_points"]

_MOVES = frozenset({"Concat", "DepthToSpace", "Dropout", "Flatten", "Gather", "Identity", "MaxPool",
                    "Pad", "Reshape", "Resize", "Slice", "SpaceToDepth", "Split", "Squeeze",
                    "Transpose", "Unsqueeze", "Upsample"})
_AVERAGES = frozenset({"AveragePool", "GlobalAveragePool", "ReduceMean"})
# Functions that rise and fall are tables, which wide accumulators would make too large.
_TABLES = frozenset({"Abs", "Gelu", "HardSwish", "Mish", "Swish"})
_SUMS, _JOINS = frozenset({"Add", "Sub"}), frozenset({"Add", "Mul", "Sub"})
_READS_INTEGERS = WEIGHTED | _AVERAGES | _TABLES | {"Concat", "Pad", "Resize", "Upsample"}


@dataclass(frozen=True)
class Point:
    """A tensor that is quantised.

    Parameters
    ----------
    tensor : str
    layer : str
        Name of the node whose format counts: the last one with weights, sum or average before
        the tensor, or ``input``.
    group : int
        Points of one group share their grid.
    """

    tensor: str
    layer: str
    group: int


def find_points(graph: FloatGraph) -> tuple[Point, ...]:
    """All tensors that need a quantiser, in topological order."""
    found: dict[str, int] = {}
    groups: list[int] = []

    def place(tensor: str) -> int:
        if tensor not in found:
            found[tensor] = len(groups)
            groups.append(len(groups))
        return found[tensor]

    def join(tensors: list[str]) -> None:
        ids = {groups[place(t)] for t in tensors}
        groups[:] = [min(ids) if g in ids else g for g in groups]

    for node in graph.nodes:
        if not (node.op_type in _READS_INTEGERS or _joins(graph, node)):
            continue
        if _of_one(graph, node):
            place(_before_steps(graph, graph.computed(node)[0]))
            continue
        roots = [root for name in graph.computed(node) for root in _roots(graph, name)]
        for root in roots:
            place(root)
        if node.op_type == "Concat" or _joins(graph, node, _SUMS):
            join(roots)
    # What is done to the model's input before the first layer is not left to the host.
    if any(_owner(graph, tensor) == INPUT for tensor in found):
        place(graph.input)
    order = {name: i for i, name in enumerate([graph.input, *graph.producers])}
    return tuple(Point(tensor, _owner(graph, tensor), groups[found[tensor]])
                 for tensor in sorted(found, key=order.__getitem__))


def _joins(graph: FloatGraph, node: onnx.NodeProto, kinds: frozenset[str] = _JOINS) -> bool:
    return node.op_type in kinds and len(graph.computed(node)) == 2


def _of_one(graph: FloatGraph, node: onnx.NodeProto) -> bool:
    """Whether both operands are functions of one tensor, as in ``x * sigmoid(x)``."""
    if not _joins(graph, node):
        return False
    a, b = (_before_steps(graph, name) for name in graph.computed(node))
    return a == b and node.op_type == "Mul"


def _is_step(graph: FloatGraph, node: onnx.NodeProto) -> bool:
    """Whether a node computes its result element by element from one tensor."""
    return not (node.op_type in _READS_INTEGERS or node.op_type in _MOVES
                or (_joins(graph, node) and not _of_one(graph, node)))


def _before_steps(graph: FloatGraph, tensor: str) -> str:
    node = graph.producers.get(tensor)
    while node is not None and not _joins(graph, node) and _is_step(graph, node):
        tensor = graph.computed(node)[0]
        node = graph.producers.get(tensor)
    return tensor


def _roots(graph: FloatGraph, tensor: str) -> Iterator[str]:
    """The tensors whose elements another one only moves."""
    node = graph.producers.get(tensor)
    if node is None or node.op_type not in _MOVES:
        yield tensor
        return
    for name in graph.computed(node):
        yield from _roots(graph, name)


def _owner(graph: FloatGraph, tensor: str) -> str:
    node = graph.producers.get(tensor)
    while node is not None and (_is_step(graph, node) or node.op_type in _MOVES
                                or node.op_type in _TABLES):
        tensor = graph.computed(node)[0]
        node = graph.producers.get(tensor)
    return INPUT if node is None else node.name
