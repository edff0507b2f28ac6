"""What the sliding windows occupy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .queue import credit_resources, queue_resources
from .resources import Resources, bram18_of, lutram_sites

if TYPE_CHECKING:
    from .sliding_window import WindowParams

__all__ = ["line_resources", "ring_resources"]


def _loops(*rounds: int) -> Resources:
    """Counters with registered ends."""
    bits = sum((n - 1).bit_length() for n in rounds)
    running = sum(n > 1 for n in rounds)
    return Resources(lut=1.45 * bits + 0.7 * running, ff=bits + running)


def line_resources(p: WindowParams) -> Resources:
    """Full windows behind a line buffer."""
    assert p.spare is not None
    width, kh = p.inputs[0].width, p.kernel[0]
    total = _loops(p.row_words, p.line_rows, p.slices, p.groups, p.out_shape[0])
    total += Resources(lut=6, ff=4)
    total += _waiting(p.first_end, p.stride[0]) + _waiting(p.history, p.every)
    if any(p.pads):
        total += Resources(lut=10 + 2 * kh, ff=2)
    total += _lines(p, width * (p.span[0] - 1))
    column = kh * width
    if p.spare > 1:
        bits = p.spare.bit_length()
        total += queue_resources(column, p.spare) + Resources(lut=1.5 * bits, ff=bits + 1)
    total += Resources(ff=column)
    if p.register_columns:
        total += Resources(ff=column * p.history * p.slices)
    elif p.history:
        total += Resources(lut=lutram_sites(column * p.history, p.slices),
                           ff=(p.slices - 1).bit_length())
    return total + _output(p)


def _waiting(first: int, every: int) -> Resources:
    """Steps to the next row, or column, that ends windows."""
    longest = max(first, every - 1)
    return Resources(lut=1.5 * longest.bit_length() + 1, ff=longest.bit_length() + 1) if longest \
        else Resources()


def _lines(p: WindowParams, width: int) -> Resources:
    """The rows above the newest, and the newest word."""
    newest = Resources(ff=p.inputs[0].width)
    if not width:
        return newest
    if p.line_memory == "block":
        place = (p.row_words - 1).bit_length()
        return newest + Resources(ff=place + 1, bram18=bram18_of(width, p.row_words))
    if p.line_memory == "register":
        return newest + Resources(ff=2 * width)
    # Read and written at one address: a LUT holds 64 bits.
    sites = min(lutram_sites(width, p.row_words), width * -(-p.row_words // 64))
    return newest + Resources(lut=sites, ff=width)


def _output(p: WindowParams) -> Resources:
    """What full windows wait in."""
    width = p.outputs[0].width
    if p.output_kind == "queue":
        assert p.depth is not None
        return queue_resources(width, p.depth)
    return Resources(lut=1, ff=width + 1) if p.output_kind == "register" else Resources()


def ring_resources(p: WindowParams) -> Resources:
    """Windows from a ring of rows."""
    width, (kh, kw) = p.inputs[0].width, p.kernel
    rows = kh if p.mode != "column" else 1  # a column is read at once
    total = _loops(p.row_words, p.rows, p.out_shape[0], p.slices, kw, rows, p.out_shape[1])
    at, slot = (p.row_words - 1).bit_length(), (p.rows - 1).bit_length()
    total += Resources(lut=19 + 2.2 * at + 5 * slot, ff=12 + 2 * at + 4 * slot)
    if any(p.pads):
        total += Resources(lut=4 + 1.5 * kh, ff=1)
    if p.mode == "column":
        banks = p.rows * lutram_sites(width, p.row_words)
        block = p.row_words * width > 1024 and p.row_words > 64
        turn = kh * width * max(1.0, (p.rows - 1) / 3)
        read = 0 if block else p.rows * width
        total += Resources(lut=turn + (0 if block else banks), ff=kh * width + read,
                           bram18=p.rows * bram18_of(width, p.row_words) if block else 0)
    else:
        words = p.rows << at
        if words * width <= 512 or words <= 32:
            total += Resources(lut=lutram_sites(width, words), ff=width)
        else:
            total += Resources(bram18=bram18_of(width, words))
    if p.collect:
        return total + Resources(lut=3, ff=p.outputs[0].width + 3) + _output(p)
    # A register masks with its own reset.
    masked = p.outputs[0].width if any(p.pads) and p.mode == "serial" and p.depth != 1 else 0
    latency = 2 if p.mode == "column" else 1
    return total + Resources(lut=masked) + credit_resources(p.outputs[0].width, latency, p.depth)
