"""One tiny world for all tests of studies."""

import pytest

from tests.study.tiny import make_world


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("world"))
