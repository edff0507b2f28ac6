"""Third-party QKeras and HGQ models through hls4ml, against their own frameworks' outputs.

They need a TensorFlow that does not get along with this package's other dependencies, so they run
in an environment of their own (``make test-keras``).
"""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest

from quantloom.gen.frontends.hls4ml import from_graph, input_type
from quantloom.gen.network.convert import dequantize, integers_to_source
from quantloom.sim import golden

from ...models import arrays, third_party

tensorflow = pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")


def outputs(keras_model, x, tmp_path, **config):
    import hls4ml

    settings = {} if not config else {"hls_config": config}
    with contextlib.redirect_stdout(io.StringIO()):
        graph = hls4ml.converters.convert_from_keras_model(
            keras_model, backend="Quantloom", part=None, output_dir=str(tmp_path / "net"),
            **settings)
    network = from_graph(graph)
    exact = np.floor(np.ldexp(x.astype(np.float64), 30)).astype(np.int64)
    integers = input_type(graph).cast(exact, 30).reshape(len(x), *network.input.shape)
    result = golden.run(network, integers)[network.output]
    return dequantize(network, integers_to_source(network, result))


def test_qkeras(tmp_path):
    """Six-bit weights and activations, from JSON and weights; the configuration as hls4ml makes
    it, but for the input, whose bits no quantiser tells."""
    import hls4ml
    from qkeras.utils import _add_supported_quantized_objects

    folder, known = third_party("qkeras_mnist_cnn"), {}
    _add_supported_quantized_objects(known)
    model = tensorflow.keras.models.model_from_json((folder / "model.json").read_text(),
                                                    custom_objects=known)
    model.load_weights(folder / "weights.h5")
    with contextlib.redirect_stdout(io.StringIO()):
        config = hls4ml.utils.config_from_keras_model(model, granularity="name",
                                                      backend="Quantloom")
    config["LayerName"]["input_1"]["Precision"]["result"] = "ufixed<8,0>"
    x = arrays(folder / "inputs.npz")["x_u8"][..., None] / 256
    expected = arrays(folder / "outputs.npz")
    logits = outputs(model, x, tmp_path, **config)
    np.testing.assert_array_equal(logits, expected["logits"])
    np.testing.assert_array_equal(logits.argmax(axis=1), expected["pred"])


def test_hgq(tmp_path):
    """Weights of another width each, activations that truncate and wrap."""
    import HGQ.proxy

    folder = third_party("hgq_mnist_homogeneous")
    known = {name: getattr(HGQ.proxy, name) for name in dir(HGQ.proxy)}
    model = tensorflow.keras.models.load_model(folder / "model.h5", custom_objects=known,
                                               compile=False)
    x = arrays(folder / "inputs.npz")["x_u8"] / 256
    np.testing.assert_array_equal(outputs(model, x, tmp_path),
                                  arrays(folder / "outputs.npz")["out"])
