"""Rows of results as CSV, for a spreadsheet, and as Parquet, for thousands of them."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

# also in the full width of East Asian keyboards
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write_csv(
    path: Path,
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str] = (),
    *,
    digits: int = 6,
    line_end: str = "\r\n",
) -> None:
    """Write rows with a header; `columns` names it where there may be no rows, numbers keep `digits` digits.

    With `columns` the rows may be made one after the other while they are written.

    A file name that is not UTF-8 is written with its odd bytes escaped. A text that a spreadsheet would take for a
    formula (it begins with =, +, -, @, a tab or a line end and is no number) gets an apostrophe in front.
    """
    if not columns:
        rows = list(rows)
    names = list(columns) or list(dict.fromkeys(key for row in rows for key in row))
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.DictWriter(file, names, restval="", extrasaction="ignore", lineterminator=line_end)
        writer.writerow({name: _inert(name) for name in names})
        writer.writerows({key: _short(value, digits) for key, value in row.items()} for row in rows)


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> None:
    """Write rows as one Parquet file; `columns` names its columns where there may be no rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([dict(row) for row in rows]) if rows else pa.table({name: [] for name in columns})
    pq.write_table(table, path)


def write_columns(path: Path, columns: "Mapping[str, NDArray[Any]]") -> None:
    """Write columns of one length (n,) as one Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), path)


def _short(value: Any, digits: int) -> Any:
    return f"{value:.{digits}g}" if isinstance(value, float) else _inert(value) if isinstance(value, str) else value


def _inert(text: str) -> str:
    """Return a text that no spreadsheet computes; numbers stay numbers."""
    if not text.lstrip(" ").startswith(_FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text
