"""Synthesis, place and route with open tools."""

from .record import Placed, Synthesis
from .run import synthesise
from .tops import Top, core, shelled

__all__ = ["Placed", "Synthesis", "Top", "core", "shelled", "synthesise"]
