"""A smaller case that fails in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from quantloom.gen.dataflow.plan import INPUT, Folding, input_options, plan
from quantloom.gen.errors import QuantloomError
from quantloom.gen.network import (
    Add,
    Conv2d,
    Crop,
    Dense,
    Network,
    Op,
    Requantize,
    Reshape,
    Tensor,
    Threshold,
    Weigh,
)
from quantloom.sim import golden

from .case import Case, Failure

__all__ = ["shrink"]


def shrink(case: Case, failure: Failure, check: Callable[[Case], Failure | None],
           most: int = 100) -> tuple[Case, Failure]:
    """Drop layers, frames and sizes, and fold plainly, while the case fails in the same way.

    Parameters
    ----------
    case : Case
    failure : Failure
        Of the case.
    check : callable
        The first thing that does not hold of a case.
    most : int
        Cases that are checked at the most.

    Returns
    -------
    Case, Failure
        No candidate smaller than this one fails alike, unless ``most`` came first.
    """
    tried, smaller = 0, True
    while smaller and tried < most:
        smaller = False
        for candidate in _smaller(case):
            tried += 1
            seen = check(candidate)
            if seen is not None and seen.kind == failure.kind:
                case, failure, smaller = candidate, seen, True
                break
            if tried >= most:
                break
    return case, failure


def _smaller(case: Case) -> Iterator[Case]:
    """Candidates, the boldest first."""
    for make in (_ends, _starts, _without, _fewer_frames, _lower, _plain):
        yield from make(case)


def _ends(case: Case) -> Iterator[Case]:
    """The network up to an earlier operation."""
    for op in case.network.ops[:-1]:
        yield from _rebuilt(case, case.network.input, case.network.ops, op.name, case.frames)


def _starts(case: Case) -> Iterator[Case]:
    """The network from a tensor on, which becomes the input."""
    network = case.network
    for op in reversed(network.ops[:-1]):
        frames = golden.run(network, case.frames, keep=True)[op.name]
        ops = [replace(other, inputs=tuple(INPUT if n == op.name else n for n in other.inputs))
               for other in network.ops if other is not op]
        yield from _rebuilt(case, network.tensors[op.name], ops, network.output, frames)


def _without(case: Case) -> Iterator[Case]:
    """The network without an operation: what read it reads one of its inputs."""
    for op in case.network.ops:
        for source in dict.fromkeys(op.inputs):
            ops = [replace(other, inputs=tuple(source if n == op.name else n
                                               for n in other.inputs))
                   for other in case.network.ops if other is not op]
            if ops:
                yield from _rebuilt(case, case.network.input, ops, ops[-1].name, case.frames)


def _fewer_frames(case: Case) -> Iterator[Case]:
    half = len(case.frames) // 2
    if half:
        yield replace(case, frames=case.frames[:half])
        yield replace(case, frames=case.frames[half:])


def _lower(case: Case) -> Iterator[Case]:
    """A smaller map at the input, or the same with fewer channels."""
    shape = case.network.input.shape
    for axis in range(3):
        for size in (1, shape[axis] // 2, shape[axis] - 1):
            if 0 < size < shape[axis]:
                x = replace(case.network.input, shape=tuple(
                    size if k == axis else n for k, n in enumerate(shape)))
                frames = case.frames.take(range(size), axis=axis + 1)
                yield from _rebuilt(case, x, case.network.ops, case.network.output, frames)


def _plain(case: Case) -> Iterator[Case]:
    """The first legal folding of all layers, then of one."""
    plain = _legal(case.network, {})
    different = [name for name in plain if plain[name] != case.foldings.get(name)]
    for names in (different, *([name] for name in different if len(different) > 1)):
        if names:
            yield replace(case, foldings={**case.foldings, **{n: plain[n] for n in names}})


def _rebuilt(case: Case, x: Tensor, ops: list[Op], output: str,
             frames: np.ndarray) -> Iterator[Case]:
    """The operations that the output hangs on, fitted to a new input; nothing if they do not."""
    wanted, kept = {output}, []
    for op in reversed(ops):
        if op.name in wanted:
            wanted.update(op.inputs)
            kept.append(op)
    try:
        tensors, fitted = {INPUT: x}, []
        for op in reversed(kept):
            op = _fitted(op, [tensors[name] for name in op.inputs])
            tensors[op.name] = op.infer(*(tensors[name] for name in op.inputs))
            fitted.append(op)
        network = Network(case.network.name, x, fitted)
        yield replace(case, network=network, foldings=_legal(network, case.foldings),
                      frames=frames)
    except (QuantloomError, ValueError, KeyError, IndexError, TypeError):
        return


def _legal(network: Network, foldings: Mapping[str, Folding]) -> dict[str, Folding]:
    """The foldings where they are still legal, else the first that is."""
    lanes = input_options(network)
    wanted = foldings.get(INPUT, {}).get("lanes")
    made: dict[str, Folding] = {INPUT: {"lanes": wanted if wanted in lanes else lanes[0]}}
    for op in network.ops:
        legal = list(plan(op, network).foldings())
        wanted = foldings.get(op.name, {})
        if choice := wanted if wanted in legal else legal[0]:
            made[op.name] = choice
    return made


def _fitted(op: Op, inputs: list[Tensor]) -> Op:
    """An operation whose parameters are cut to its inputs' shapes."""
    h, w, c = inputs[0].shape
    if isinstance(op, Conv2d):
        groups = c if op.weights.shape[2] == 1 and op.groups > 1 else op.groups
        outputs = op.weights.shape[3] // op.groups * groups
        return replace(op, weights=op.weights[:h, :w, : c // groups, :outputs], groups=groups,
                       bias=None if op.bias is None else op.bias[:outputs],
                       stride=tuple(min(s, n) for s, n in zip(op.stride, (h, w), strict=True)))
    if isinstance(op, Dense):
        return replace(op, weights=op.weights[: h * w * c])
    if isinstance(op, Threshold) and len(op.thresholds) > 1:
        return replace(op, thresholds=op.thresholds[:c],
                       descending=None if op.descending is None else op.descending[:c])
    if isinstance(op, Requantize) and len(op.multiplier) > 1:
        negative = None if op.negative_offset is None else op.negative_offset[:c]
        return replace(op, multiplier=op.multiplier[:c], offset=op.offset[:c],
                       negative_offset=negative)
    if isinstance(op, Weigh):
        return replace(op, rows=op.rows[:h], columns=op.columns[:w])
    if isinstance(op, Reshape) and int(np.prod(op.shape)) != inputs[0].size:
        return replace(op, shape=(1, 1, inputs[0].size))
    if isinstance(op, Crop):
        start = tuple(min(s, n - 1) for s, n in zip(op.start, (h, w, c), strict=True))
        return replace(op, start=start, size=tuple(
            min(s, n - first) for s, n, first in zip(op.size, (h, w, c), start, strict=True)))
    if isinstance(op, Add):
        return replace(op, multipliers=op.multipliers[: len(op.inputs)])
    return op
