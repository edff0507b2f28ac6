"""Converter of Mod: integers that keep their low bits, as hardware that drops the upper ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...rtl_templates.types import IntType
from ..errors import UnsupportedError
from ..network import Requantize
from .context import Context, converts
from .quantise import materialise
from .reader import Node
from .values import Value

__all__: list[str] = []

_WIDE = IntType(62, signed=True)


@converts("Mod")
def _mod(ctx: Context, node: Node) -> Value:
    modulus = ctx.const(node, 1)
    bits = int(modulus.flat[0]).bit_length() - 1 if modulus.size else -1
    if node.attributes.get("fmod", 0) or not 1 <= bits <= 16 or np.any(modulus != 1 << bits):
        raise UnsupportedError(node.label, "its modulus is not one power of two from 2 to 65536, "
                               "or it keeps the sign (fmod)", "Drop upper bits of integers alone")
    value = materialise(ctx, node, ctx.value(node))
    if np.any(value.scale != 1):
        raise UnsupportedError(node.label, "what it reads has a scale",
                               "Round and cast to integers before")
    # Half the modulus added before is how two's complement is written with remainders.
    signed = value.zero_point == -(1 << bits - 1)
    type_ = IntType(bits, signed)
    offset = 0 if signed else -value.zero_point
    tensor = ctx.tensor(value)
    result = replace(value, zero_point=-(1 << bits - 1) if signed else 0, exclusive=True)
    if not offset and type_.lo <= tensor.lo and tensor.hi <= type_.hi:
        return replace(result, exclusive=value.exclusive)
    name = ctx.name(node, "wrap")
    if not offset and value.exclusive and (merged := _merged(ctx, value, type_)) is not None:
        ctx.ops[value.tensor], ctx.tensors[value.tensor] = \
            merged, merged.infer(*(ctx.tensors[source] for source in merged.inputs))
        return result
    op = Requantize(name=name, inputs=(value.tensor,), multiplier=np.array([1]),
                    offset=np.array([offset]), shift=0, type=type_, wrap=True)
    return replace(result, tensor=ctx.emit(node, op))


def _merged(ctx: Context, value: Value, type_: IntType) -> Requantize | None:
    """The rescaling before it that wraps itself, if its own bounds never count."""
    op = ctx.ops.get(value.tensor)
    if not isinstance(op, Requantize) or op.wrap:
        return None
    free = replace(op, type=_WIDE, lo=None, hi=None).infer(ctx.tensors[op.inputs[0]])
    lo, hi = op.bounds
    if free.lo < lo or free.hi > hi:
        return None
    return replace(op, type=type_, lo=None, hi=None, wrap=True)
