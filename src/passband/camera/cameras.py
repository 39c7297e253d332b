"""Distributions of whatever records a micrograph: cameras of a broad beam, scanners of a focused one."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Tag

from passband.camera.camera import CameraDistribution
from passband.camera.scanner import ScannerDistribution


def _which(value: Any) -> str:
    scans = "dwell_time" in value if isinstance(value, Mapping) else isinstance(value, ScannerDistribution)
    return "scanner" if scans else "camera"


#: Of either kind; plain values of a scanner have a `dwell_time`.
AnyCamera = Annotated[
    Annotated[CameraDistribution, Tag("camera")] | Annotated[ScannerDistribution, Tag("scanner")],
    Discriminator(_which),
]
