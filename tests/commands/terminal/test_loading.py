"""What a command loads is not looked through for garbage, which is collected afterwards; freed memory is kept."""

import gc
import os
import platform
import subprocess
import sys

import pytest

from passband.commands.terminal.loading import loading


@pytest.fixture(autouse=True)
def _thawed():
    yield
    gc.unfreeze()


def test_nothing_is_collected_while_loading_and_what_was_loaded_is_left_alone():
    before = gc.get_freeze_count()
    with loading():
        assert not gc.isenabled()
        kept = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(kept)


def test_an_error_while_loading_leaves_the_collector_as_it_was():
    with pytest.raises(ImportError), loading():
        raise ImportError
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off():
    gc.disable()
    try:
        with loading():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries decide for themselves")
@pytest.mark.parametrize("told", [False, True])
def test_memory_of_arrays_that_are_gone_is_taken_by_the_next_ones(told: bool) -> None:
    """Rejects giving it back: each of 20,000 pages would be asked for again. In a process that loaded nothing else.

    Where the environment says how memory is kept, that is left as it is."""
    code = """if True:
        import resource
        from passband.commands.terminal.loading import loading
        def asked():
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            blocks = [b"x" * 20_000_000 for _ in range(4)]
            del blocks
            return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        with loading():
            pass
        print(asked(), asked())
    """
    env = os.environ | ({"MALLOC_TOP_PAD_": "131072"} if told else {})
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    first, second = map(int, done.stdout.split())
    assert first > 10_000  # it counts
    assert (second < 1_000) is not told
