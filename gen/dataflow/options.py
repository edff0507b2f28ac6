"""What a solver chooses among: each layer's foldings, the streams between them, their prices."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product

from ...rtl_templates.block import BlockParams, StreamShape
from ...rtl_templates.resources import Resources
from ..network import Network, Op
from .builder import beats_of
from .plan import INPUT, Folding, Plan, input_options, plan
from .trial import Trial

__all__ = ["Layer", "Layers", "Option", "price"]


@dataclass(frozen=True, eq=False)
class Option:
    """A folding of a layer, for all sources or for some.

    Parameters
    ----------
    folding : dict
    sources : tuple of StreamShape, or None
        The streams that the layer's inputs come in; None where any will do.
    taken : tuple of StreamShape
        The streams that the layer takes, behind width adapters.
    given : StreamShape
        The stream that it gives.
    cycles : int
        Cycles a frame of its slowest block.
    """

    folding: Folding
    sources: tuple[StreamShape, ...] | None
    taken: tuple[StreamShape, ...]
    given: StreamShape
    cycles: int


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer, the tensors that it reads, its options, and whether it has weights.

    The input is a layer without a plan.
    """

    name: str
    inputs: tuple[str, ...]
    options: tuple[Option, ...]
    plan: Plan | None
    weighted: bool


class Layers:
    """The layers of a network, the input first, and what joins them.

    Blocks are made again for every question: what is kept of them is their price.

    Parameters
    ----------
    network : Network
    """

    def __init__(self, network: Network):
        self.network = network
        self.layers: dict[str, Layer] = {}
        shapes = [beats_of(network.input, lanes) for lanes in input_options(network)]
        self._add(INPUT, (), (Option({"lanes": shape.lanes}, None, (), shape, shape.beats)
                              for shape in shapes), None)
        for op in network.ops:
            layout = plan(op, network)
            self._add(op.name, op.inputs, self._options(op, layout), layout)
        self._prices: dict[Hashable, Resources] = {}
        self._slack: dict[Hashable, tuple[float, ...]] = {}

    def _add(self, name: str, inputs: tuple[str, ...], options: Iterator[Option],
             layout: Plan | None) -> None:
        weighted = layout is not None and hasattr(layout.op, "weights")
        self.layers[name] = Layer(name, inputs, tuple(options), layout, weighted)

    def _options(self, op: Op, layout: Plan) -> Iterator[Option]:
        domains = [self.given(tensor) for tensor in op.inputs]
        first = [domain[0] for domain in domains]
        for folding in layout.foldings():
            trial = layout.trial(folding, first)
            if not trial.follows:
                yield _option(folding, None, trial)
                continue
            for sources in product(*domains):
                yield _option(folding, sources, layout.trial(folding, sources))

    def given(self, tensor: str) -> list[StreamShape]:
        """The streams that a tensor may come in."""
        return list(dict.fromkeys(option.given for option in self.layers[tensor].options))

    def paces(self) -> list[int]:
        """All that the frame interval of a folding can be, ascending, in cycles."""
        return sorted({option.cycles for layer in self.layers.values()
                       for option in layer.options} - {0})

    def price(self, layer: Layer, option: Option, interval: int) -> Resources:
        """What a layer occupies, the fork behind it included, at a frame interval."""
        if layer.plan is None:
            trial = Trial(self.network, self.network.ops[0],
                          [option.given] * len(self.network.ops[0].inputs))
            trial.give(layer.name, "source_0")
            return self._price((layer.name, id(option)), lambda: trial.own, interval)
        layout = layer.plan
        return self._price((layer.name, id(option)), lambda: [
            layout.settle(block) for block in layout.trial(option.folding, option.sources).own
        ], interval)

    def join(self, tensor: str, source: StreamShape, taken: StreamShape,
             interval: int) -> Resources:
        """What it takes to bring a tensor in other lanes than those of its source."""
        if source == taken:
            return Resources()
        op = self.network.consumers(tensor)[0]

        def blocks() -> list[BlockParams]:
            trial = Trial(self.network, op, [source] * len(op.inputs))
            trial.take(op.name, tensor, taken.lanes)
            return trial.joins[0]

        return self._price((tensor, source, taken), blocks, interval)

    def _price(self, key: Hashable, blocks: Callable[[], Sequence[BlockParams]],
               interval: int) -> Resources:
        """Sum over blocks, each of which is asked once for each size of its output queue."""
        made: Sequence[BlockParams] | None = None
        if key not in self._slack:
            made = blocks()
            self._slack[key] = tuple(map(_slack, made))
        registers = tuple(interval >= slack for slack in self._slack[key])
        if (key, registers) not in self._prices:
            made = blocks() if made is None else made
            self._prices[key, registers] = sum((price(block, interval) for block in made),
                                               Resources())
        return self._prices[key, registers]


def price(block: BlockParams, interval: int) -> Resources:
    """What a block occupies with the output queue that it is likely to get at an interval.

    Where its beats come slowly enough for each to have left before the next one needs its place,
    that is a register.
    """
    if interval >= _slack(block):
        block = replace(block, depth=1)  # type: ignore[type-var]
    return block.resources


def _slack(block: BlockParams) -> float:
    """Frame interval from which on a register is queue enough."""
    if all(field.name != "depth" for field in fields(block)):  # type: ignore[arg-type]
        return float("inf")
    latency = getattr(block, "queue_latency", block.latency)
    return (latency + 2) * max(shape.beats for shape in block.outputs)


def _option(folding: Folding, sources: Sequence[StreamShape] | None, trial: Trial) -> Option:
    assert trial.given is not None
    cycles = max([trial.given.beats, *(shape.beats for shape in trial.taken),
                  *(block.cycles for block in trial.own)])
    return Option(folding, None if sources is None else tuple(sources), tuple(trial.taken),
                  trial.given, cycles)
