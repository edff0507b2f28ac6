"""Sums, products and comparisons of words of literals, as synthesis makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .logic import Chain, Logic, Product

__all__ = ["Rules", "compare", "heap", "product", "shortened", "sum_bits", "total"]


@dataclass(frozen=True)
class Rules:
    """What the synthesis for a family makes of arithmetic and registers.

    Parameters
    ----------
    soft_bits : int
        Widest adder without a carry chain.
    compare_bits : int
        Inputs of a LUT among which a comparison on a carry chain is divided; 0 if it is a
        subtraction instead.
    dsp_bits : int
        Narrowest product that a DSP takes.
    simd : bool
        Whether adders with the attribute for it go into DSPs.
    """

    soft_bits: int
    compare_bits: int
    dsp_bits: int
    simd: bool


def total(logic: Logic, terms: Sequence[tuple[list[int], bool]], width: int,
          soft_bits: int) -> list[int]:
    """Sum of several words: Yosys (alumacc, maccmap) makes one carry chain of them all."""
    words = [[bits[min(k, len(bits) - 1)] ^ minus for k in range(width)]
             for bits, minus in terms]
    ones = sum(minus for _, minus in terms)  # complements lack one each
    if ones:
        words.append([ones >> k & 1 for k in range(width)])
    while len(words) > 2:
        three, words = words[:3], words[3:]
        columns = list(zip(*three, strict=True))
        carries = [logic.majority(a, b, c) for a, b, c in columns]
        words += [[logic.xor(logic.xor(a, b), c) for a, b, c in columns],
                  [0, *carries[: width - 1]]]
    return heap(logic, [[bit for bit in column if bit] for column in zip(*words, strict=True)],
                soft_bits)


def compare(logic: Logic, name: str, a: list[int], b: list[int], rules: Rules) -> int:
    """Whether two words compare as an operator of that name asks; the words are used up."""
    if "<" in name:
        a, b = b, a
    or_equal = int(name.endswith("="))
    if name[0] == "s":
        a[-1], b[-1] = a[-1] ^ 1, b[-1] ^ 1
    while a and a[-1] == b[-1]:
        a.pop()
        b.pop()
    # Lowest bits that decide nothing: 0 of what is to be reached, 1 of what is to be exceeded.
    while a and (a[0] == or_equal or b[0] == 1 - or_equal):
        del a[0], b[0]
    lut = rules.compare_bits
    if not lut and len(a) > rules.soft_bits:
        chain = Chain((a, b), compares=True, minus=True, used=len(a))
        chain.outputs = [logic.leaf()]
        logic.chains.append(chain)
        return chain.outputs[0]
    # Groups of bits from the highest, each with ``equal`` and ``greater``.
    groups = []
    for start, end in _groups(a, b, lut or 2 * len(a)):
        greater, equal = 0, 1
        for k in range(start, end):
            greater = logic.or_(logic.and_(a[k], b[k] ^ 1),
                                logic.and_(logic.xor(a[k], b[k]) ^ 1, greater))
            equal = logic.and_(equal, logic.xor(a[k], b[k]) ^ 1)
        groups.append((greater, equal))
    if len(groups) <= 2:
        result = or_equal
        for greater, equal in groups:
            result = logic.or_(greater, logic.and_(equal, result))
        return result
    chain = Chain(([equal for _, equal in groups], [greater for greater, _ in groups]),
                  compares=True, used=len(groups))
    chain.outputs = [logic.leaf()]
    logic.chains.append(chain)
    return chain.outputs[0]


def _groups(a: Sequence[int], b: Sequence[int], budget: int) -> list[tuple[int, int]]:
    """Bits of a comparison by place on the carry chain, the lowest first.

    A bit takes two inputs, or one as long as one operand is partly constant from there down,
    or none if both are: as Yosys counts (cmp2lcu).
    """
    ends, left = [len(a)], budget
    for k in range(len(a) - 1, -1, -1):
        partly = [any(bit < 2 for bit in bits[: k + 1]) for bits in (a, b)]
        cost = 2 - sum(partly)
        if left < cost:
            ends.append(k + 1)
            left = budget
        left -= cost
    return [(start, end) for start, end in zip([*ends[1:], 0], ends, strict=True)][::-1]


def product(logic: Logic, a: list[int], b: list[int], read: int, rules: Rules) -> Product:
    """The product of two words as long as it is, of which so many bits are read."""
    full = len(a)
    shapes = [[shortened(value, signed) for value in (a, b)] for signed in (False, True)]
    # Signed if that makes the operands shorter, as they are written.
    signed = sum(map(len, shapes[1])) < sum(map(len, shapes[0]))
    a, b = shapes[signed]
    for x, y in ((a, b), (b, a)):  # by a power of two, or nothing
        if all(bit < 2 for bit in x) and sum(x) <= 1 and not (signed and x[-1]):
            shift = x.index(1) if 1 in x else full
            fill = y[-1] if signed else 0
            long = [0] * shift + y + [fill] * full
            return Product((x, y), long[: full], signed)
    # Zeros below a factor are below the product.
    zeros = 0
    for bits in (a, b):
        while len(bits) > 1 and bits[0] == 0:
            del bits[0]
            zeros += 1
    width = read - zeros
    if min(len(a), len(b)) >= 2 and min(width, len(a) + len(b)) >= rules.dsp_bits:
        outputs = [logic.leaf() for _ in range(max(1, width))]
        logic.products.append(Product((a, b), outputs, signed, zeros))
        return Product((a, b), ([0] * zeros + outputs + [outputs[-1]] * full)[:full], signed)
    columns: list[list[int]] = [[] for _ in range(width)]
    for i in range(width if signed else len(a)):
        for j in range(width - i if signed else len(b)):
            if i + j < width:
                bit = logic.and_(a[min(i, len(a) - 1)], b[min(j, len(b) - 1)])
                if bit:
                    columns[i + j].append(bit)
    outputs = [0] * zeros + heap(logic, columns, rules.soft_bits)
    return Product((a, b), (outputs + [outputs[-1]] * full)[:full], signed)


def heap(logic: Logic, columns: list[list[int]], soft_bits: int) -> list[int]:
    """Sum of columns of bits: full adders, then a ripple of them, or a carry chain of more bits
    than are done without."""
    while max(map(len, columns)) > 2:
        after: list[list[int]] = [[] for _ in columns]
        for k, column in enumerate(columns):
            whole = len(column) // 3 * 3
            for at in range(0, whole, 3):
                a, b, c = column[at : at + 3]
                after[k].append(logic.xor(logic.xor(a, b), c))
                if k + 1 < len(columns):
                    after[k + 1].append(logic.majority(a, b, c))
            after[k] += column[whole:]
        columns = after
    outputs = []
    while columns and len(columns[0]) < 2:
        outputs.append((*columns.pop(0), 0)[0])
    rows = [[(*column, 0, 0)[row] for column in columns] for row in range(2)]
    if len(columns) > soft_bits:
        chain = Chain((rows[0], rows[1]), used=len(columns),
                      outputs=[logic.leaf() for _ in columns])
        logic.chains.append(chain)
        return outputs + chain.outputs
    carry = 0
    for a, b in zip(*rows, strict=True):
        outputs.append(logic.xor(logic.xor(a, b), carry))
        carry = logic.majority(a, b, carry)
    return outputs


def sum_bits(operands: Sequence[Sequence[int]], minus: bool) -> tuple[int, bool]:
    """Bits of a sum that do not just extend it, and whether what is above them is its sign."""
    full = len(operands[0])
    plain, signed = ([len(shortened(list(nets), flag)) for nets in operands]
                     for flag in (False, True))
    if sum(plain) <= sum(signed) and not minus:
        return min(full, max(plain) + 1), False
    # One that is not negative has a sign bit when it is shown to be signed.
    widths = [min(s, p + 1) for s, p in zip(signed, plain, strict=True)]
    return min(full, max(widths) + 1), True


def shortened(bits: list[int], signed: bool) -> list[int]:
    """Without the bits that only extend it."""
    count = len(bits)
    if signed:
        while count > 1 and bits[count - 1] == bits[count - 2]:
            count -= 1
    else:
        while count > 1 and bits[count - 1] == 0:
            count -= 1
    return bits[:count]
