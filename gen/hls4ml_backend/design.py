"""From an hls4ml model graph to a folded design."""

from __future__ import annotations

from typing import Any

from ...boards.parts import part as find_part
from ..dataflow.fold import UTILISATION, fold, fold_for
from ..design import Design
from ..errors import QuantloomError
from ..frontends.hls4ml import from_graph
from ..network import Conv2d, Dense, Network

__all__ = ["design_of", "reuse_cycles"]


def design_of(graph: Any) -> Design:
    """The design that a graph's configuration asks for.

    Raises
    ------
    QuantloomError
        If a layer cannot be compiled, or the design does not fit the part.
    """
    network = from_graph(graph)
    config = graph.config
    clock = 1000 / float(config.get_config_value("ClockPeriod", 10))
    target = config.get_config_value("Cycles")
    target = reuse_cycles(graph, network) if target is None else int(target)
    source = {"hls4ml": config.get_project_name()}
    name = config.get_config_value("Part")
    if name is None:
        return Design(network, fold(network, target), source, clock, target=target)
    try:
        part = find_part(str(name))
    except ValueError as error:
        raise QuantloomError(f"part: {error}") from None
    utilisation = config.get_config_value("Utilisation")
    found = fold_for(network, part, target, clock=clock,
                     utilisation=UTILISATION if utilisation is None else float(utilisation))
    design = Design(network, found.foldings, source, clock, part, target)
    design.dataflow = found.dataflow
    return design


def reuse_cycles(graph: Any, network: Network) -> int | None:
    """Cycles a frame that the reuse factors ask for; None where all are 1, hls4ml's default.

    A reuse factor is how often a multiplier is used for one position of its layer; the slowest
    layer sets the pace, and none is made faster than it needs to be. No reuse means as fast as
    the part allows.
    """
    cycles, reused = 1, False
    for layer in graph.get_layers():
        op = next((op for op in network.ops if op.name == layer.name), None)
        if isinstance(op, Conv2d | Dense):
            height, width, _ = network.tensors[op.name].shape
            factor = int(layer.get_attr("reuse_factor", 1) or 1)
            cycles, reused = max(cycles, height * width * factor), reused or factor > 1
    return cycles if reused else None
