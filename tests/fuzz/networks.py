"""Random small networks over the full range of what the integer network can say."""

from __future__ import annotations

import numpy as np

from quantloom.gen.network import (
    Add,
    ArgMax,
    Clip,
    Concat,
    Conv2d,
    Dense,
    MaxPool,
    Multiply,
    Network,
    Requantize,
    Reshape,
    SumPool,
    Tensor,
    Threshold,
    Upsample,
)
from quantloom.rtl_templates.types import BIPOLAR, IntType

from ..e2e.random_networks import Sketch

__all__ = ["extreme_frames", "wide_network"]

MAX_ELEMENTS = 400
"""Of a tensor between layers: what is compiled must be small."""

MAX_BITS = 16
"""Of a tensor that another layer takes."""

STEPS = ("conv", "conv", "conv", "pool", "pool", "branches", "narrow", "narrow", "upsample", "crop",
         "blocks", "weigh", "stack", "pad", "skip", "skip", "reshape", "dense", "argmax", "clip")


class _WideSketch(Sketch):
    """Wider types, strides, dilations, pads and kernels; joins over any distance; ends anywhere."""

    def __init__(self, rng: np.random.Generator):
        super().__init__(rng)
        shape = (int(rng.choice([1, 1, 2, 3, 4, 5, 7])), int(rng.integers(1, 9)),
                 int(rng.choice([1, 2, 3, 4, 5, 6, 8])))
        type_ = self.type(self.pick(2, 4, 8, 8, 16))
        self.input = Tensor.full(shape, type_)
        if not type_.bipolar and rng.random() < 0.25:  # a range inside the type
            lo, hi = sorted(int(v) for v in rng.integers(type_.lo, type_.hi + 1, 2))
            self.input = Tensor(shape, type_, lo, hi)
        self.tensors["input"] = self.input

    def weight_values(self, type_: IntType, shape: tuple[int, ...]) -> np.ndarray:
        """Weights of every kind: any values, few others than 0, all the smallest or largest."""
        values = self.values(type_, shape)
        kind = self.pick("any", "any", "any", "sparse", "lowest", "highest", "same")
        if kind == "sparse" and not type_.bipolar:
            return values * (self.rng.random(shape) < 0.3)
        if kind in ("lowest", "highest"):
            return np.full(shape, type_.lo if kind == "lowest" else type_.hi)
        if kind == "same":  # neurons that are equal
            return np.broadcast_to(values[..., :1], shape).copy()
        return values

    def weight_type(self) -> IntType:
        bits = int(self.rng.integers(2, 9))
        return self.pick(BIPOLAR, IntType(1), IntType(2, True), IntType(bits, True),
                         IntType(bits), IntType(self.pick(9, 12), True))

    def bias(self, outputs: int) -> np.ndarray | None:
        size = self.pick(0, 0, 3, 40, 5000)
        return self.rng.integers(-size, size + 1, outputs) if size else None

    def window(self, source: str) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        sizes = self.tensors[source].shape[:2]
        kernel, stride, dilation = [], [], []
        for n in sizes:
            k = int(self.rng.integers(1, min(n, 5) + 1))
            d = int(self.rng.integers(1, 4)) if self.rng.random() < 0.3 else 1
            kernel.append(k)
            dilation.append(d if (k - 1) * d < n else 1)
            stride.append(self.pick(1, 1, 2, 3, 4))
        return tuple(kernel), tuple(stride), tuple(dilation)

    def conv(self, source: str) -> str:
        source = self.padded(source) if self.rng.random() < 0.6 else source
        kernel, stride, dilation = self.window(source)
        channels = self.tensors[source].shape[2]
        divisors = [g for g in range(1, channels + 1) if channels % g == 0]
        groups = self.pick(1, 1, channels, *divisors)
        outputs = groups * int(self.rng.integers(1, 5 if groups < 4 else 3))
        type_ = self.weight_type()
        weights = self.weight_values(type_, (*kernel, channels // groups, outputs))
        return self.add(Conv2d(name=self.name("conv"), inputs=(source,), weights=weights,
                               weight_type=type_, bias=self.bias(outputs), stride=stride,
                               dilation=dilation, groups=groups))

    def pool(self, source: str) -> str:
        source = self.padded(source) if self.rng.random() < 0.5 else source
        kernel, stride, dilation = self.window(source)
        if self.rng.random() < 0.2:
            kernel, dilation = self.tensors[source].shape[:2], (1, 1)
        elif self.rng.random() < 0.3:
            stride, dilation = kernel, (1, 1)  # tiles
        if self.rng.random() < 0.6:
            return self.add(MaxPool(name=self.name("pool"), inputs=(source,), kernel=kernel,
                                    stride=stride, dilation=dilation))
        return self.add(SumPool(name=self.name("pool"), inputs=(source,), kernel=kernel,
                                stride=stride))

    def narrow(self, source: str, most: int = 8) -> str:
        """An activation, now and then of even steps, many of them, or with bounds of its own."""
        x = self.tensors[source]
        choice = self.pick("plain", "plain", "even", "many", "bounded")
        rows = self.pick(1, x.shape[2])
        if choice == "even" and x.hi > x.lo:
            type_ = self.type(4)
            steps = 1 if type_.bipolar else type_.hi - type_.lo
            distance = int(self.rng.integers(1, max(2, (x.hi - x.lo) // steps + 2)))
            first = self.rng.integers(x.lo - 1, x.hi + 2, (rows, 1))
            thresholds = first + distance * np.arange(steps)
            return self.add(Threshold(name=self.name("even"), inputs=(source,), type=type_,
                                      thresholds=thresholds, base=type_.lo))
        if choice == "many" and most >= 6 and x.shape[2] <= 3:
            type_ = IntType(6, bool(self.rng.random() < 0.5))
            thresholds = np.sort(self.rng.integers(x.lo - 1, x.hi + 3, (rows, 40)), axis=1)
            return self.add(Threshold(
                name=self.name("many"), inputs=(source,), thresholds=thresholds, type=type_,
                base=int(self.rng.integers(type_.lo, type_.hi - 39)),
                descending=self.rng.random(rows) < 0.5))
        if choice == "bounded" and not x.type.bipolar:
            type_ = IntType(int(self.rng.integers(2, most + 1)), bool(self.rng.random() < 0.5))
            lo, hi = sorted(int(v) for v in self.rng.integers(type_.lo, type_.hi + 1, 2))
            large = 1 << int(self.rng.integers(1, 18))
            offset = self.rng.integers(-large * 4, large * 4, rows)
            return self.add(Requantize(
                name=self.name("fixed"), inputs=(source,), type=type_, lo=lo, hi=hi,
                multiplier=self.rng.integers(-large, large, rows), offset=offset,
                negative_offset=self.pick(None, offset - 1), to_even=self.pick(False, True),
                shift=int(self.rng.integers(0, 25))))
        return super().narrow(source, min(most, 4))

    def skip(self, source: str) -> str:
        """A join with any earlier tensor that fits, itself included."""
        x = self.tensors[source]
        fits = [name for name, t in self.tensors.items() if t.type.bits <= MAX_BITS
                and t.shape[:2] == x.shape[:2]]
        same = [name for name in fits if self.tensors[name].shape == x.shape]
        kind = self.pick("add", "multiply", "concat")
        if kind == "concat":
            others = [self.pick(*fits) for _ in range(self.pick(1, 1, 2))]
            return self.add(Concat(name=self.name("join"), inputs=(source, *others)))
        if kind == "multiply":
            return self.add(Multiply(name=self.name("product"), inputs=(source, self.pick(*same)),
                                     offsets=(self.pick(0, -x.lo, 7), self.pick(0, -3))))
        others = [self.pick(*same) for _ in range(self.pick(1, 1, 2, 3))]
        factors = tuple(self.pick(1, -1, 2, 5, -7) for _ in range(len(others) + 1))
        return self.add(Add(name=self.name("sum"), inputs=(source, *others), multipliers=factors))

    def reshape(self, source: str) -> str:
        h, w, c = self.tensors[source].shape
        shapes = [(1, 1, h * w * c), (1, h * w, c), (h, 1, w * c), (w, h, c), (1, h * w * c, 1)]
        return self.add(Reshape(name=self.name("shape"), inputs=(source,),
                                shape=self.pick(*shapes)))

    def dense(self, source: str) -> str:
        type_, outputs = self.weight_type(), int(self.rng.integers(1, 13))
        weights = self.weight_values(type_, (self.tensors[source].size, outputs))
        return self.add(Dense(name=self.name("dense"), inputs=(source,), weights=weights,
                              weight_type=type_, bias=self.bias(outputs)))

    def upsample(self, source: str) -> str:
        factors = self.pick((1, 2), (2, 1), (2, 2), (1, 3), (3, 1))
        return self.add(Upsample(name=self.name("up"), inputs=(source,), factors=factors))

    def clip(self, source: str) -> str:
        x = self.tensors[source]
        lo, hi = sorted(int(v) for v in self.rng.integers(x.lo - 1, x.hi + 2, 2))
        if x.type.bipolar:
            return source
        return self.add(Clip(name=self.name("clip"), inputs=(source,),
                             lo=self.pick(None, lo), hi=self.pick(None, hi)))

    def argmax(self, source: str) -> str:
        return self.add(ArgMax(name=self.name("best"), inputs=(source,)))

    def pad(self, source: str) -> str:
        return self.padded(source)

    def network(self, steps: tuple[str, ...] = STEPS) -> Network:
        here = "input"
        for _ in range(int(self.rng.integers(1, 7))):
            x = self.tensors[here]
            if x.type.bits > MAX_BITS:
                here = self.narrow(here)
            step = self.pick(*steps)
            if x.size > MAX_ELEMENTS:
                step = self.pick("pool", "crop")
            here = getattr(self, step)(here)
        if not self.ops:
            here = self.argmax(here)
        return Network("random", self.input, self.ops)


def wide_network(seed: int) -> Network:
    """A network that depends on the seed alone.

    Raises
    ------
    QuantloomError
        If what was drawn is not a network: a clip of nothing, a range too wide.
    """
    return _WideSketch(np.random.default_rng([seed, 2])).network()


def extreme_frames(network: Network, count: int, seed: int) -> np.ndarray:
    """Frames of the input: all least, all most, both in turn, then random ones, some of ends only.

    Returns
    -------
    array of int64, (4 + count, height, width, channels)
    """
    x, rng = network.input, np.random.default_rng([seed, 3])
    ends = np.array([x.lo, x.hi])
    turns = np.indices(x.shape).sum(axis=0) % 2
    random = rng.integers(x.lo, x.hi + 1, (count, *x.shape)) if not x.type.bipolar else \
        ends[rng.integers(0, 2, (count, *x.shape))]
    random[::3] = ends[rng.integers(0, 2, random[::3].shape)]
    return np.concatenate([np.stack([np.full(x.shape, x.lo), np.full(x.shape, x.hi), ends[turns],
                                     ends[1 - turns]]), random]).astype(np.int64)
