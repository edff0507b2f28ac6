"""Constants that the graph computes: evaluated with onnxruntime, one node at a time."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from ..errors import UnsupportedError
from .context import Context
from .draft import MAX_ELEMENTS
from .reader import Node
from .values import Const

__all__ = ["FOLDABLE", "fold"]

FOLDABLE = frozenset({
    "Abs", "Add", "Cast", "Ceil", "Clip", "Concat", "ConstantOfShape", "Div", "Equal", "Exp",
    "Expand", "Floor", "Gather", "Identity", "Log", "MatMul", "Max", "Min", "Mul", "Neg", "Pow",
    "Range", "Reciprocal", "ReduceMean", "ReduceProd", "ReduceSum", "Relu", "Reshape", "Round",
    "Sign", "Slice", "Split", "Sqrt", "Squeeze", "Sub", "Tile", "Transpose", "Unsqueeze", "Where",
})
"""Operators that are evaluated on constants."""


def fold(ctx: Context, node: Node) -> list[Const]:
    """Outputs of a node whose inputs are all constant.

    Raises
    ------
    UnsupportedError
        If the node cannot be evaluated, or its result is too large.
    """
    arrays: dict[str, np.ndarray] = {}
    for i, name in enumerate(node.inputs):
        const = ctx.get(node, i)
        if isinstance(const, Const):
            arrays[name] = const.array
    if node.op in ("ConstantOfShape", "Expand", "Tile"):
        target = arrays[node.inputs[-1]].astype(np.float64)
        start = arrays[node.inputs[0]].size if node.op == "Tile" else 1
        if np.prod(target) * start > MAX_ELEMENTS:
            raise UnsupportedError(node.label, "its result is too large", "Repair the model")
    infos = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
             for name, a in arrays.items()]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.outputs if name]
    graph = helper.make_graph([node.proto], "constant", infos, outputs)
    model = helper.make_model(graph, ir_version=8,
                              opset_imports=[helper.make_opsetid("", ctx.graph.opset)])
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                               providers=["CPUExecutionProvider"])
        results = session.run(None, arrays)
    except Exception as error:  # onnxruntime's exceptions have no common base
        reason = str(error).splitlines()[0][:200] if str(error) else "unknown"
        raise UnsupportedError(node.label, f"its constant cannot be evaluated: {reason}",
                               "Fold constants when exporting the model") from None
    if max(np.size(r) for r in results) > MAX_ELEMENTS:
        raise UnsupportedError(node.label, "its result is too large", "Repair the model")
    return [Const(np.asarray(r)) for r in results]
