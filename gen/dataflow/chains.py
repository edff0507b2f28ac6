"""Pipelines joined where no queue is needed between them."""

from __future__ import annotations

from dataclasses import replace

from ...rtl_templates.chain import ChainParams
from .graph import Block, Dataflow

__all__ = ["join_chains"]

QUEUE_DEPTH = 64
"""Most places of the queue at the end of a chain."""


def join_chains(dataflow: Dataflow) -> Dataflow:
    """The dataflow with each block that may follow another in a chain made part of that one.

    The chain has the name and the layer of its first block.
    """
    blocks: dict[str, Block] = {}
    streams = dict(dataflow.streams)
    for block in dataflow.blocks.values():
        chain = _joined(blocks.get(streams[block.inputs[0]].producer or ""), block)
        if chain is None:
            blocks[block.name] = block
            continue
        blocks[chain.name] = chain
        del streams[block.inputs[0]]
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
    return replace(head, params=chain, outputs=block.outputs)
