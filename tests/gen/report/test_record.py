"""report.json: what each command writes, against its schema and against the golden model."""

from __future__ import annotations

import json
from importlib.resources import files

import jsonschema
import numpy as np
import pytest

import quantloom
from quantloom import Design
from quantloom.boards.parts import PARTS
from quantloom.gen import output as output_module
from quantloom.gen.output import changed_files, file_hash
from quantloom.gen.report.histograms import BINS, Activations, histogram
from quantloom.gen.report.record import read_record, refresh
from quantloom.sim import golden

from ...networks import tiny_network

SCHEMA = json.loads((files("quantloom.gen.report") / "schema.json").read_text())


def check(record):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(record)


def test_generated(tmp_path):
    network = tiny_network()
    design = Design(network, quantloom.fold(network, 200), part=PARTS["XC7Z010"], target=200)
    quantloom.generate(design, tmp_path / "out")
    record = read_record(tmp_path / "out")
    check(record)
    assert record["verification"] is None and record["synthesis"] is None
    assert record["activations"]["source"] == "vectors" and record["activations"]["frames"] == 3
    assert record["estimate"]["target_cycles"] == 200
    assert record["estimate"]["part"] == "XC7Z010"
    assert record["model"]["macs"] == network.macs()
    assert record["model"]["weights"] == 4 * 27 + 4 * 36 + 80
    assert record["model"]["weight_bits"] == 4 * 27 + 4 * 36 + 80 * 3


def test_simulated(simulated, record, frames):
    check(record)
    proof = record["verification"]
    assert proof["ok"] and proof["engine"] == "cxxrtl" and proof["frames"] == 3
    assert proof["engine_version"].startswith("pyosys ")
    assert proof["verilog"] == {"file": "tiny.v", "sha256": file_hash(simulated / "rtl/tiny.v")}
    assert proof["layers_checked"][0] == "input" and proof["mismatches"] == 0
    tensors = golden.run(tiny_network(), frames, keep=True)
    known = record["activations"]
    assert known["frames"] == 3 and known["source"] == "simulation"
    for name in ("input", "act1", "act2", "pool", "fc"):
        entry = known["tensors"][name]
        values = tensors[name].astype(np.int64)
        assert sum(entry["counts"]) == values.size
        assert entry["zeros"] == pytest.approx((values == 0).mean(), abs=1e-6)
        for k, count in enumerate(entry["counts"]):
            first = entry["lo"] + k * entry["step"]
            assert count == ((values >= first) & (values < first + entry["step"])).sum()


def test_a_wrong_verilog_is_recorded(out, frames):
    verilog = out / "rtl" / "tiny.v"
    text = verilog.read_text()
    assert text.count("fc_neuron_o_payload = ") == 1
    verilog.write_text(text.replace("fc_neuron_o_payload = ", "fc_neuron_o_payload = ~"))
    assert not quantloom.simulate(out, frames, engine="cxxrtl").ok
    record = read_record(out)
    check(record)
    assert not record["verification"]["ok"] and record["verification"]["mismatches"] > 0
    assert "expected" in record["verification"]["first_mismatch"]
    assert "not equal" in (out / "report.html").read_text()


def test_refreshed_files_are_no_edits(out):
    """What commands write after generate does not stand in the way of generating again."""
    assert changed_files(out) == []
    design = Design.load(out)
    quantloom.generate(design, out)
    assert read_record(out)["verification"] is None  # that was another Verilog's


def test_synthesis_is_kept_and_shown(out):
    design = Design.load(out)
    made = {"resources": {"lut": 1234, "ff": 567, "bram36": 1.5, "dsp": 0}, "fmax_mhz": 151.5}
    assert refresh(out, design, synthesis=made) == []
    record = read_record(out)
    check(record)
    assert record["synthesis"] == made and record["verification"]["ok"]
    page = (out / "report.html").read_text()
    assert "1,234" in page and "synthesis (lower)" in page and "Not synthesised" not in page


@pytest.mark.parametrize("content", ["", "[]", '{"format": 0}', "\0"])
def test_damaged_report_is_made_anew(out, content):
    (out / "report.json").write_text(content)
    design = Design.load(out)
    assert refresh(out, design) == []
    check(read_record(out))


def test_full_disk(out, monkeypatch):
    def fails(*_):
        raise OSError(28, "No space left on device")

    before = (out / "report.json").read_bytes()
    monkeypatch.setattr(output_module.os, "replace", fails)
    (note,) = refresh(out, Design.load(out))
    assert note.endswith("the report was not refreshed: No space left on device")
    assert (out / "report.json").read_bytes() == before
    assert not [path for path in out.iterdir() if path.name.startswith(".report")]


def test_histogram():
    assert histogram(np.array([[-1, 1], [1, 1]])) == {
        "lo": -1, "step": 1, "counts": [1, 0, 3], "zeros": 0.0}
    wide = histogram(np.arange(-1000, 1000))
    assert sum(wide["counts"]) == 2000 and len(wide["counts"]) <= BINS
    assert wide["lo"] == -1000 and wide["zeros"] == 1 / 2000


def test_wide_range_shows_where_values_are():
    """A range of millions, of which the values take a corner."""
    network = tiny_network()
    design = Design(network, quantloom.fold(network, 200))
    seen = Activations(design)
    seen.tensors = {"input": type(network.input)(
        network.input.shape, type(network.input.type)(24, True), -4_000_000, 4_000_000)}
    seen.add({"input": np.full((2, 6, 6, 3), 70_000)})
    entry = seen.to_json("vectors")["tensors"]["input"]
    assert entry["counts"] == [216] and entry["lo"] <= 70_000 < entry["lo"] + entry["step"]
