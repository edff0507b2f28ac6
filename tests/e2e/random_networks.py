"""Random small networks over all operations, shapes, types, branches and foldings."""

from __future__ import annotations

import numpy as np

from quantloom.gen.dataflow.fold import INPUT, input_options
from quantloom.gen.dataflow.plan import plan
from quantloom.gen.network import (
    Add,
    ArgMax,
    Clip,
    Concat,
    Conv2d,
    Crop,
    Dense,
    DepthToSpace,
    MaxPool,
    Multiply,
    Network,
    Op,
    Pad,
    Requantize,
    Reshape,
    SpaceToDepth,
    SumPool,
    Tensor,
    Threshold,
    Upsample,
    Weigh,
)
from quantloom.rtl_templates.types import BIPOLAR, IntType

__all__ = ["REARRANGING", "STEPS", "Sketch", "random_folding", "random_network"]

STEPS = ("conv", "conv", "pool", "branches", "narrow", "upsample")
"""Kinds of steps of a network."""

REARRANGING = (*STEPS, "crop", "crop", "blocks", "blocks", "weigh", "stack")
"""The same, and more that move elements, or depend on where they are."""

MAX_BITS = 12
"""Wider tensors are narrowed by a threshold or a rescaling before anything else."""


class Sketch:
    """A network that grows step by step; steps draw what they need from the generator."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        shape = (int(rng.choice([1, 1, 3, 5, 6, 8])), int(rng.integers(2, 9)),
                 int(rng.choice([1, 2, 3, 4, 6, 8])))
        self.input = Tensor.full(shape, self.type(8))
        self.ops: list[Op] = []
        self.tensors = {"input": self.input}

    def pick(self, *options):
        return options[int(self.rng.integers(len(options)))]

    def type(self, most: int) -> IntType:
        bits = int(self.rng.integers(1, most + 1))
        kind = self.pick("unsigned", "signed", "bipolar")
        if kind == "bipolar":
            return BIPOLAR
        return IntType(bits + (kind == "signed"), signed=kind == "signed")

    def add(self, op: Op) -> str:
        self.tensors[op.name] = op.infer(*(self.tensors[n] for n in op.inputs))
        self.ops.append(op)
        return op.name

    def name(self, stem: str) -> str:
        return f"{stem}{len(self.ops)}"

    def values(self, type_: IntType, shape) -> np.ndarray:
        return type_.decode(self.rng.integers(0, 1 << type_.bits, shape))

    def narrow(self, source: str, most: int = 4) -> str:
        """An activation: threshold, rescaling or clip."""
        x = self.tensors[source]
        choice = self.pick("threshold", "threshold", "requantize", "clip")
        if (choice == "clip" and x.type.bits > 8) or x.type.bipolar:
            choice = "threshold"
        rows = self.pick(1, x.shape[2])
        if choice == "threshold":
            type_ = self.type(most)
            steps = 1 if type_.bipolar else int(self.rng.integers(1, type_.hi - type_.lo + 1))
            thresholds = np.sort(self.rng.integers(x.lo - 1, x.hi + 3, (rows, steps)), axis=1)
            descending = self.rng.random(rows) < 0.3 if self.rng.random() < 0.4 else None
            return self.add(Threshold(name=self.name("act"), inputs=(source,),
                                      thresholds=thresholds, type=type_, base=type_.lo,
                                      descending=descending))
        if choice == "requantize":
            type_ = IntType(int(self.rng.integers(2, 9)), signed=bool(self.rng.random() < 0.5))
            offset = self.rng.integers(-500, 500, rows)
            return self.add(Requantize(
                name=self.name("scale"), inputs=(source,), type=type_,
                multiplier=self.rng.integers(-200, 200, rows), offset=offset,
                negative_offset=self.pick(None, offset - 60), to_even=self.pick(False, True),
                wrap=self.pick(False, False, True), shift=int(self.rng.integers(0, 12))))
        middle = int(self.rng.integers(x.lo, x.hi + 1))
        return self.add(Clip(name=self.name("clip"), inputs=(source,),
                             lo=self.pick(None, min(0, middle)), hi=self.pick(None, middle)))

    def padded(self, source: str) -> str:
        x = self.tensors[source]
        pads = tuple(int(p) for p in self.rng.integers(0, 3, 4))
        if x.shape[0] == 1:
            pads = (0, pads[1], 0, pads[3])
        value = self.pick(0, x.lo, x.hi)
        if not sum(pads) or (not x.type.contains(np.array([value])) and not x.type.bipolar):
            return source
        return self.add(Pad(name=self.name("pad"), inputs=(source,), pads=pads, value=value))

    def window(self, source: str) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        h, w, _ = self.tensors[source].shape
        kernel = (int(self.rng.integers(1, min(h, 4) + 1)),
                  int(self.rng.integers(1, min(w, 4) + 1)))
        stride = (int(self.rng.integers(1, 3)), int(self.rng.integers(1, 3)))
        dilation = tuple(
            2 if k > 1 and (k - 1) * 2 < n and self.rng.random() < 0.2 else 1
            for k, n in zip(kernel, (h, w), strict=True))
        return kernel, stride, dilation

    def conv(self, source: str) -> str:
        source = self.padded(source)
        x = self.tensors[source]
        kernel, stride, dilation = self.window(source)
        channels = x.shape[2]
        groups = self.pick(1, 1, *(g for g in (2, channels) if channels % g == 0))
        outputs = groups * int(self.rng.integers(1, 5))
        type_ = self.pick(BIPOLAR, IntType(1), IntType(2, True), IntType(4, True), IntType(8, True))
        weights = self.values(type_, (*kernel, channels // groups, outputs))
        bias = self.rng.integers(-30, 30, outputs) if self.rng.random() < 0.3 else None
        return self.add(Conv2d(name=self.name("conv"), inputs=(source,), weights=weights,
                               weight_type=type_, bias=bias, stride=stride, dilation=dilation,
                               groups=groups))

    def pool(self, source: str) -> str:
        kernel, stride, dilation = self.window(source)
        if self.rng.random() < 0.2:
            kernel, dilation = self.tensors[source].shape[:2], (1, 1)
        name = self.name("pool")
        if self.rng.random() < 0.6:
            return self.add(MaxPool(name=name, inputs=(source,), kernel=kernel, stride=stride,
                                    dilation=dilation))
        return self.add(SumPool(name=name, inputs=(source,), kernel=kernel, stride=stride))

    def branch(self, source: str, outputs: int) -> str:
        """A convolution of kernel 1 or 3 that keeps height and width, and an activation."""
        height, _, channels = self.tensors[source].shape
        size = self.pick(1, 3)
        kernel = (1 if height == 1 else size, size)
        if size > 1:
            sides = (kernel[0] // 2, kernel[1] // 2)
            source = self.add(Pad(name=self.name("pad"), inputs=(source,), pads=(*sides, *sides),
                                  value=0))
        type_ = self.pick(BIPOLAR, IntType(3, True))
        weights = self.values(type_, (*kernel, channels, outputs))
        return self.narrow(self.add(Conv2d(name=self.name("branch"), inputs=(source,),
                                           weights=weights, weight_type=type_)), 3)

    def branches(self, source: str) -> str:
        """Two to four paths of one height and width, joined by a concatenation or a sum.

        A path may be the source itself.
        """
        channels = self.tensors[source].shape[2]
        add, skip = self.rng.random() < 0.5, self.rng.random() < 0.5
        common = channels if skip else int(self.rng.integers(1, 5))
        ends = [source] if skip else []
        for _ in range(int(self.rng.integers(2, 5)) - len(ends)):
            if skip and self.rng.random() < 0.2:
                ends.append(source)
            else:
                outputs = common if add else int(self.rng.integers(1, 5))
                ends.append(self.branch(source, outputs))
        if add and len(ends) == 2 and self.rng.random() < 0.4:
            return self.add(Multiply(name=self.name("mul"), inputs=tuple(ends),
                                     offsets=(self.pick(0, 3), self.pick(0, -2))))
        if add:
            return self.add(Add(name=self.name("add"), inputs=tuple(ends),
                                multipliers=tuple(self.pick(1, 1, -1, 3) for _ in ends)))
        return self.add(Concat(name=self.name("cat"), inputs=tuple(ends)))

    def crop(self, source: str) -> str:
        """A box; of channels too now and then."""
        shape = self.tensors[source].shape
        start, size = [], []
        for axis, whole in enumerate(shape):
            if (axis == 2 and self.rng.random() < 0.6) or self.rng.random() < 0.3:
                start, size = [*start, 0], [*size, whole]
            else:
                size.append(int(self.rng.integers(1, whole + 1)))
                start.append(int(self.rng.integers(0, whole - size[-1] + 1)))
        return self.add(Crop(name=self.name("crop"), inputs=(source,), start=tuple(start),
                             size=tuple(size)))

    def blocks(self, source: str) -> str:
        """Pixels to blocks of pixels, or the other way round; as it is if no block fits."""
        h, w, c = self.tensors[source].shape
        kind = self.pick(DepthToSpace, SpaceToDepth)
        fits = [(y, x) for y in range(1, 5) for x in range(1, 5) if (y, x) != (1, 1) and
                (c % (y * x) == 0 if kind is DepthToSpace else h % y == w % x == 0)]
        if not fits:
            return source
        return self.add(kind(name=self.name("blocks"), inputs=(source,), block=self.pick(*fits),
                             channel_major=bool(self.rng.random() < 0.5)))

    def weigh(self, source: str) -> str:
        """Factors that are others near the edges."""
        def factors(n: int) -> np.ndarray:
            inner, outer = (int(f) for f in self.rng.integers(1, 7, 2))
            return np.array([outer if k < 1 or k > n - 1 - edge else inner for k in range(n)])

        edge = int(self.rng.integers(0, 3))
        height, width, _ = self.tensors[source].shape
        return self.add(Weigh(name=self.name("weigh"), inputs=(source,), rows=factors(height),
                              columns=factors(width)))

    def stack(self, source: str) -> str:
        """A map and an activation of it, side by side or one above the other."""
        x = self.tensors[source]
        if x.type.bits > 4:
            source = self.narrow(source)
        other = self.narrow(source)
        return self.add(Concat(name=self.name("stack"), inputs=(source, other),
                               axis=self.pick(0, 1)))

    def network(self, steps: tuple[str, ...]) -> Network:
        here = "input"
        for _ in range(int(self.rng.integers(2, 6))):
            x = self.tensors[here]
            if x.type.bits > MAX_BITS or x.size > 600:
                here = self.narrow(here)
                x = self.tensors[here]
            step = self.pick(*steps)
            if step == "crop":
                here = self.crop(here)
            elif step == "weigh":
                here = self.weigh(here)
            elif step == "stack":
                here = self.stack(here)
            elif step == "blocks":
                here = self.blocks(here)
            elif step == "upsample" and x.size <= 120 and x.shape[0] > 1:
                factors = (int(self.rng.integers(1, 3)), int(self.rng.integers(1, 4)))
                here = self.add(Upsample(name=self.name("up"), inputs=(here,), factors=factors))
            elif step == "branches":
                here = self.branches(here)
            elif step == "narrow":
                here = self.narrow(here)
            elif step == "pool":
                here = self.pool(here)
            else:
                here = self.narrow(self.conv(here))
        if self.tensors[here].type.bits > MAX_BITS:
            here = self.narrow(here)
        tail = self.pick("none", "dense", "dense", "argmax", "reshape")
        if tail == "reshape":
            size = self.tensors[here].size
            here = self.add(Reshape(name=self.name("flat"), inputs=(here,), shape=(1, 1, size)))
            here = self.narrow(here)
        if tail == "dense":
            type_ = self.pick(BIPOLAR, IntType(4, True))
            weights = self.values(type_, (self.tensors[here].size, int(self.rng.integers(1, 11))))
            here = self.add(Dense(name=self.name("dense"), inputs=(here,), weights=weights,
                                  weight_type=type_))
        if tail == "argmax" or not self.ops:
            here = self.add(ArgMax(name=self.name("best"), inputs=(here,)))
        return Network("random", self.input, self.ops)


def random_network(seed: int, steps: tuple[str, ...] = STEPS) -> Network:
    """A network that depends on the seed, and on the kinds of steps to choose from, alone."""
    return Sketch(np.random.default_rng([seed, 0])).network(steps)


def random_folding(network: Network, seed: int) -> dict[str, dict[str, int]]:
    """A legal folding that depends on the network and the seed alone."""
    rng = np.random.default_rng([seed, 1])
    options = input_options(network)
    foldings = {INPUT: {"lanes": options[int(rng.integers(len(options)))]}}
    for op in network.ops:
        legal = list(plan(op, network).foldings())
        if choice := legal[int(rng.integers(len(legal)))]:
            foldings[op.name] = choice
    return foldings
