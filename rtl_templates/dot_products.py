"""Dot products in hardware: the smallest form of their bits, and the heaps that add them up."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from amaranth.hdl import Module, Value

from .bit_heap import add_columns, heap_latency
from .dot_form import DotForm
from .form_digits import DigitForm
from .form_gated import GatedForm
from .form_graph import GraphForm
from .form_pairs import PairForm
from .form_products import ProductForm
from .form_table import TableForm
from .pipeline import delay
from .types import IntType
from .validation import check_one_of

__all__ = ["FORMS", "MULTIPLIERS", "best_form", "dot_latency", "dot_products"]

FORMS: tuple[type[DotForm], ...] = (GatedForm, TableForm, PairForm, DigitForm,
                                      GraphForm)
"""Forms without multipliers; of equal ones the first is taken."""

MULTIPLIERS = ("lut", "dsp")


def best_form(operand: IntType, weight: IntType, weights: np.ndarray, memory: str = "lut",
              multiplier: str = "lut", dsp_rows: int = 0) -> DotForm:
    """The form with the fewest LUT sites.

    Parameters
    ----------
    operand, weight, weights, memory, dsp_rows
        See :class:`.DotForm`.
    multiplier : str
        ``lut``, or ``dsp`` for products in DSP48E1.

    Raises
    ------
    ValueError
        If multipliers are asked for and cannot compute these products.
    """
    check_one_of("multiplier", multiplier, MULTIPLIERS)
    # Blocks are made again and again with the same weights, and a graph takes time to find.
    array = weights.shape, weights.dtype, weights.tobytes()
    key = operand, weight, array, memory, multiplier, dsp_rows
    if key not in _KNOWN:
        while len(_KNOWN) >= _MOST_KNOWN:
            del _KNOWN[next(iter(_KNOWN))]
        _KNOWN[key] = _best(operand, weight, weights, memory, multiplier, dsp_rows)
    return _KNOWN[key]


_KNOWN: dict[Hashable, DotForm] = {}
_MOST_KNOWN = 64


def _best(operand: IntType, weight: IntType, weights: np.ndarray, memory: str,
          multiplier: str, dsp_rows: int) -> DotForm:
    if multiplier == "dsp":
        form = ProductForm(operand, weight, weights, memory, dsp_rows)
        if not form.applies:
            raise ValueError("multiplier must be 'lut' for operands of type "
                             f"{operand}, not 'dsp'")
        return form
    forms = [kind(operand, weight, weights, memory, dsp_rows) for kind in FORMS]
    return min((form for form in forms if form.applies), key=lambda form: form.resources.lut)


def dot_latency(form: DotForm) -> int:
    """Cycles from operands and slot number to :func:`dot_products`."""
    return form.lead + form.registered + max(_heap_latencies(form))


def _heap_latencies(form: DotForm) -> list[int]:
    return [heap_latency(form.heights(n), form.dsp_rows) for n in range(form.neurons)]


def dot_products(m: Module, form: DotForm, operands: Sequence[Value], slot: Value) -> list[Value]:
    """Heap sums of every neuron, :func:`dot_latency` cycles after operands and slot number.

    One set a cycle; ``form`` tells what the sums stand for.

    Parameters
    ----------
    m : Module
        Receives the logic (domain ``sync``).
    form : DotForm
    operands : sequence of Value
        Codes.
    slot : Value
        Number of the set of weights.
    """
    latencies = _heap_latencies(form)
    results = []
    for n, columns in enumerate(form.columns(m, operands, slot)):
        if form.registered:
            columns = [delay(m, f"pe{n}_bits_{k}", column) for k, column in enumerate(columns)]
        total = add_columns(m, f"pe{n}", columns, form.dsp_rows)
        results.append(delay(m, f"pe{n}_even", total, max(latencies) - latencies[n]))
    return results
