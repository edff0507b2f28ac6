import os

import pytest


def pytest_addoption(parser):
    parser.addoption("--store-hashes", action="store_true",
                     help="store the hashes of the golden designs anew")


@pytest.fixture(scope="session", autouse=True)
def simulators(pytestconfig):
    """A cache of compiled simulators that survives the session, away from the user's own."""
    if "QUANTLOOM_CACHE" in os.environ:
        yield
        return
    os.environ["QUANTLOOM_CACHE"] = str(pytestconfig.cache.mkdir("simulators"))
    yield
    del os.environ["QUANTLOOM_CACHE"]
