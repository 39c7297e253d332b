"""What is written of the point defects of one micrograph: tables, picture, and a row for scripts."""

from pathlib import Path
from typing import Any

from passband.description.defects import COLUMNS
from passband.durable import write_atomically
from passband.figures.defects import defects_picture
from passband.files.micrograph import Micrograph
from passband.files.own_files import DEFECT_ENDINGS, refuse_foreign
from passband.tabular import write_csv, write_parquet
from passband.verdict.defect_finding import DefectFinder


def write_defects(
    micrograph: Micrograph, finder: DefectFinder, path: Path, output: Path, *, stem: str
) -> dict[str, Any]:
    """Find the defects of a micrograph of known pixel size and write their files, the picture last; return its row.

    Raises
    ------
    PassbandError
        The network cannot look at it, or a picture of the same name is not passband's.
    """
    files = {kind: output / f"{stem}{ending}" for kind, ending in DEFECT_ENDINGS.items()}
    refuse_foreign(files["picture"])
    seen = finder.find(micrograph)
    defects, rows = seen.defects, seen.defects.rows()
    write_csv(files["table"], rows, COLUMNS, digits=7, line_end="\n")
    write_parquet(files["parquet"], rows, COLUMNS)
    write_atomically(files["picture"], defects_picture(micrograph.array, defects))
    told = ("y_px", "x_px", "class", "confidence")
    return {
        "image": str(path),
        "defects": [{name: row[name] for name in told} for row in rows],
        "counts": defects.counts(),
        "per_nm2": defects.per_nm2,
        "verdict": seen.verdict,
        "reason": seen.reason,
        "flags": list(seen.flags),
        "predicted_f1": None if seen.f1 is None else seen.f1.as_dict(),
        "model": seen.network,
        "session": None if seen.session is None else {**seen.session._asdict(), "another": seen.session.another},
        "warning": f"{path}: {'; '.join(seen.warnings)}" if seen.warnings else "",
        "pixel_size_A": list(defects.pixel_size),
        "outputs": {kind: str(file) for kind, file in files.items()},
    }
