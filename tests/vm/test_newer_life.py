"""How units end and are started again, by cgroup.kill, which Linux 6.14 has changed: test_life.py on a newer kernel."""

import pytest
from conftest import NewerLab
from test_life import *  # noqa: F401,F403


@pytest.fixture(scope="module")
def lab():
    return NewerLab()


def test_the_kernel_is_newer(boot):
    assert boot.kernel() > (6, 1)
