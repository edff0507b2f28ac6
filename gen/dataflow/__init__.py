"""Dataflow graph: lowering, folding, buffer sizing."""
