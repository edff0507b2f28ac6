from types import SimpleNamespace

from quantloom.sim.deadlock import explain
from quantloom.sim.engine import Design


def design(*names):
    probes = [SimpleNamespace(name=name, beats=10) for name in names]
    return Design((), "top", tuple(probes), 0, len(names) - 1)


def graph(**ends):
    streams = {name: SimpleNamespace(producer=p, consumer=c) for name, (p, c) in ends.items()}
    blocks = {}
    for block in {b for pair in ends.values() for b in pair if b}:
        blocks[block] = SimpleNamespace(
            inputs=[n for n, (_, c) in ends.items() if c == block],
            outputs=[n for n, (p, _) in ends.items() if p == block])
    return SimpleNamespace(streams=streams, blocks=blocks)


def result(**states):
    probes = tuple(SimpleNamespace(beats=b, valid=bool(v), ready=bool(r))
                   for b, v, r in states.values())
    return SimpleNamespace(probes=probes, cycles=99, frames=0)


def test_trail_ends_at_the_block_that_does_nothing():
    dataflow = graph(i=(None, "a"), a_o=("a", "b"), o=("b", None))
    text = explain(dataflow, design("i", "a_o", "o"),
                   result(i=(3, 1, 0), a_o=(2, 1, 0), o=(1, 0, 1)), 1)
    assert text == ("stuck after 99 cycles, 0 of 1 frames complete: the output waits for b to "
                    "offer beat 1 of o, b waits for nobody and does nothing (a_o: valid 1, "
                    "ready 0; o: valid 0, ready 1)")


def test_circle_of_a_fork_and_a_join():
    # The join lacks the slow branch, the fork cannot go on because the fast branch is full.
    dataflow = graph(i=(None, "fork"), fast=("fork", "join"), slow=("fork", "conv"),
                     conv_o=("conv", "join"), o=("join", None))
    text = explain(dataflow, design("i", "fast", "slow", "conv_o", "o"),
                   result(i=(9, 1, 0), fast=(4, 1, 0), slow=(8, 0, 1), conv_o=(0, 0, 1),
                          o=(0, 0, 1)), 2)
    assert text.endswith(
        "join waits for conv to offer beat 0 of conv_o, conv waits for fork to offer beat 8 of "
        "slow, fork waits for join to take beat 4 of fast: they wait in a circle")


def test_missing_beats_without_a_trail():
    dataflow = graph(i=(None, "a"), o=("a", None))
    text = explain(dataflow, design("i", "o"), result(i=(10, 0, 1), o=(9, 0, 0)), 1)
    assert text.endswith("o carried 9 of 10 beats")
