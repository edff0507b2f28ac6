"""The ONNX front door: a QONNX or QDQ file to the integer network."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import QuantloomError, UnsupportedError
from ..network import Interface, Network
from . import (
    curves,
    elementwise,
    joins,
    qdq,
    quantisers,
    tails,
    weighted,
    windows,
    wrapping,
)
from .context import CONVERTERS, Context, InputGrid, LayoutError
from .fold import FOLDABLE, fold
from .layouts import spread
from .quantise import materialise, no_quantiser
from .reader import Graph, Node, read
from .selection import cut
from .tails import HOST_OPERATORS, leave_to_host
from .values import Const, Value

__all__ = ["examine"]

# The modules register their converters on import.
_MODULES = (curves, elementwise, joins, qdq, quantisers, tails, weighted, windows, wrapping)

_DOMAINS = ("", "onnx.brevitas", "finn.custom_op.general", "qonnx.custom_op.general",
            "qonnx.custom_op.channels_last", "finn", "qonnx")


def examine(path: str | Path, *, input_grid: InputGrid | None = None,
            ) -> tuple[Network | None, list[UnsupportedError]]:
    """Convert a QONNX, FINN-style or QDQ (QuantizeLinear, DequantizeLinear) file.

    Parameters
    ----------
    path : path
        ``.onnx`` or ``.onnx.gz``.
    input_grid : InputGrid or None
        Integer grid of the model's input. None takes it from the model: from the annotated or
        integer type of the input, or from the quantiser that the graph begins with.

    Returns
    -------
    network : Network or None
        Integers equal to what the model's own float arithmetic quantises to; None if there are
        problems.
    problems : list of UnsupportedError
        All nodes that stand in the way of compiling it, in graph order.

    Raises
    ------
    QuantloomError
        If the file is not a usable ONNX model at all.
    """
    return _convert(read(path), input_grid)


def _convert(graph: Graph, grid: InputGrid | None,
             ) -> tuple[Network | None, list[UnsupportedError]]:
    """Convert with the input's channels innermost; failing that, in the source's own order."""
    first: list[UnsupportedError] = []
    for shape, index in _input_layouts(graph.input.shape):
        ctx = Context(graph=graph, input_shape=shape)
        problems = _walk(ctx, index, grid)
        if not problems:
            try:
                return _finish(ctx), []
            except UnsupportedError as error:
                problems = [error]
        first = first or problems
        if not any(isinstance(p, LayoutError) for p in problems):
            break
    return None, first


def _input_layouts(shape: tuple[int, ...]) -> list[tuple[tuple[int, int, int], Any]]:
    size = int(np.prod(shape))
    plain = np.arange(size).reshape(shape)
    if len(shape) == 4:
        _, c, h, w = shape
        return [((h, w, c), spread((h, w, c), 4, False)), (shape[1:], plain)]
    if len(shape) == 3:
        _, c, n = shape
        return [((1, n, c), spread((1, n, c), 3, False)), ((1, c, n), plain)]
    return [((1, 1, size), plain)]


def _walk(ctx: Context, index: Any, grid: InputGrid | None) -> list[UnsupportedError]:
    """Convert node by node; problems are collected, and what hangs on them is passed over."""
    graph = ctx.graph
    ctx.values.update({name: Const(array) for name, array in graph.constants.items()})
    ctx.input_value = Value("input", index, np.ones(()), raw=True)
    _ground_input(ctx, grid)
    ctx.values[graph.input.name] = ctx.input_value
    problems = []
    for node in graph.nodes:
        try:
            _refuse(node)
            known = node.op in CONVERTERS or node.op in FOLDABLE or node.op == "Constant"
            if not known or node.domain not in _DOMAINS:
                where = f" of domain {node.domain!r}" if node.domain else ""
                raise UnsupportedError(node.label, f"operator {node.op}{where} is not supported",
                                       "Replace it, or cut the graph before it")
            if all(name in ctx.values for name in node.inputs if name):
                _node(ctx, node)
        except UnsupportedError as error:
            problems.append(error)
        except (ArithmeticError, IndexError, KeyError, TypeError, ValueError) as error:
            # A malformed attribute or parameter: converters check what a sound exporter may
            # write, not every way in which a file can be damaged.
            problem = UnsupportedError(node.label, f"it is malformed ({error})", "Repair the model")
            problem.__cause__ = error
            problems.append(problem)
    return problems


def _refuse(node: Node) -> None:
    """Refuse what has a remedy of its own."""
    if node.op.startswith("DynamicQuantize"):
        raise UnsupportedError(node.label, "its scale follows the data (dynamic quantisation)",
                               f"Quantise statically: quantize_static with {_FORMAT}")
    if node.op.startswith("QLinear") or node.op in _ON_INTEGERS:
        raise UnsupportedError(node.label, "it is of the QOperator format, which computes on "
                               "integers itself", f"Export with {_FORMAT} instead")
    if node.op in ("If", "Loop", "Scan"):
        raise UnsupportedError(node.label, "it is control flow",
                               "Export the model without branches and loops")
    if node.op == "FloatQuant":
        raise UnsupportedError(node.label, "it quantises to floating point of few bits",
                               "Quantise to integers (Quant)")


_FORMAT = "quant_format=QuantFormat.QDQ"
_ON_INTEGERS = frozenset({"ConvInteger", "MatMulInteger", "MatMulIntegerToFloat", "QGemm"})


def _ground_input(ctx: Context, grid: InputGrid | None) -> None:
    """Give the input its grid if it is stated: by the caller, an annotation, an integer type."""
    source = ctx.graph.input
    if grid is None:
        grid = _annotated(ctx.graph.datatypes.get(source.name, ""))
    if grid is None and source.dtype.kind in "iu" and source.dtype.itemsize <= 2:
        grid = InputGrid(source.dtype.itemsize * 8, source.dtype.kind == "i")
    if grid is not None:
        ctx.set_input(grid.type, grid.type.lo, grid.type.hi, np.asarray(float(grid.scale)),
                      int(grid.zero_point))


def _annotated(text: str) -> InputGrid | None:
    """Grid of a QONNX datatype name, None for those that name none."""
    if text in ("BIPOLAR", "BINARY", "TERNARY"):
        return {"BIPOLAR": InputGrid(1, True), "BINARY": InputGrid(1, False),
                "TERNARY": InputGrid(2, True)}[text]
    if match := re.fullmatch(r"(U?)INT(\d{1,2})", text):
        return InputGrid(int(match[2]), not match[1]) if int(match[2]) <= 16 else None
    if match := re.fullmatch(r"FIXED<(\d{1,2}),(\d{1,2})>", text):
        return InputGrid(int(match[1]), True, Fraction(1, 1 << max(0, int(match[1])
                                                                   - int(match[2]))))
    return None


def _node(ctx: Context, node: Node) -> None:
    inputs = [ctx.get(node, i) for i in range(len(node.inputs))]
    if node.op == "Constant":
        results: list[Value | Const | None] = [_constant(node)]
    elif any(isinstance(x, Value) and x.host for x in inputs):
        value = next(x for x in inputs if isinstance(x, Value) and x.host)
        if node.op not in HOST_OPERATORS:
            raise UnsupportedError(node.label, f"it follows {value.host[-1]}, which is left to the "
                                   "host", "Cut the graph before that node")
        results = [leave_to_host(node, value)] * len(node.outputs)
    elif all(x is None or isinstance(x, Const) for x in inputs) and (
            node.op not in _QUANTISES_CONSTANTS):
        keeps_grid = inputs and isinstance(inputs[0], Const) and inputs[0].integers is not None
        if (keeps_grid and node.op in _REARRANGES) or node.op == "Shape":
            results = _listed(CONVERTERS[node.op](ctx, node))
        elif node.op in FOLDABLE or node.op in _REARRANGES:
            results = list(fold(ctx, node))
        else:
            raise UnsupportedError(node.label, "all its inputs are constant",
                                   "Fold constants when exporting the model")
    elif node.op not in CONVERTERS:
        raise UnsupportedError(node.label, f"operator {node.op} is not supported on computed "
                               "tensors", "Replace it, or cut the graph before it")
    else:
        results = _listed(CONVERTERS[node.op](ctx, node))
        if node.op == "TopK":
            results = [results[0], results[0]]
    for name, result in zip(node.outputs, results, strict=False):
        if name and result is not None:
            ctx.values[name] = result


def _listed(result: Any) -> list[Value | Const | None]:
    return result if isinstance(result, list) else [result]


_QUANTISES_CONSTANTS = frozenset({"BipolarQuant", "DequantizeLinear", "IntQuant", "Quant",
                                  "QuantizeLinear"})

_REARRANGES = frozenset({"DepthToSpace", "Dropout", "Flatten", "Gather", "Identity", "Reshape",
                         "Slice", "SpaceToDepth", "Split", "Squeeze", "Transpose", "Unsqueeze"})


def _constant(node: Node) -> Const:
    for key in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        if key in node.attributes:
            value = np.asarray(node.attributes[key])
            return Const(value.astype(np.float32) if "float" in key else value)
    raise UnsupportedError(node.label, "it holds no numbers", "Repair the model")


def _finish(ctx: Context) -> Network:
    """The network up to the outputs, and how its integers map to the model's output."""
    ends = [_end(ctx, name) for name in ctx.graph.outputs]
    end, host = ends[0], ends[0].host
    if len(ends) > 1:
        end, host = _common_end(ctx, ends)
    else:
        end = cut(ctx, ctx.graph.nodes[-1], end)
        if ctx.size(end) != end.index.size:
            raise UnsupportedError(ctx.graph.outputs[0], "the output is part of a tensor",
                                   "Compute no more than is used")
    channel = end.index % ctx.channels(end)
    scale, offset = end.scale, np.zeros(())
    for step in end.steps:
        assert step.affine is not None
        a, b = step.affine
        scale, offset = scale * a, offset * a + b
    source = ctx.input_value
    assert source is not None
    try:
        return Network(
            name=ctx.graph.name,
            input=ctx.tensors["input"],
            ops=ctx.needed(end.tensor),
            source_input=_interface(source.index, source.index % ctx.input_shape[2], source.scale,
                                    source.zero_point, np.zeros(())),
            source_output=_interface(end.index, channel, scale, end.zero_point, offset),
            host=(*ctx.notes, *host),
        )
    except UnsupportedError:
        raise
    except QuantloomError as error:
        raise UnsupportedError(ctx.graph.name, str(error), "The graph cannot be compiled") from None


def _end(ctx: Context, name: str) -> Value:
    """An output as integers, with affine steps at most; what else follows is the host's."""
    value = ctx.values[name]
    last = next((n for n in ctx.graph.nodes if name in n.outputs), None)
    if isinstance(value, Const) or last is None:
        raise UnsupportedError(name, "the output does not depend on the input", "Repair the model")
    if value.raw:
        raise no_quantiser(ctx, last, value)
    if any(step.affine is None for step in value.steps):
        try:
            value = replace(materialise(ctx, last, value), host=value.host)
        except UnsupportedError:
            first = next(i for i, s in enumerate(value.steps) if s.affine is None)
            value = replace(value, steps=value.steps[:first],
                            host=(*(s.name for s in value.steps[first:]), *value.host))
    if value.tensor == "input":
        raise UnsupportedError(last.label, "nothing is computed between input and output",
                               "Give a model with at least one layer")
    return value


def _common_end(ctx: Context, ends: list[Value]) -> tuple[Value, tuple[str, ...]]:
    """The tensor that all outputs are made of, in its own order, and what the host makes of it."""
    end = ends[0]
    for name, other in zip(ctx.graph.outputs, ends, strict=True):
        if other.tensor != end.tensor:
            raise UnsupportedError(
                name, f"it is another tensor than {ctx.graph.outputs[0]}: hardware has one output",
                "Join the outputs to one tensor, or cut the graph to one of them")
    notes = []
    for name, other in zip(ctx.graph.outputs, ends, strict=True):
        after = [*(s.name for s in other.steps), *other.host]
        notes.append(f"output {name}: element{'s' if other.index.size > 1 else ''} "
                     f"{_ranges(other.index)} of {end.tensor}"
                     + (f", {', '.join(after)}" if after else ""))
    every = np.arange(ctx.size(end)).reshape(1, *ctx.tensor(end).shape)
    return replace(end, index=every, steps=(), host=()), tuple(notes)


def _ranges(index: Any) -> str:
    flat = np.ravel(index)
    if flat.size > 2 and np.all(np.diff(flat) == 1):
        return f"{flat[0]} to {flat[-1]}"
    return ", ".join(map(str, flat[:8].tolist())) + (", ..." if flat.size > 8 else "")


def _interface(index: Any, channel: Any, scale: Any, zero_point: int, offset: Any) -> Interface:
    order = index[0] if index.ndim > 1 and index.shape[0] == 1 else index
    channel = channel.reshape(order.shape)

    def spread_out(a: Any) -> Any:
        return float(a) if np.ndim(a) == 0 else np.asarray(a)[channel]

    return Interface(tuple(order.shape), order, spread_out(scale), zero_point, spread_out(offset))
