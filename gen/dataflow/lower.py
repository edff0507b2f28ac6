"""From the integer network to the dataflow graph."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import QuantloomError
from ..network import Network
from .buffers import size_buffers
from .builder import Builder, lanes_fit
from .graph import Dataflow
from .plan import INPUT, Folding, input_options, plan
from .settle import settle
from .simplify import join_chains, split_adapters

__all__ = ["lower"]


def lower(network: Network, foldings: Mapping[str, Folding]) -> Dataflow:
    """Blocks, streams and buffers of a network.

    Parameters
    ----------
    network : Network
    foldings : mapping of str to dict
        Folding of every operation that has one, and of the input (``{"lanes": n}``).

    Returns
    -------
    Dataflow
        With width adapters and FIFOs in place. Its network is the given one with the neurons'
        constants in the thresholds, see :mod:`.settle`.

    Raises
    ------
    QuantloomError
        If a folding is missing, superfluous or not legal, the text lists the legal values; or if
        the network only rearranges its input in a way that takes no hardware.
    """
    names = {op.name for op in network.ops} | {INPUT}
    if unknown := [name for name in foldings if name not in names]:
        raise QuantloomError(f"{', '.join(unknown)}: no such layer to fold")
    lanes = foldings.get(INPUT, {}).get("lanes", 1)
    if not isinstance(lanes, int) or lanes < 1 or not lanes_fit(network.input, lanes):
        raise QuantloomError(f"{INPUT}: lanes must be one of "
                             f"{', '.join(map(str, input_options(network)))}, not {lanes!r}")
    legal = {op.name: plan(op, network).check(dict(foldings.get(op.name, {})))
             for op in network.ops}
    settled = settle(network, legal)
    builder = Builder(settled, lanes)
    for op in settled.ops:
        plan(op, settled).build(builder, legal[op.name])
    if not builder.blocks:
        raise QuantloomError(f"{network.name}: nothing is computed between input and output; give "
                             "a network with at least one layer that takes hardware")
    return size_buffers(split_adapters(join_chains(builder.finish())))
