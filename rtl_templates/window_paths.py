"""The longest paths of the sliding windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .nest import loop_paths
from .path import Path, select_levels
from .queue import credit_paths, queue_paths, queue_source

if TYPE_CHECKING:
    from .sliding_window import WindowParams

__all__ = ["line_paths", "ring_paths", "window_exit"]


def _bits(*rounds: int) -> int:
    """Bits of the longest of some counters."""
    return max((n - 1).bit_length() for n in rounds)


def line_paths(p: WindowParams) -> tuple[Path, ...]:
    """Full windows behind a line buffer."""
    assert p.spare is not None
    width, kh = p.inputs[0].width, p.kernel[0]
    above, column = width * (p.span[0] - 1), kh * width
    walk = _bits(p.row_words, p.line_rows, p.slices, p.groups, p.out_shape[0])
    found = [
        # Whether a word comes, and what then moves on: rows, place, counters of rows.
        Path(what="step of the lines", luts=2, fanout=width + above + 2 * walk, tail=True),
        *loop_paths(walk),
    ]
    if above and p.line_memory == "lut":
        found.append(Path(what="rows above", source="lutram", words=p.row_words, fanout=above))
    elif above and p.line_memory == "block":
        found.append(Path(what="rows above", source="bram"))
    # A beat that is not taken stops all columns; pads reset the newest one.
    shifted = column * (1 + (p.history * p.slices if p.register_columns else 0))
    found.append(Path(what="shift of the columns", luts=3 if any(p.pads) else 2, fanout=shifted,
                      tail=True))
    if p.history and not p.register_columns:
        found.append(Path(what="columns before", source="lutram", words=p.slices,
                          fanout=column * p.history))
    if p.spare > 1:
        found += queue_paths(column, p.spare)
        found.append(Path(what="free places", luts=2, carry=p.spare.bit_length(),
                          fanout=p.spare.bit_length()))
    return (*found, *_output(p))


def ring_paths(p: WindowParams) -> tuple[Path, ...]:
    """Windows from a ring of rows."""
    width = p.inputs[0].width
    at = ((p.shape[1] + p.pads[1] + p.pads[3]) * p.slices - 1).bit_length() or 1
    words = (p.rows * p.row_words).bit_length() + 1
    masked = int(any(p.pads))
    found = [
        # Ends of the inner loops, the choice of two addresses, their sum, the row's start.
        Path(what="address", luts=3, carry=at, fanout=2 * at),
        Path(what="words ahead", luts=2, carry=words, fanout=words),
        *loop_paths(_bits(p.row_words, p.rows, *p.out_shape, p.slices)),
    ]
    if p.mode == "column":
        found.append(Path(what="rows", luts=select_levels(p.rows) + masked, source="ram",
                          words=p.row_words, width=width, fanout=p.kernel[0] * width))
    else:
        # The word that is read passes the choice of pads on its way into the queue.
        found.append(Path(what="rows", luts=masked, source="ram",
                          words=p.rows << (p.row_words - 1).bit_length(), width=width,
                          fanout=width, tail=not p.collect))
    if p.collect:
        return (*found, Path(what="words collected", luts=1, fanout=p.outputs[0].width,
                              tail=True),
                *_output(p))
    latency = 2 if p.mode == "column" else 1
    return (*found, *credit_paths(p.outputs[0].width, latency, p.depth))


def _output(p: WindowParams) -> tuple[Path, ...]:
    """What full windows wait in."""
    width = p.outputs[0].width
    if p.output_kind == "queue":
        assert p.depth is not None
        return queue_paths(width, p.depth)
    return (Path(what="output register", luts=2, fanout=width + 1, tail=True),) \
        if p.output_kind == "register" else ()


def window_exit(p: WindowParams) -> str:
    """What the payload of the output comes from, one of :data:`.path.SOURCES`."""
    if p.mode != "full":
        return "register" if p.depth == 1 else "lutram"
    if p.output_kind == "queue":
        assert p.depth is not None
        return queue_source(p.outputs[0].width, p.depth)
    if p.output_kind == "columns" and p.lines and p.history and not p.register_columns:
        return "lutram"
    return "register"
