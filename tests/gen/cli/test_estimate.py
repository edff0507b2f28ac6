"""What estimate takes, says and refuses."""

from __future__ import annotations

import json

import pytest

from quantloom.boards.parts import PARTS
from quantloom.gen.report.record import read_record

from ...command import quantloom


def test_json(out):
    done = quantloom("estimate", out, "--part", "xc7z010", "--json")
    assert done.code == 0, done.err
    found = done.json
    assert set(found["total"]["resources"]) == {"lut", "ff", "bram36", "dsp"}
    stored = json.loads((out / "design.json").read_text())
    assert found["interval_cycles"] == stored["interval_cycles"]
    assert found["part"] == "XC7Z010" and found["misses"] == [] == found["notes"]
    assert read_record(out)["estimate"]["part"] == "XC7Z010"


def test_text(out):
    done = quantloom("estimate", out, "--part", "xc7z010", "--clock", "150")
    assert done.code == 0, done.err
    for text in ("conv1_neuron", "LUT sites", "of XC7Z010", "cycles a frame", "latency",
                 "at 150 MHz", "on the chip", "bits moved"):
        assert text in done.out, text


def test_a_design_keeps_its_folding(out):
    """A target is what it must reach: it is not folded anew."""
    interval = json.loads((out / "design.json").read_text())["interval_cycles"]
    assert quantloom("estimate", out, "--cycles", interval).code == 0
    done = quantloom("estimate", out, "--cycles", interval - 1)
    assert done.code == 1
    assert f"{interval} cycles a frame are more than the target of {interval - 1}" in done.err
    done = quantloom("estimate", out, "--fps", 1e8 / interval * 1.5, "--json")
    assert done.code == 1 and len(done.json["misses"]) == 1


def test_folded_anew_for_a_part(out):
    before = (out / "report.json").read_bytes()
    done = quantloom("estimate", out, "--part", "xc7z020", "--max", "--json")
    assert done.code == 0, done.err
    interval = json.loads((out / "design.json").read_text())["interval_cycles"]
    assert done.json["interval_cycles"] < interval
    assert (out / "report.json").read_bytes() == before  # it shows what the directory holds


def test_a_part_that_is_too_small(out, monkeypatch):
    part = PARTS["XC7Z007S"].__class__("TINY", "Zynq-7000", 300, 100, 600, 1, 0)
    monkeypatch.setitem(PARTS, "TINY", part)
    done = quantloom("estimate", out, "--part", "tiny")
    assert done.code == 1 and "LUT sites are more than the 300 of TINY" in done.err
    assert "LUT sites are more than" in (out / "report.html").read_text()


def test_model_file(model):
    done = quantloom("estimate", model, "--cycles", 5000, "--json")
    assert done.code == 0, done.err
    assert done.json["interval_cycles"] <= 5000 and done.json["latency_cycles"] > 0


def test_side_by_side(out, pristine):
    done = quantloom("estimate", out, pristine)
    assert done.code == 0, done.err
    head = done.out.splitlines()[0]
    assert str(out) in head and str(pristine) in head
    done = quantloom("estimate", out, pristine, "--json")
    one, other = done.json["designs"]
    assert one["design"] == str(out) and one["total"] == other["total"]


def test_another_version_is_named(out):
    value = json.loads((out / "design.json").read_text())
    (out / "design.json").write_text(json.dumps({**value, "quantloom": "0.0.7"}))
    done = quantloom("estimate", out / "design.json")
    assert done.code == 0 and "made by Quantloom 0.0.7, but this is" in done.out
    (out / "design.json").write_text(json.dumps({**value, "quantloom": "9.1.0", "format": 7}))
    done = quantloom("estimate", out)
    assert done.code == 2
    assert "of format 7 by Quantloom 9.1.0" in done.err and "generate it again" in done.err


def test_edited_design_leaves_the_report_alone(out):
    before = (out / "report.html").read_bytes()
    value = json.loads((out / "design.json").read_text())
    (out / "design.json").write_text(json.dumps({**value, "clock_mhz": 50.0}))
    done = quantloom("estimate", out)
    assert done.code == 0 and "was edited since" in done.out
    assert "at 50 MHz" in done.out and (out / "report.html").read_bytes() == before


@pytest.mark.parametrize(("options", "message"), [
    (("--part", "xc9"), "must be one of XC7Z007S"), (("--input-bits", "8"), "has its input grid"),
    (("--max",), "--max needs --part"), (("--utilisation", "50"), "needs --part")])
def test_bad_usage(out, options, message):
    done = quantloom("estimate", out, *options)
    assert done.code == 2 and message in done.err.replace("\n", " ")


def test_nothing_there(tmp_path):
    assert quantloom("estimate", tmp_path / "none").code == 2
    done = quantloom("estimate", tmp_path)
    assert done.code == 2 and "without a design.json" in done.err
