import os

import pytest

LONG = ("e2e/test_demo.py", "e2e/test_third_party.py", "e2e/test_images.py",
        "e2e/test_random_networks.py", "docs/test_pages.py", "gen/hls4ml_backend/test_backend.py",
        "gen/hls4ml_backend/test_witness.py", "gen/synth/test_run.py", "gen/synth/test_makefile.py",
        "rtl_templates/test_elementwise_resources.py", "shell/test_serial.py",
        "gen/cli/test_simulate.py")  # fmt: skip
"""Files that take a minute or more, which begin first: one at the end would keep one processor
busy alone."""


def pytest_addoption(parser):
    parser.addoption("--store-hashes", action="store_true",
                     help="store the hashes of the golden designs anew")


def pytest_collection_modifyitems(items):
    rank = {os.path.join(os.path.dirname(__file__), *name.split("/")): k
            for k, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(str(item.path), len(rank)))


@pytest.fixture(scope="session", autouse=True)
def simulators(pytestconfig):
    """A cache of compiled simulators that survives the session, away from the user's own."""
    if "QUANTLOOM_CACHE" in os.environ:
        yield
        return
    os.environ["QUANTLOOM_CACHE"] = str(pytestconfig.cache.mkdir("simulators"))
    yield
    del os.environ["QUANTLOOM_CACHE"]
