"""Dataflow graph: lowering, folding, buffer sizes."""

from . import plan_blocks, plan_mac, plan_map

__all__ = ["plan_blocks", "plan_mac", "plan_map"]  # imported here for the plans they register
