"""Stages run when something that they read has changed, and only then."""

import json

import pytest

from quantloom.gen.synth.stages import RECORD, Stages


@pytest.fixture
def flow(tmp_path):
    source, result = tmp_path / "in", tmp_path / "out"
    source.write_text("a")
    runs = []

    def run(*settings, fail=False):
        def work():
            runs.append(source.read_text())
            if fail:
                result.write_text("half")
                raise KeyboardInterrupt
            result.write_text(source.read_text())

        return Stages(tmp_path).run("copy", work, inputs=[source], outputs=[result],
                                    settings=settings)

    return source, result, runs, run


def test_runs_once(flow):
    source, result, runs, run = flow
    assert run("x") == run("x")
    assert runs == ["a"]
    run("y")
    source.write_text("b")
    run("y")
    result.unlink()
    run("y")
    assert runs == ["a", "a", "b", "b"] and result.read_text() == "b"


def test_interrupted_stage_runs_again(flow):
    source, result, runs, run = flow
    run("x")
    source.write_text("b")
    with pytest.raises(KeyboardInterrupt):
        run("x", fail=True)
    assert result.read_text() == "half"
    run("x")
    assert result.read_text() == "b" and runs == ["a", "b", "b"]


@pytest.mark.parametrize("text", ["", "[1]", '{"copy": 3}', '{"copy": {"key": "k"}}'])
def test_damaged_record_is_none(flow, tmp_path, text):
    *_, runs, run = flow
    run("x")
    (tmp_path / RECORD).write_text(text)
    run("x")
    assert len(runs) == 2
    assert set(json.loads((tmp_path / RECORD).read_text())) == {"copy"}
