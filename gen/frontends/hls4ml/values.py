"""What an hls4ml tensor is on the way to integers: a tensor of the network and pending work.

Scaling, rounding and overflow of one or several layers become one rescaling. What does not fit
behind what is pending starts a new one; nothing is approximated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ....rtl_templates.types import IntType
from ...errors import UnsupportedError
from ...network import Clip, Requantize
from ..draft import Draft
from ..steps import find_steps
from .fixed import Fixed, round_off

__all__ = ["FixedValue"]

Array = np.ndarray[Any, Any]

_WIDE = IntType(62, signed=True)
_ONE, _ZERO = np.ones(1, np.int64), np.zeros(1, np.int64)
# Up to this many steps comparators are cheaper than a shift and a clip.
_FEW_STEPS = 3


@dataclass(frozen=True, eq=False)
class FixedValue:
    """An hls4ml tensor.

    An element is ``2**-fraction`` times the integer that the pending rescaling makes of the network
    tensor's: ``(x * multiplier + offset) >> shift``, rounded, clipped or wrapped.

    Parameters
    ----------
    draft : Draft
    label : str
        The layer that made it, for errors and names.
    tensor : str
        Network tensor.
    index : array of int
        Of the hls4ml shape, without a batch: places in the network tensor's raster order.
    fraction : int
        Binary places.
    multiplier, offset : array of int, (channels or 1,)
    negative_offset : array of int or None
    shift : int
    to_even : bool
    lo, hi : int or None
        Bounds of a clip.
    wrap : IntType or None
    """

    draft: Draft
    label: str
    tensor: str
    index: Array
    fraction: int
    multiplier: Array = field(default_factory=lambda: _ONE)
    offset: Array = field(default_factory=lambda: _ZERO)
    negative_offset: Array | None = None
    shift: int = 0
    to_even: bool = False
    lo: int | None = None
    hi: int | None = None
    wrap: IntType | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing but a clip can still be added to what is pending."""
        return self.shift > 0 or self.bounded

    @property
    def bounded(self) -> bool:
        """Whether a clip or a wrap is pending."""
        return self.lo is not None or self.hi is not None or self.wrap is not None

    @property
    def pending(self) -> bool:
        """Whether the network tensor's integers are not yet those of the value."""
        return self.ended or bool((self.multiplier != 1).any() or (self.offset != 0).any())

    @property
    def channels(self) -> int:
        """Channels of the network tensor."""
        return self.draft.tensors[self.tensor].shape[2]

    def operation(self, name: str) -> Requantize:
        """What is pending, as an operation."""
        if self.wrap is not None:
            bounds: dict[str, Any] = {"type": self.wrap, "wrap": True}
        else:
            lo, hi = self.range()
            bounds = {"type": IntType.for_range(lo, hi), "lo": lo, "hi": hi}
        op = self._unbounded(name, **bounds)
        multiplier, offsets, shift = op.multiplier, [op.offset], op.shift
        if op.negative_offset is not None:
            offsets.append(op.negative_offset)
        # A shift that floors does not see what even factors leave below it.
        while shift and not self.to_even and not np.any(multiplier & 1):
            multiplier, offsets, shift = multiplier >> 1, [b >> 1 for b in offsets], shift - 1
        return replace(op, multiplier=multiplier, offset=offsets[0], shift=shift,
                       negative_offset=offsets[1] if len(offsets) > 1 else None)

    def _unbounded(self, name: str, **bounds: Any) -> Requantize:
        rows = max(len(self.multiplier), len(self.offset))

        def wide(a: Array) -> Array:
            return np.broadcast_to(a, rows).astype(np.int64)

        return Requantize(
            name=name, inputs=(self.tensor,), multiplier=wide(self.multiplier),
            offset=wide(self.offset), shift=self.shift, to_even=self.to_even,
            negative_offset=None if self.negative_offset is None else wide(self.negative_offset),
            **bounds)

    def inner_range(self) -> tuple[int, int]:
        """Range before clip or wrap."""
        out = self._unbounded("range", type=_WIDE).infer(self.draft.tensors[self.tensor])
        return out.lo, out.hi

    def range(self) -> tuple[int, int]:
        """Range of the value's integers."""
        if self.wrap is not None:
            return self.wrap.lo, self.wrap.hi
        lo, hi = self.inner_range()
        low = lo if self.lo is None else self.lo
        high = hi if self.hi is None else self.hi
        return min(max(lo, low), high), max(min(hi, high), low)

    # Arrangement

    def arranged(self, index: Array) -> FixedValue:
        """The value with its elements elsewhere."""
        return replace(self, index=index)

    # Arithmetic

    def settled(self, name: str | None = None) -> FixedValue:
        """The value with nothing pending."""
        if not self.pending:
            return self
        draft, op = self.draft, self.operation("pending")

        def free() -> str:
            return draft.names.take(name or f"{self.tensor}_act")

        if op.wrap:
            tensor = draft.add(self.label, replace(op, name=free()))
        elif (op.multiplier == 1).all() and (op.offset == 0).all() and not op.shift \
                and op.negative_offset is None:
            tensor = draft.add(self.label, Clip(name=free(), inputs=op.inputs, lo=op.bounds[0],
                                                hi=op.bounds[1]))
        elif op.bounds[1] - op.bounds[0] <= _FEW_STEPS:
            tensor = self._by_steps(op, free)
        else:
            tensor = draft.add(self.label, replace(op, name=free()))
        return FixedValue(draft, self.label, tensor, self.index, self.fraction)

    def _by_steps(self, op: Requantize, name: Callable[[], str]) -> str:
        tensor = self.draft.tensors[self.tensor]

        def function(x: Array) -> Array:
            offset = op.offset[:, None]
            if op.negative_offset is not None:
                offset = np.where(x < 0, op.negative_offset[:, None], offset)
            total = x * op.multiplier[:, None] + offset
            if op.to_even and op.shift:
                total += (1 << op.shift - 1) - 1 + (total >> op.shift & 1)
            return np.clip(total >> op.shift, *op.bounds)

        sign = np.where(op.multiplier < 0, -1, 1)
        return self.draft.add_steps(
            self.label, self.tensor, find_steps(function, tensor.lo, tensor.hi, sign), name)

    def scaled(self, multiplier: Array, places: int, offset: Array | None = None,
               offset_places: int = 0) -> FixedValue:
        """``value * multiplier * 2**-places + offset * 2**-offset_places``, exactly.

        Parameters
        ----------
        multiplier, offset : array of int, (channels or 1,)
        places, offset_places : int
            Their binary places.
        """
        value = self.settled() if self.ended else self
        fraction = value.fraction + places
        offset = _ZERO if offset is None else offset
        if not offset.any():
            offset_places = fraction
        more = max(0, offset_places - fraction)
        multiplier = np.asarray(multiplier, np.int64) << more
        return replace(
            value, fraction=fraction + more, multiplier=value.multiplier * multiplier,
            offset=value.offset * multiplier + (offset << max(0, fraction - offset_places)))

    def at(self, fraction: int) -> FixedValue:
        """The same value with more binary places."""
        if fraction < self.fraction:
            raise AssertionError("places would be lost")
        if fraction == self.fraction:
            return self
        return replace(self.scaled(np.array([1 << fraction - self.fraction]), 0), fraction=fraction)

    def clipped(self, lo: int | None, hi: int | None) -> FixedValue:
        """The value's integers, clipped."""
        value = self.settled() if self.wrap is not None else self
        low = lo if value.lo is None else value.lo if lo is None else max(lo, value.lo)
        high = hi if value.hi is None else value.hi if hi is None else min(hi, value.hi)
        if low is not None and high is not None and low > high:
            value, low, high = value.settled(), lo, hi
        return replace(value, lo=low, hi=high)

    def cast(self, to: Fixed) -> FixedValue:
        """The value converted to a type, as ap_fixed converts.

        Binary places that the type has beyond the value's stay unused.
        """
        value = self
        drop = self.fraction - to.fraction
        if drop > 0:
            value = self._rounded(drop, to.rounding)
        # Bounds of the type in the value's own places.
        up = max(0, -drop)
        lo, hi = -(-to.lo >> up), to.hi >> up
        least, most = value.range()
        if lo <= least and most <= hi:
            return value
        if to.overflow != "WRAP":
            return value.clipped(lo, hi)
        value = value.settled() if value.bounded else value
        if up >= to.width:
            raise UnsupportedError(self.label, "its type has no place for what it converts",
                                   "Give it more integer bits")
        return replace(value, wrap=IntType(to.width - up, to.signed))

    def _rounded(self, bits: int, rounding: str) -> FixedValue:
        if self.bounded and not self.shift and self.wrap is None:
            # Rounding keeps the order, so the clip may as well follow it.
            free = replace(self, lo=None, hi=None)._rounded(bits, rounding)
            ends = [None if b is None else int(round_off(np.array([b]), bits, rounding)[0])
                    for b in (self.lo, self.hi)]
            return replace(free, lo=ends[0], hi=ends[1])
        value = self.settled() if self.ended else self
        half = 1 << bits - 1
        fraction = value.fraction - bits
        plain = {"TRN": 0, "RND": half, "RND_MIN_INF": half - 1}.get(rounding)
        if plain is not None:
            return replace(value, shift=bits, fraction=fraction, offset=value.offset + plain)
        if rounding == "RND_CONV":
            return replace(value, shift=bits, fraction=fraction, to_even=True)
        # By the sign of what is rounded, which must be that of the network tensor.
        if (value.offset != 0).any() or (value.multiplier < 0).any():
            value = value.settled()
        positive, negative = {"TRN_ZERO": (0, (1 << bits) - 1), "RND_INF": (half, half - 1),
                              "RND_ZERO": (half - 1, half)}[rounding]
        rows = max(len(value.multiplier), len(value.offset))
        return replace(value, shift=bits, fraction=fraction, offset=np.full(rows, positive),
                       negative_offset=np.full(rows, negative))

    def apply(self, function: Callable[[Array], Array], fraction: int, *,
              sign: Array | int = 1) -> FixedValue:
        """The value after a monotone function of its integers, to integers of other places.

        ``function`` takes and gives integers of shape (channels, n), or (1, n) where it treats
        all channels alike.
        """
        value = self.settled()
        tensor = self.draft.tensors[value.tensor]
        try:
            steps = find_steps(function, tensor.lo, tensor.hi, np.atleast_1d(np.asarray(sign)))
        except ValueError as error:
            raise UnsupportedError(self.label, f"too many levels: {error}",
                                   "Give its result fewer bits") from None
        name = self.draft.add_steps(self.label, value.tensor, steps,
                                    lambda: self.draft.names.take(f"{value.tensor}_act"))
        return FixedValue(self.draft, self.label, name, value.index, fraction)
