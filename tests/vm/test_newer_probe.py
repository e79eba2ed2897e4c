"""What a container must not be able to do or see: test_probe.py on a newer kernel."""

import pytest
from conftest import NewerLab
from test_probe import *  # noqa: F401,F403


@pytest.fixture(scope="module")
def lab():
    return NewerLab()


def test_the_kernel_is_newer(boot):
    assert boot.kernel() > (6, 1)
