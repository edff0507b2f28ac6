"""The same network elsewhere: published tables, and this machine's processor."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from quantloom.gen.errors import QuantloomError
from quantloom.gen.explore.cpu import measure_cpu
from quantloom.gen.explore.model import open_model
from quantloom.gen.explore.platforms import published, published_names
from quantloom.gen.explore.standard import to_standard
from quantloom.gen.network.convert import dequantize, integers_to_source
from quantloom.sim import golden

from ...models import third_party

DIGITS = Path(str(files("quantloom.gen") / "assets" / "digits.onnx"))


def test_the_wafer_table():
    rows = {row.name: row for row in published("wafer")}
    assert len(rows) == 9 and published_names() == ["wafer"]
    ours = rows["XC7Z010, programmable logic alone"]
    assert ours.energy == pytest.approx((1.348e-3,) * 2, rel=1e-3)  # 0.24 W, 178 images/s
    assert rows["Coral Edge TPU"].images_per_second_and_watt == pytest.approx((381, 381), rel=1e-3)
    assert rows["Jetson GPU"].watts == (3.5, 5.0)
    assert rows["x86, integers"].energy is None
    assert all(row.network == "wafer" and "tables 4.3 and 4.6" in row.source
               for row in rows.values())


def test_a_table_of_ones_own(tmp_path):
    (tmp_path / "mine.toml").write_text(
        "network = 'n'\nsource = 'all'\n[[platform]]\nname = 'a'\nimages-per-second = 10\n"
        "watts = [2, 1]\nlatency-ms = 3\nsource = 'own'\n[[platform]]\nname = 'b'\n"
        "images-per-second = 1.5\n")
    one, other = published("mine.toml", tmp_path)
    assert (one.watts, one.latency_ms, one.source) == ((1, 2), 3, "own")
    assert one.images_per_second_and_watt == (5, 10) and other.source == "all"


@pytest.mark.parametrize(("text", "said"), [
    ("name = 'x'", "unknown key 'name'; known are network, source, platform"),
    ("network = 'x'", r"has no \[\[platform\]\]"),
    ("[[platform]]\nname = 'a'", "platform 1 needs images-per-second"),
    ("[[platform]]\nname = 'a'\nfps = 3\nimages-per-second = 3", "platform 1: unknown key 'fps'"),
    ("[[platform]]\nname = 'a'\nimages-per-second = 0",
     "images-per-second must be a number above 0, not 0"),
    ("[[platform]]\nname = 'a'\nimages-per-second = 1\nwatts = [1, 2, 3]",
     "watts must be a number above 0, or two of them"),
    ("[[platform", "not a TOML file")])
def test_a_table_that_is_wrong(tmp_path, text, said):
    (tmp_path / "t.toml").write_text(text)
    with pytest.raises(QuantloomError, match=said):
        published("t.toml", tmp_path)


def outputs_of(file, model, frames):
    """What onnxruntime gives for integers of the input grid, and what the golden model does."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(to_standard(file), options,
                                           providers=["CPUExecutionProvider"])
    (feed,) = session.get_inputs()
    end = model.network.source_input
    x = (end.scale * (frames.reshape(len(frames), -1)[:, end.order] - end.zero_point))
    theirs = np.stack([session.run(None, {feed.name: row[None].astype(np.float32).reshape(
        [size if isinstance(size, int) else 1 for size in feed.shape])})[0][0] for row in x])
    ours = golden.run(model.network, frames)[model.network.output]
    return theirs, dequantize(model.network, integers_to_source(model.network, ours))


def test_quantisers_written_out_compute_the_same():
    """The embedded classifier has binary and 4-bit quantisers; its sums are those integers."""
    model, seed = open_model(DIGITS), 4
    x, end = model.network.input, model.network.source_output
    frames = np.random.default_rng(seed).integers(x.lo, x.hi + 1, (20, *x.shape))
    theirs, ours = ((reals - end.offset) / end.scale for reals in outputs_of(DIGITS, model, frames))
    assert np.array_equal(np.rint(theirs), np.rint(ours)), seed
    assert len(np.unique(np.rint(ours))) > 100  # wide enough to tell them apart


@pytest.mark.parametrize("name", ["bnnpynq_lfcw1a1_mnist", "kws_mlp_w3a3"])
def test_third_party_models_written_out(name):
    """Thresholds of FINN's form, and quantisers of 2021's."""
    (file,) = third_party(name).glob("model.onnx*")
    model, seed = open_model(file), 5
    x = model.network.input
    frames = np.random.default_rng(seed).integers(x.lo, x.hi + 1, (8, *x.shape))
    frames = np.where(frames == 0, 1, frames) if x.type.bipolar else frames
    theirs, ours = outputs_of(file, model, frames)
    assert np.array_equal(theirs.argmax(1), ours.argmax(1)), seed
    assert np.allclose(theirs, ours, rtol=1e-5, atol=1e-4), seed


def test_an_operator_that_has_no_form(tmp_path):
    graph = onnx.load(DIGITS)
    graph.graph.node[0].op_type, graph.graph.node[0].domain = "Trunc", "qonnx.custom_op.general"
    graph.graph.node[0].name = "cut"
    onnx.save(graph, tmp_path / "m.onnx")
    with pytest.raises(QuantloomError, match="cut: Trunc of qonnx"):
        to_standard(tmp_path / "m.onnx")


def test_this_machine():
    found = measure_cpu(open_model(DIGITS), seconds=0.05)
    assert found.kind == "measured" and found.source.startswith("onnxruntime ")
    assert found.images_per_second > 0 and found.latency_ms > 0
    assert found.note == "the golden model's class on 16 of 16 frames"


def test_what_no_runtime_takes(designs):
    found = measure_cpu(open_model(designs["tiny0"]), seconds=0.05)
    assert found.images_per_second is None and "it came from a design" in found.note


def test_tensorflow_lite():
    pytest.importorskip("ai_edge_litert", reason="LiteRT is not installed")
    file = third_party("mlperf_ic_resnet8_int8") / "model.tflite"
    found = measure_cpu(open_model(file), seconds=0.05)
    assert found.source.startswith("LiteRT ") and found.images_per_second > 0
