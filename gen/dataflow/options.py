"""What a solver chooses among: each layer's foldings, the streams between them, their prices."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from ...rtl_templates.block import BlockParams, StreamShape
from ...rtl_templates.queue import credit_resources
from ...rtl_templates.resources import Resources
from ..network import Network
from .builder import beats_of
from .family import on_family, suits
from .plan import INPUT, Folding, Plan, input_options, plan
from .trial import Trial

__all__ = ["CHAIN_LATENCY", "Layer", "Layers", "Option", "price"]

CHAIN_LATENCY = 12
"""Cycles of a pipeline in a chain, roughly: the chain's queue holds what is in both, and behind the
first pipeline a queue comes back if the chain is broken."""


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
    """A layer, the tensors that it takes, its options, and whether it has weights.

    The input is a layer without a plan.
    """

    name: str
    tensors: tuple[str, ...]
    options: tuple[Option, ...]
    plan: Plan | None
    weighted: bool


class Layers:
    """The layers of a network, the input first, and what joins them.

    Operations whose work others do are no layers. Blocks are made again for every question: what
    is kept of them is their price.

    Parameters
    ----------
    network : Network
    architecture : str
        Of the part that they are priced for.

    Attributes
    ----------
    layers : dict of str to Layer
    chained : set of str
        Tensors that pass from one pipeline into the next without a queue, unless an adapter
        comes between (see ``rtl_templates.chain``).
    """

    def __init__(self, network: Network, architecture: str = "xc7"):
        self.network, self.architecture = network, architecture
        self.layers: dict[str, Layer] = {}
        shapes = [beats_of(network.input, lanes) for lanes in input_options(network)]
        self.layers[INPUT] = Layer(INPUT, (), tuple(
            Option({"lanes": shape.lanes}, None, (), shape, shape.beats) for shape in shapes),
            None, False)
        self.chained: set[str] = set()
        leading: set[str] = set()
        for op in network.ops:
            layout = plan(op, network)
            # Which tensors a layer takes is the same with every folding.
            first = layout.trial(next(layout.foldings()))
            if first.given is None:
                continue
            tensors = tuple(first.tensors)
            if first.own and first.own[0].follows and tensors[0] in leading:
                self.chained.add(tensors[0])
            if first.own and first.own[-1].leads:
                leading.add(op.name)
            self.layers[op.name] = Layer(op.name, tensors, tuple(self._options(layout, tensors)),
                                         layout, hasattr(op, "weights"))
        self._prices: dict[Hashable, Resources] = {}
        self._slack: dict[Hashable, tuple[int, ...]] = {}

    def _options(self, layout: Plan, tensors: tuple[str, ...]) -> Iterator[Option]:
        domains = {tensor: self.given(tensor) for tensor in tensors}
        first = {tensor: domain[0] for tensor, domain in domains.items()}
        for folding in layout.foldings():
            if not suits(folding, self.architecture):
                continue
            trial = layout.trial(folding, first)
            if not trial.follows:
                yield _option(folding, None, trial)
                continue
            for combination in product(*domains.values()):
                shapes = dict(zip(domains, combination, strict=True))
                yield _option(folding, tuple(shapes[tensor] for tensor in tensors),
                              layout.trial(folding, shapes))

    def given(self, tensor: str) -> list[StreamShape]:
        """The streams that a tensor may come in."""
        return list(dict.fromkeys(option.given for option in self.layers[tensor].options))

    def paces(self) -> list[int]:
        """All that the frame interval of a folding can be, ascending, in cycles."""
        return sorted({option.cycles for layer in self.layers.values()
                       for option in layer.options} - {0})

    def price(self, layer: Layer, option: Option, interval: int) -> Resources:
        """What a layer occupies, the fork behind it included, at a frame interval."""
        def blocks() -> Sequence[BlockParams]:
            if layer.plan is None:
                trial = Trial(self.network, {layer.name: option.given})
                trial.give(layer.name, trial.come(layer.name))
                return trial.own
            shapes = dict(zip(layer.tensors, option.sources or option.taken, strict=True))
            trial = layer.plan.trial(option.folding, shapes)
            own = [layer.plan.settle(block) for block in trial.own]
            if self.chained.intersection(layer.tensors):
                own[0] = own[0].with_depths([2 * CHAIN_LATENCY])
            if layer.name in self.chained:
                own[-1] = own[-1].with_depths([0])
            return own

        return self._price((layer.name, id(option)), blocks, interval)

    def join(self, tensor: str, source: StreamShape, taken: StreamShape,
             interval: int) -> Resources:
        """What it takes to bring a tensor in other lanes than those of its source."""
        if source == taken:
            return Resources()

        def blocks() -> Sequence[BlockParams]:
            trial = Trial(self.network, {tensor: source})
            trial.take(tensor, tensor, taken.lanes)
            return trial.joins[0]

        joins = self._price((tensor, source, taken), blocks, interval)
        if tensor not in self.chained:
            return joins
        return joins + on_family(credit_resources(source.width, CHAIN_LATENCY, None),
                                 self.architecture)

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
            self._prices[key, registers] = on_family(
                sum((price(block, interval) for block in made), Resources()), self.architecture)
        return self._prices[key, registers]


def price(block: BlockParams, interval: int) -> Resources:
    """What a block occupies with the output queue that it is likely to get at an interval.

    Where its beats come slowly enough for each to have left before the next one needs its place,
    that is a register. A block that has its queue already keeps it.
    """
    if block.depth is None and interval >= _slack(block):
        block = block.with_depths([1] * len(block.outputs))
    return block.resources


def _slack(block: BlockParams) -> int:
    """Frame interval from which on a register is queue enough."""
    return (block.queue_latency + 2) * max(shape.beats for shape in block.outputs)


def _option(folding: Folding, sources: tuple[StreamShape, ...] | None, trial: Trial) -> Option:
    assert trial.given is not None
    cycles = max([trial.given.beats, *(shape.beats for shape in trial.taken),
                  *(block.cycles for block in trial.own)])
    return Option(folding, sources, tuple(trial.taken), trial.given, cycles)
