"""Float models to integer networks: bit widths, pruning, and the search for both."""

from .formats import Format, Formats
from .quantise import LayerRecord, Prepared, Quantised, prepare, quantise_model

__all__ = ["Format", "Formats", "LayerRecord", "Prepared", "Quantised", "prepare",
           "quantise_model"]
