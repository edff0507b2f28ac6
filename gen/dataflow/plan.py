"""How an operation is laid out in hardware: its foldings, their cycles, its blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import singledispatch
from typing import Any, ClassVar

from ...rtl_templates.block import BlockParams, StreamShape
from ...rtl_templates.resources import Resources
from ...rtl_templates.validation import divisors
from ..errors import QuantloomError
from ..network import Conv2d, MaxPool, Network, Op, Pad, SumPool
from .builder import Builder, lanes_fit
from .trial import Trial

__all__ = ["INPUT", "Folding", "Plan", "absorbed_pad", "input_options", "lane_options", "plan"]

INPUT = "input"
"""Name of the input in a set of foldings."""

Folding = dict[str, Any]
"""What folds one layer, by key: whole numbers, and names such as that of a memory."""


class Plan:
    """The layout of one operation.

    A folding is a dict with the keys that the operation has (``pe``, ``simd``, ...); operations
    that follow their input's stream have none. ``defaults`` holds the keys that may be left out,
    and what they are then.

    Parameters
    ----------
    network : Network
    op : Op
    """

    defaults: ClassVar[Mapping[str, int | str]] = {}

    def __init__(self, network: Network, op: Op):
        self.network, self.op = network, op
        self.inputs = network.inputs_of(op)
        self.output = network.tensors[op.name]

    def foldings(self) -> Iterator[Folding]:
        """Every legal folding."""
        yield {}

    def cycles(self, folding: Folding) -> int:
        """Cycles a frame of the operation's slowest block."""
        return 1

    def build(self, builder: Builder, folding: Folding) -> None:
        """Add the blocks of a legal folding."""
        raise NotImplementedError

    def trial(self, folding: Folding, shapes: Mapping[str, StreamShape] | None = None) -> Trial:
        """The layer built by itself.

        Parameters
        ----------
        folding : dict
            A legal one.
        shapes : mapping of str to StreamShape, or None
            The streams that tensors come in; None: an element a beat.
        """
        trial = Trial(self.network, shapes or {})
        self.build(trial, folding)
        return trial

    def settle(self, params: BlockParams) -> BlockParams:
        """One of the layer's blocks as it is once its constants have gone, see :mod:`.settle`."""
        return params

    def resources(self, folding: Folding) -> Resources:
        """What the layer's own blocks occupy, without what joins its inputs to it."""
        return sum((self.settle(params).resources for params in self.trial(folding).own),
                   Resources())

    def check(self, folding: Folding) -> Folding:
        """The folding, if it is legal, with the keys that may be left out.

        Raises
        ------
        QuantloomError
            If it is not: lists the legal values.
        """
        legal = list(self.foldings())
        if folding in legal:
            return folding
        rivals = [other for other in legal if set(folding) <= set(other)
                  and all(key in folding or key in self.defaults for key in other)]
        if not rivals:
            sets = dict.fromkeys(", ".join(other) or "(none)" for other in legal)
            raise QuantloomError(f"{self.op.name}: the folding must have the keys "
                                 f"{' or '.join(sets)}, not {', '.join(folding) or '(none)'}")
        full = {key: folding.get(key, self.defaults.get(key)) for key in rivals[0]}
        for number, key in enumerate(full):
            # Name the first key that no choice of the later ones could make legal.
            values = sorted({other[key] for other in rivals if key in other},
                            key=lambda value: (isinstance(value, str), value))
            if full[key] not in values:
                so_far = " and ".join(f"{k} = {full[k]}" for k in list(full)[:number])
                so_far = so_far and f" with {so_far}"
                raise QuantloomError(f"{self.op.name}: {key} must be one of "
                                     f"{', '.join(map(str, values))}{so_far}, not {full[key]!r}")
            rivals = [other for other in rivals if other.get(key) == full[key]]
        return rivals[0]


def input_options(network: Network) -> list[int]:
    """Lanes that the input stream may have: whole pixels of few channels, else parts."""
    _, width, channels = network.input.shape
    parts = [channels] if channels <= 4 else divisors(channels)
    return parts + [k * channels for k in divisors(width)[1:]]


def lane_options(plan: Plan, *, pixels: bool = True) -> list[int]:
    """Lanes that suit all inputs and the output: parts of a pixel, then whole pixels of a row."""
    tensors = (*plan.inputs, plan.output)
    channels = min(t.shape[2] for t in tensors)
    options = divisors(channels)
    if pixels:
        width = min(t.shape[1] for t in tensors)
        options += [k * channels for k in divisors(width)[1:]]
    return [lanes for lanes in options if all(lanes_fit(t, lanes) for t in tensors)]


def absorbed_pad(op: Op, network: Network) -> Pad | None:
    """The padding that an operation's sliding window brings itself, so that it needs no block.

    It must be in front of this operation alone, keep the type, and be narrower than the kernel.
    """
    if not isinstance(op, Conv2d | MaxPool | SumPool):
        return None
    pad = next((other for other in network.ops if other.name == op.inputs[0]), None)
    if not isinstance(pad, Pad) or len(network.consumers(pad.name)) > 1 or (
            pad.name == network.output):
        return None
    padded, source = network.tensors[pad.name], network.tensors[pad.inputs[0]]
    if padded.type != source.type or (
            not isinstance(op, Conv2d) and op.kernel == padded.shape[:2]):
        return None
    (kh, kw), (dy, dx) = op.kernel, getattr(op, "dilation", (1, 1))
    top, left, bottom, right = pad.pads
    fits = max(top, bottom) <= (kh - 1) * dy and max(left, right) <= (kw - 1) * dx
    return pad if fits else None


@singledispatch
def plan(op: Op, network: Network) -> Plan:
    """The plan of an operation; each operation's is registered beside it."""
    raise QuantloomError(f"{op.name}: no hardware for {op.kind}")


