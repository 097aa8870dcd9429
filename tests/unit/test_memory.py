"""Memory of a process: freed blocks go back to the system, garbage is collected now and then."""

import gc
import os
import subprocess
import sys

import pytest

from brainseg import memory

FREES_BLOCKS_BETWEEN_USED_ONES = """
import numpy as np, psutil, sys
from brainseg.memory import return_freed_blocks
if sys.argv[1] == "returned":
    return_freed_blocks()
np.ones(30 * 2**20, np.uint8)  # glibc takes smaller blocks than this from its heap from now on
blocks = [(np.ones(4 * 2**20, np.uint8), np.ones(90_000, np.uint8)) for _ in range(50)]
kept = [small for _, small in blocks]
del blocks
print(psutil.Process().memory_info().rss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc")
def test_large_blocks_go_back_to_the_system_when_they_are_freed():
    # Dask sets this variable in the process of the tests.
    environment = {key: value for key, value in os.environ.items() if "MALLOC" not in key}
    kept, returned = (
        int(
            subprocess.check_output(
                [sys.executable, "-c", FREES_BLOCKS_BETWEEN_USED_ONES, how], env=environment
            )
        )
        for how in ("kept", "returned")
    )
    assert kept - returned > 150 * 2**20


FREES_SMALL_BLOCKS_BELOW_A_USED_ONE = """
import psutil
from brainseg.memory import collect_garbage
blocks = [bytes(50_000) for _ in range(2_000)]
last = bytes(50_000)
del blocks
before = psutil.Process().memory_info().rss
collect_garbage(0)
print(before - psutil.Process().memory_info().rss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a function of glibc")
def test_small_blocks_go_back_to_the_system_when_garbage_is_collected():
    environment = {key: value for key, value in os.environ.items() if "MALLOC" not in key}
    program = [sys.executable, "-c", FREES_SMALL_BLOCKS_BELOW_A_USED_ONE]
    assert int(subprocess.check_output(program, env=environment)) > 50 * 2**20


@pytest.mark.parametrize(
    "start",
    [
        "from brainseg.memory import return_freed_blocks; return_freed_blocks()",
        "import dashboard.app",
    ],
    ids=["any process", "the server"],
)
def test_arrow_takes_its_memory_from_the_c_library(start):
    program = f"{start}; import pyarrow; print(pyarrow.default_memory_pool().backend_name)"
    environment = os.environ | {"BRAINSEG_INSECURE_NO_LOGIN": "1"}
    said = subprocess.check_output([sys.executable, "-c", program], text=True, env=environment)
    assert said == "system\n"


def test_garbage_is_collected_once_in_a_while(monkeypatch):
    collected = []
    monkeypatch.setattr(gc, "collect", lambda: collected.append(0))
    monkeypatch.setattr(memory, "_collected_s", 0.0)
    for _ in range(3):
        memory.collect_garbage(every_s=60)
    assert len(collected) == 1
    memory.collect_garbage(every_s=0)
    assert len(collected) == 2


def test_what_was_set_aside_is_searched_no_more_and_what_follows_is():
    program = """
import gc, weakref
from brainseg.memory import collect_garbage, set_aside

class Node:
    pass

def circle():
    one, other = Node(), Node()
    one.other, other.other = other, one
    return one

kept = circle()
before = len(gc.get_objects())
set_aside()
assert len(gc.get_objects()) < before / 10
gone = weakref.ref(circle())
collect_garbage(0)
assert gone() is None
"""
    subprocess.run([sys.executable, "-c", program], check=True)
