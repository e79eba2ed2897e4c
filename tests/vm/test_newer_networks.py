"""Networks, whose rules are read by another kernel: test_networks.py on a newer one."""

import pytest
from conftest import NewerLab
from test_networks import *  # noqa: F401,F403


@pytest.fixture(scope="module")
def lab():
    return NewerLab()


def test_the_kernel_is_newer(boot):
    assert boot.kernel() > (6, 1)
