"""Dot products of a few operands: which logic multiplies, by the operand types.

The result of :func:`dot_products` is *coded*: the true dot product is ``scale * value + offset``.
Binary weights and operands then need nothing but counters, and the correction is a constant that
the accumulator starts from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal, Value

from .adder_tree import adder_tree, tree_latency
from .types import IntType

__all__ = ["DotCoding", "dot_coding", "dot_latency", "dot_products"]


@dataclass(frozen=True)
class DotCoding:
    """The dot product of ``n`` operands is ``scale * value + offset * n``."""

    scale: int
    offset: int


def dot_coding(operand: IntType, weight: IntType) -> DotCoding:
    """How :func:`dot_products` codes its results for these types."""
    if operand.bipolar and weight.bipolar:
        return DotCoding(scale=2, offset=-1)  # matches - mismatches = 2 * matches - n
    return DotCoding(scale=1, offset=0)


def dot_latency(operand: IntType, weight: IntType, count: int) -> int:
    """Cycles through :func:`dot_products` for ``count`` operands."""
    extra = 1 if weight.bipolar and not operand.bipolar else 0
    return 1 + tree_latency(count, single_bit=_single_bit_terms(operand, weight)) + extra


def _single_bit_terms(operand: IntType, weight: IntType) -> bool:
    """Whether the products are single bits (matches, or gated single bits)."""
    return operand.bits == weight.bits == 1 and (weight.bipolar or not operand.bipolar)


def dot_products(
    m: Module,
    operands: Sequence[Value],
    weights: Sequence[Sequence[Value]],
    operand_type: IntType,
    weight_type: IntType,
) -> list[Value]:
    """Coded dot products of the operands with several rows of weights.

    Latency :func:`dot_latency`, one set of operands and weights a cycle.

    Parameters
    ----------
    m : Module
        Receives the logic (domain ``sync``).
    operands : sequence of Value
        Codes of the operands.
    weights : sequence of rows of Value
        Codes of the weights, a row per result.
    operand_type, weight_type : IntType
        Types of the codes.

    Returns
    -------
    list of Value
        One per row; decode with :func:`dot_coding`.
    """
    if weight_type.bipolar and operand_type.bipolar:
        return _match_counts(m, operands, weights)
    if weight_type.bipolar:
        return _signed_sums(m, operands, weights, operand_type)
    return [
        _sum(m, f"pe{row}", [_product(a, w, operand_type, weight_type)
                             for a, w in zip(operands, ws, strict=True)])
        for row, ws in enumerate(weights)
    ]


def _sum(m: Module, name: str, terms: Sequence[Value]) -> Value:
    registers = []
    for k, term in enumerate(terms):
        register = Signal(term.shape(), name=f"{name}_p{k}")
        m.d.sync += register.eq(term)
        registers.append(register)
    return adder_tree(m, name, registers)


def _product(a: Value, w: Value, operand: IntType, weight: IntType) -> Value:
    if weight == IntType(1):
        return Cat(w, w & ~a).as_signed() if operand.bipolar else _gate(a, w, operand)
    if operand == IntType(1):
        return _gate(w, a, weight)
    if operand.bipolar:
        return Mux(a, w, -w)
    return a * w


def _gate(value: Value, enable: Value, type_: IntType) -> Value:
    gated = value.as_unsigned() & enable.replicate(type_.bits)
    return gated.as_signed() if type_.signed else gated


def _match_counts(
    m: Module, operands: Sequence[Value], weights: Sequence[Sequence[Value]]
) -> list[Value]:
    """Numbers of operands equal to their weight: XNOR and popcount."""
    results = []
    for row, ws in enumerate(weights):
        matches = Signal(len(operands), name=f"pe{row}_matches")
        m.d.sync += matches.eq(~(Cat(operands) ^ Cat(ws)))
        results.append(adder_tree(m, f"pe{row}", list(matches)))
    return results


def _signed_sums(
    m: Module, operands: Sequence[Value], weights: Sequence[Sequence[Value]], operand: IntType
) -> list[Value]:
    """Sums of +-operand as ``2 * P - S``: P sums the operands with weight +1, S all of them.

    S is one tree for all rows, and the rows need only gating ANDs before theirs.
    """
    everything = _sum(m, "all", operands)
    results = []
    for row, ws in enumerate(weights):
        terms = [_gate(a, w, operand) for a, w in zip(operands, ws, strict=True)]
        positive = _sum(m, f"pe{row}", terms)
        difference = (positive << 1) - everything
        result = Signal(difference.shape(), name=f"pe{row}_dot")
        m.d.sync += result.eq(difference)
        results.append(result)
    return results
