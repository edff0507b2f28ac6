"""Float models to integer networks: bit widths, pruning, and the search for both."""

from .formats import Format, Formats
from .quantise import Prepared, prepare, quantise_model
from .records import LayerRecord, Quantised
from .retrain import command_hook, load_retrained, retrain

__all__ = ["Format", "Formats", "LayerRecord", "Prepared", "Quantised", "command_hook",
           "load_retrained", "prepare", "quantise_model", "retrain"]
