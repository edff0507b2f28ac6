"""Cheaper blocks for the same dataflow: chains without queues, adapters in two steps."""

from __future__ import annotations

from dataclasses import replace

from ...rtl_templates.adapter import AdapterParams
from ...rtl_templates.chain import ChainParams
from .graph import Block, Dataflow, Stream

__all__ = ["join_chains", "split_adapters"]

QUEUE_DEPTH = 64
"""Most places of the queue at the end of a chain."""


def join_chains(dataflow: Dataflow) -> Dataflow:
    """The dataflow with each block that may follow another in a chain made part of that one.

    The chain has the name and the layer of its first block. The streams between its parts stay
    in the dataflow, to be watched.
    """
    blocks: dict[str, Block] = {}
    streams = dict(dataflow.streams)
    for block in dataflow.blocks.values():
        stream = streams[block.inputs[0]]
        chain = None
        if stream.tensor is not None:
            chain = _joined(blocks.get(stream.producer or ""), block)
        if chain is None:
            blocks[block.name] = block
            continue
        blocks[chain.name] = chain
        streams[stream.name] = replace(stream, producer=chain.name, consumer=chain.name)
        (output,) = block.outputs
        streams[output] = replace(streams[output], producer=chain.name)
    return Dataflow(dataflow.name, dataflow.network, blocks, streams)


def _joined(head: Block | None, block: Block) -> Block | None:
    """Both blocks as one, if they can be."""
    if head is None or not block.params.follows:
        return None
    parts = head.params.parts if isinstance(head.params, ChainParams) else (head.params,)
    if not parts[0].leads:
        return None
    chain = ChainParams((*parts, block.params))
    if chain.full_depth > QUEUE_DEPTH:
        return None
    return replace(head, params=chain, outputs=block.outputs,
                   inner=(*head.inner, *block.inputs))


def split_adapters(dataflow: Dataflow) -> Dataflow:
    """The dataflow with adapters of uneven ratios split into a narrowing and a widening one.

    Cutting beats out of others at many places takes multiplexers, taking units out one by one and
    collecting them hardly any. It takes a cycle a unit, and is done where there is time for it.
    """
    blocks: dict[str, Block] = {}
    streams = dict(dataflow.streams)
    for block in dataflow.blocks.values():
        params = block.params
        if (isinstance(params, AdapterParams) and min(params.units_in, params.units_out) > 1
                and params.elements // params.unit <= dataflow.interval):
            first, (source,) = f"{block.name}_units", block.inputs
            narrow = replace(params, lanes_out=params.unit)
            middle = Stream(f"{first}_o", narrow.outputs[0], first, block.name,
                            streams[source].tensor)
            blocks[first] = Block(first, block.layer, narrow, block.inputs, (middle.name,))
            streams[middle.name] = middle
            streams[source] = replace(streams[source], consumer=first)
            block = replace(block, params=replace(params, lanes_in=params.unit),
                            inputs=(middle.name,))
        blocks[block.name] = block
    return Dataflow(dataflow.name, dataflow.network, blocks, streams)
