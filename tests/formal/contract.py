"""What a block promises, beat by beat, read off its parameters.

Two tables say it for any block: when an output beat may leave (:func:`allowances`, from its
schedule), and what an output element is a function of (:func:`sources`, from its reference).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from quantloom.rtl_templates.block import BlockParams

__all__ = ["Allowance", "Source", "allowances", "silence", "sources"]

NEVER = 1 << 20
"""A cycle that is later than all that matters."""

FRAMES = 4
"""Frames that are scheduled; tables are taken from those in the middle."""

BACKGROUNDS = 3
"""Random frames in which each input element is varied."""


@dataclass(frozen=True)
class Allowance:
    """How many beats of an output the beats taken from an input allow.

    Attributes
    ----------
    initial : int
        Those that need nothing of this input.
    gains : tuple of int
        How many more each beat of a frame allows.
    """

    initial: int
    gains: tuple[int, ...]


def allowances(params: BlockParams) -> dict[tuple[int, int], Allowance]:
    """Allowances by (input, output).

    From the block's schedule: the beats of an output that come late if a beat of the input does
    are those that wait for it. With as many frames before, the schedule is in its steady state.

    Raises
    ------
    AssertionError
        If the schedule lets an output beat leave whose value, by the reference, depends on input
        that has not come, or if a frame's beats do not allow a frame.
    """
    tables = {}
    for port, shape in enumerate(params.inputs):
        firsts = np.array([_first_late(params, port, beat)
                           for beat in range((FRAMES - 1) * shape.beats)])
        for out, given in enumerate(params.outputs):
            # Beats allowed while beat k has not come; from one frame to the next, one frame more.
            allowed = firsts[:, out]
            begin = (FRAMES - 2) * shape.beats
            gains = np.diff(np.append(allowed[begin:], allowed[begin] + given.beats))
            initial = allowed[begin] - (FRAMES - 2) * given.beats
            np.testing.assert_array_equal(np.diff(allowed)[: len(gains)], gains)
            assert gains.sum() == given.beats and (gains >= 0).all() and initial >= 0
            tables[port, out] = Allowance(int(initial), tuple(gains.tolist()))
    return tables


def _first_late(params: BlockParams, port: int, beat: int) -> list[int]:
    """The first beat of each output that waits for a beat of an input."""
    arrivals = [np.zeros(FRAMES * shape.beats, np.int64) for shape in params.inputs]
    arrivals[port][beat:] = NEVER
    timing = params.schedule(FRAMES, *arrivals)
    return [int(np.searchsorted(at >= NEVER, True)) for at in timing.produced]


def silence(params: BlockParams) -> int:
    """Cycles without a transfer after which a block that is not held up has nothing to do.

    More than the longest pause in its schedule, flat out and from the last input on.
    """
    timing = params.schedule(FRAMES, *(np.zeros(FRAMES * s.beats, np.int64)
                                       for s in params.inputs))
    moves = np.unique(np.concatenate([np.zeros(1, np.int64), *timing.consumed, *timing.produced]))
    return int(np.diff(moves).max()) + params.latency + 4


@dataclass(frozen=True)
class Source:
    """What an output element is a function of: one input element, or nothing.

    Attributes
    ----------
    port, beat, lane : int
        The input element; port -1 if the output element is constant.
    table : tuple of int
        Code of the output element for each code of the input element; a single one if constant.
    """

    port: int
    beat: int
    lane: int
    table: tuple[int, ...]


def sources(params: BlockParams, seed: int = 0) -> list[list[list[Source]]] | None:
    """Sources of the elements of a frame, by output, beat and lane; None if any has several.

    Found by varying each input element in some random frames. That an element has one source is
    found, not known: if it were wrong, the hardware would not be proven equal.
    """
    rng = np.random.default_rng(seed)
    values = [s.type.decode(np.arange(1 << s.type.bits)) for s in params.inputs]
    found: dict[tuple[int, int, int], set[tuple[int, int, int]]] = {}
    for _ in range(BACKGROUNDS):
        frame = [rng.choice(v, (s.beats, s.lanes))
                 for v, s in zip(values, params.inputs, strict=True)]
        base = [np.array(result) for result in params.reference(*frame)]  # not the frame itself
        for port, shape in enumerate(params.inputs):
            for place in np.ndindex(shape.beats, shape.lanes):
                for out, changed in _changes(params, frame, port, place, values[port], base):
                    found.setdefault((out, *changed), set()).add((port, *place))
    if any(len(origins) > 1 for origins in found.values()):
        return None
    tables: list[list[list[Source]]] = []
    for out, shape in enumerate(params.outputs):
        rows = []
        for beat in range(shape.beats):
            row = []
            for lane in range(shape.lanes):
                origins = found.get((out, beat, lane))
                origin = next(iter(origins)) if origins else None
                row.append(_source(params, values, (out, beat, lane), origin))
            rows.append(row)
        tables.append(rows)
    return tables


def _changes(params, frame, port, place, values, base):
    """Output elements that change with an input element."""
    kept = frame[port][place]
    for value in values:
        frame[port][place] = value
        for out, result in enumerate(params.reference(*frame)):
            for changed in zip(*np.nonzero(result != base[out]), strict=True):
                yield out, tuple(int(k) for k in changed)
    frame[port][place] = kept


def _source(params, values, place, origin) -> Source:
    out, *where = place
    frame = [np.full((s.beats, s.lanes), v[0]) for v, s in zip(values, params.inputs, strict=True)]
    results = []
    for value in values[origin[0]] if origin else values[0][:1]:
        if origin:
            frame[origin[0]][origin[1:]] = value
        results.append(params.reference(*frame)[out][tuple(where)])
    codes = params.outputs[out].type.encode(np.array(results))
    return Source(*(origin or (-1, 0, 0)), tuple(int(code) for code in codes))
