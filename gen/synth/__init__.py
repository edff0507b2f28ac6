"""Synthesis, place and route with open tools."""

from .record import Placed, Synthesis
from .run import synthesise
from .tops import Top, core, shelled
from .xilinx import cell_models

__all__ = ["Placed", "Synthesis", "Top", "cell_models", "core", "shelled", "synthesise"]
