"""Dot products in hardware: weighted bits and the heaps that add them up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from amaranth.hdl import Cat, Const, Module, Value

from .bit_heap import add_columns, heap_latency
from .dot_form import DotForm
from .pipeline import delay, pack_codes, read_table

__all__ = ["dot_latency", "dot_products"]


def dot_latency(form: DotForm) -> int:
    """Cycles from operands and slot number to :func:`dot_products`."""
    return 1 + max(heap_latency(form.heights(n)) for n in range(form.weights.shape[1]))


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
    planes = [delay(m, f"plane_{j}", Cat(code[j] for code in operands))
              for j in range(form.operand.bits)]
    neurons = form.weights.shape[1]
    latencies = [heap_latency(form.heights(n)) for n in range(neurons)]
    slot_now = delay(m, "slot", slot)
    words = _weight_words(m, form, slot, slot_now)
    results = []
    for n in range(neurons):
        if form.kind == "table":
            columns = _table_columns(form, n, planes, slot_now)
        else:
            columns = _gated_columns(form, words[n], planes)
        total = add_columns(m, f"pe{n}", columns)
        results.append(delay(m, f"pe{n}_even", total, max(latencies) - latencies[n]))
    return results


def _weight_words(m: Module, form: DotForm, slot: Value, slot_now: Value) -> list[Value]:
    """Codes of each neuron's weights, in the cycle of ``slot_now``."""
    slots, neurons, operands = form.weights.shape
    width = operands * form.weight.bits
    if form.kind == "table":
        return []
    if form.absorbed:
        words = []
        for n in range(neurons):
            table = pack_codes(form.weights[:, n].reshape(1, -1), form.weight)[0]
            words.append(Const(table, slots * width).word_select(slot_now, width)
                         if slots > 1 else Const(table, width))
        return words
    word = read_table(m, "weights", pack_codes(form.weights, form.weight), slot, neurons * width)
    return [word[n * width : (n + 1) * width] for n in range(neurons)]


def _gated_columns(form: DotForm, word: Value, planes: Sequence[Value]) -> list[Value]:
    """Plane bits under single weight bits."""
    count, bits = len(planes[0]), form.weight.bits
    columns: list[list[Value]] = [[] for _ in range(len(planes) + bits - 1)]
    for j, plane in enumerate(planes):
        for b in range(bits):
            weight = Cat(word[k * bits + b] for k in range(count)) if bits > 1 else word
            negative = form.plane_sign(j) < 0
            if form.kind == "sign":
                # Codes of -1 and +1 are 0 and 1: complement under -1, or +1 where the plane is
                # negative.
                term = plane ^ weight if negative else ~(plane ^ weight)
            else:
                negative ^= form.weight.signed and b == bits - 1
                term = ~(plane & weight) if negative else plane & weight
            columns[j + b].append(term[:count])
    return [Cat(column) for column in columns]


def _table_columns(
    form: DotForm, neuron: int, planes: Sequence[Value], slot: Value
) -> list[Value]:
    """Sums of groups of plane bits, looked up."""
    columns: list[list[Value]] = [[] for _ in form.heights(neuron)]
    for j, plane in enumerate(planes):
        for number, bits in enumerate(form.table_bits[neuron]):
            group = plane[number * form.group : (number + 1) * form.group]
            sums = form.table(neuron, number, form.plane_sign(j))
            address = Cat(group, Const(0, form.group - len(group)), slot[: form.slot_bits])
            for bit in range(int(bits)):
                column = np.packbits((sums >> bit & 1).astype(np.uint8), bitorder="little")
                table = Const(int.from_bytes(column.tobytes(), "little"), len(sums))
                columns[j + bit].append(table.bit_select(address, 1))
    return [Cat(column) for column in columns]
