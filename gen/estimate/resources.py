"""What the blocks of a dataflow take on a family of parts."""

from __future__ import annotations

from ...rtl_templates.block import BlockParams
from ...rtl_templates.resources import Resources

__all__ = ["block_resources"]


def block_resources(params: BlockParams, family: str = "xc7") -> Resources:
    """What a block takes.

    Parameters
    ----------
    params : BlockParams
    family : str
        As Yosys names it.
    """
    return params.resources
