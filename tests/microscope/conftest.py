"""abTEM, the oracle of waves and scans."""

import warnings

import pytest


@pytest.fixture
def abtem():
    """Return abTEM in double precision, computing at once and without a progress bar."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, from its import and from dask
        module = pytest.importorskip("abtem")
        with module.config.set(
            {"diagnostics.progress_bar": False, "dask.lazy": False, "precision": "float64", "fft": "numpy"}
        ):
            yield module
