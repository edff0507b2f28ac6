"""Hand-over to vendors' tools: Vivado and Vitis HLS."""

from .cmodel import model_source
from .hls import write_hls
from .vivado import write_vivado

__all__ = ["model_source", "write_hls", "write_vivado"]
