"""Front door for hls4ml's model graphs: Keras, QKeras, HGQ, PyTorch and ONNX through hls4ml."""

from .graph import from_graph, input_type

__all__ = ["from_graph", "input_type"]
