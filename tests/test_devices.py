"""Bits that come again: asked for in a block, and as they were behind it."""

import contextlib
import os

import pytest
import torch

from passband.devices import WORKSPACE, deterministic


@pytest.mark.parametrize("wanted", [True, False])
def test_deterministic_operations_are_of_the_block_alone(wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    # rejects a block that changes nothing, one that an error leaves on, and one that ends what was on before
    monkeypatch.setenv(WORKSPACE, "")
    monkeypatch.delenv(WORKSPACE)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)

    def seen() -> tuple[bool, bool, bool]:
        flags = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
        return (*flags, torch.backends.cudnn.benchmark)

    assert seen() == (False, False, True)
    with contextlib.suppress(ZeroDivisionError), deterministic(wanted):
        assert seen() == ((True, True, False) if wanted else (False, False, True))
        assert (WORKSPACE in os.environ) == wanted
        raise ZeroDivisionError
    assert seen() == (False, False, True)
    assert WORKSPACE not in os.environ
    torch.use_deterministic_algorithms(True)
    try:
        with deterministic(wanted):
            pass
        assert seen() == (True, False, True)
    finally:
        torch.use_deterministic_algorithms(False)
