"""From pending floating-point steps to integer operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ...rtl_templates.types import BIPOLAR, IntType
from ..errors import UnsupportedError
from ..network import Tensor
from .context import INPUT_REMEDY, Context
from .names import speaking
from .reader import Node
from .steps import StepFunction, find_steps
from .values import Value, squeeze_uniform

__all__ = ["materialise", "no_quantiser", "quantise"]

Array = np.ndarray[Any, Any]

# Most entries of a table of a function that is not monotone.
_MAX_TABLE = 1 << 22

_QUANTISERS = frozenset({"BipolarQuant", "IntQuant", "MultiThreshold", "Quant", "QuantizeLinear",
                         "Trunc"})


def quantise(ctx: Context, node: Node, value: Value, levels: Callable[[Array], Array], *,
             scale: Array, zero_point: int = 0, bipolar: bool = False, uniform: bool,
             span: tuple[int, int] | None = None) -> Value:
    """Emit the integer operation that a value's steps and a quantiser amount to.

    Parameters
    ----------
    value : Value
    levels : callable
        The quantiser: reals to integers, arrays of shape (channels, n). Of a bipolar quantiser
        the integers are 0 and 1.
    scale : array, () or (channels,)
    zero_point : int
        Grid of the result.
    bipolar : bool
        The result is -1 or +1.
    uniform : bool
        The quantiser treats all channels alike.
    span : pair of int or None
        Range of the quantiser's integers, if it has one of its own.
    """
    scale = squeeze_uniform(np.asarray(scale, np.float64))
    if value.raw:
        if span is None:
            raise no_quantiser(ctx, node, value)
        return _ground(ctx, node, value, scale, zero_point, bipolar, span)
    if value.tensor in ctx.pairs:
        return _quantise_pair(ctx, node, value, levels, scale, zero_point, bipolar)
    value = _rectify(ctx, value)
    tensor = ctx.tensor(value)
    rows = 1 if uniform and value.uniform and np.ndim(value.sign) == 0 else tensor.shape[2]
    sign = np.broadcast_to(value.sign, (rows,)) if value.monotone else np.ones(rows, np.int64)

    def function(q: Array) -> Array:
        reals = value.evaluate(q)
        if np.isnan(reals).any():
            raise UnsupportedError(node.label, "values before it overflow", "Repair the weights "
                                   "and export again")
        return levels(reals)

    if not value.monotone:
        name = _look_up(ctx, node, value, function, rows, bipolar)
        return Value(name, value.index, scale, zero_point, exclusive=True)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            steps = find_steps(function, tensor.lo, tensor.hi, sign)
    except ValueError as error:
        raise UnsupportedError(node.label, f"too many levels: {error}",
                               "Quantise to fewer bits") from None
    if rows > 1 and np.all(steps.points == steps.points[0]) and np.all(sign == sign[0]):
        steps = replace(steps, sign=sign[:1], points=steps.points[:1], first=steps.first[:1],
                        last=steps.last[:1])
    name = _emit(ctx, node, value, steps, bipolar)
    return Value(name, value.index, scale, zero_point,
                 exclusive=name != value.tensor or value.exclusive)


def _look_up(ctx: Context, node: Node, value: Value, function: Callable[[Array], Array], rows: int,
             bipolar: bool) -> str:
    """Emit a function that rises and falls, by its values for all integers."""
    tensor = ctx.tensor(value)
    bent = next(step for step in value.steps if not step.monotone)
    if rows * (tensor.hi - tensor.lo + 1) > _MAX_TABLE:
        raise UnsupportedError(
            bent.name, f"it rises and falls, and what it reads has {tensor.hi - tensor.lo + 1} "
            "values", "Quantise its input to fewer bits")
    with np.errstate(over="ignore", invalid="ignore"):
        table = function(np.arange(tensor.lo, tensor.hi + 1)[None].repeat(rows, axis=0))
    if table.shape[0] > 1 and np.all(table == table[0]):
        table = table[:1]
    own = speaking(node.name, node.op) if node.op in _QUANTISERS else ""
    found = ctx.add_table(node.label, value.tensor, table.astype(np.int64),
                          lambda: ctx.names.take(own, f"{value.tensor}_act"))
    if not bipolar:
        return found
    step = find_steps(lambda x: x, 0, 1, np.ones(1, np.int64))
    return ctx.add_steps(node.label, found, step, lambda: ctx.names.take(f"{found}_sign"),
                         bipolar=True)


def _quantise_pair(ctx: Context, node: Node, value: Value, levels: Callable[[Array], Array],
                   scale: Array, zero_point: int, bipolar: bool) -> Value:
    """The operation that a sum or product of two tensors and its quantiser amount to."""
    pair = ctx.pairs[value.tensor]
    sources = pair.a.tensor, pair.b.tensor

    def function(a: Array, b: Array) -> Array:
        return levels(value.finish(pair.evaluate(a, b)))

    def name() -> str:
        # A second quantiser of the same sum needs a second name.
        return ctx.names.take(f"{value.tensor}_2") if value.tensor in ctx.tensors else value.tensor

    result = None
    if value.uniform and scale.ndim == 0 and not bipolar and value.monotone:
        result = ctx.add_pair(node.label, sources, function, name) if pair.sign else \
            ctx.add_product(node.label, sources, (-pair.a.zero_point, -pair.b.zero_point),
                            function, name)
    if result is None:
        raise UnsupportedError(
            pair.label, f"its operands have the scales {pair.scales}, and no "
            f"{'weighted sum' if pair.sign else 'function of the product'} of them rounds as the "
            "quantiser behind it does", "Quantise both operands with one scale, or with powers of "
            "two")
    return Value(result, value.index, scale, zero_point, exclusive=True)


def _rectify(ctx: Context, value: Value) -> Value:
    """Negate the weights behind falling channels, so that these rise."""
    if not value.exclusive or value.zero_point or not np.any(value.sign < 0):
        return value
    channels = ctx.channels(value)
    done = ctx.negate(value.tensor, np.broadcast_to(value.sign < 0, (channels,)))
    scale = np.broadcast_to(value.scale, (channels,)) * np.where(done, -1.0, 1.0)
    return replace(value, scale=squeeze_uniform(scale)) if done.any() else value


def _ground(ctx: Context, node: Node, value: Value, scale: Array, zero_point: int, bipolar: bool,
            span: tuple[int, int]) -> Value:
    """Take the input's grid from the first quantiser."""
    lo, hi = (-1, 1) if bipolar else span
    type_ = BIPOLAR if bipolar else IntType.for_range(lo, hi)
    known = ctx.input_value
    assert known is not None
    if not known.raw:
        same = (ctx.tensors["input"] == Tensor(ctx.input_shape, type_, lo, hi)
                and np.array_equal(known.scale, scale) and known.zero_point == zero_point
                and not value.steps)
        if not same:
            raise UnsupportedError(node.label, "the input is quantised in two ways", INPUT_REMEDY)
    else:
        known = ctx.set_input(type_, lo, hi, scale, zero_point)
        if value.steps:
            names = ", ".join(step.name for step in value.steps)
            ctx.notes.append(f"{names}, {node.label} before the input")
    return replace(known, index=value.index)


def _emit(ctx: Context, node: Node, value: Value, steps: StepFunction, bipolar: bool) -> str:
    def name() -> str:
        # A consumer that merely needs integers does not lend its name.
        own = speaking(node.name, node.op) if node.op in _QUANTISERS else ""
        return ctx.names.take(own, f"{value.tensor}_act")

    return ctx.add_steps(node.label, value.tensor, steps, name, bipolar=bipolar)


def no_quantiser(ctx: Context, node: Node, value: Value) -> UnsupportedError:
    """The error for a value that should be integers here and is not."""
    origin = "the model's input" if value.tensor == "input" else value.tensor
    behind = f" (after {', '.join(s.name for s in value.steps)})" if value.steps else ""
    remedy = INPUT_REMEDY if value.raw else "Insert a Quant node between the two"
    return UnsupportedError(node.label, f"no quantiser between {origin}{behind} and this node",
                            remedy)


def materialise(ctx: Context, node: Node, value: Value) -> Value:
    """The value as plain integers on a grid, without pending steps.

    Positive factors go into the scale and whole steps of the grid into the zero point. What keeps
    elements on the grid (ReLU, clipping) or puts them on whole numbers becomes an operation.

    Raises
    ------
    UnsupportedError
        If the steps leave the grid.
    """
    if value.raw:
        raise no_quantiser(ctx, node, value)
    # Where a result is rounded, factors before must be rounded as the source does.
    plain = value if any(step.rounds for step in value.steps) else _collapse(value)
    if not plain.steps:
        return plain
    # Factors at the end go into the scale of what stands before them.
    bent = [i for i, step in enumerate(plain.steps) if step.affine is None]
    if bent and bent[-1] + 1 < len(plain.steps):
        head = materialise(ctx, node, replace(plain, steps=plain.steps[: bent[-1] + 1]))
        tail = _collapse(replace(head, steps=plain.steps[bent[-1] + 1 :]))
        if tail.steps:
            raise no_quantiser(ctx, node, plain)
        return tail
    key = (plain.tensor, plain.zero_point, *plain.steps)
    if key not in ctx.plain:
        ctx.plain[key] = _onto_grid(ctx, node, plain)
    return replace(ctx.plain[key], index=value.index)


def _onto_grid(ctx: Context, node: Node, plain: Value) -> Value:
    """Emit the operation that keeps a value on its grid, or puts it on whole numbers."""
    tensor = ctx.tensor(plain)
    rows = 1 if plain.uniform and np.ndim(plain.sign) == 0 else tensor.shape[2]
    probe = np.unique(np.linspace(tensor.lo, tensor.hi, 4096).round().astype(np.int64))
    y = plain.evaluate(np.broadcast_to(probe, (rows, probe.size)))
    scale = plain.scale if plain.scale.ndim == 0 else plain.scale[:, None]

    def on_grid(x: Array) -> Array:
        return np.rint(x / scale + plain.zero_point).astype(np.int64)

    def whole(x: Array) -> Array:
        return np.rint(x).astype(np.int64)

    if all(step.clips for step in plain.steps) and np.all(plain.scale > 0):
        back = ((on_grid(y) - plain.zero_point) * scale).astype(np.float32)
        if np.array_equal(back, y):
            return quantise(ctx, node, plain, on_grid, scale=plain.scale,
                            zero_point=plain.zero_point, uniform=plain.scale.ndim == 0)
    if any(step.rounds for step in plain.steps) and np.array_equal(np.rint(y), y) \
            and np.abs(y).max() < 2.0**24:
        return quantise(ctx, node, plain, whole, scale=np.ones(()), uniform=True)
    raise no_quantiser(ctx, node, plain)


def _collapse(value: Value) -> Value:
    """Move leading factors into the scale and whole offsets into the zero point."""
    steps = list(value.steps)
    while steps and steps[0].affine is not None:
        a, b = steps[0].affine
        scale = value.scale * a
        if not np.all(scale > 0) and np.all(value.scale > 0):
            break
        shift = b / scale
        if np.any(shift != np.rint(shift)) or np.any(shift != np.ravel(shift)[0]) \
                or abs(np.ravel(shift)[0]) > 1 << 30:
            break
        steps.pop(0)
        value = replace(value, scale=squeeze_uniform(scale), steps=tuple(steps),
                        zero_point=value.zero_point - int(np.ravel(shift)[0]))
    return value
