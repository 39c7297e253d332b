"""Results of campaigns as tables: what the report is made of, and what is kept of a campaign without its folder."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from passband.tabular import write_csv
from studies.preregistered.comparison import BASE, Estimate, Interval
from studies.preregistered.result import Part, Result

NAMES = ("campaigns", "tests", "parts")
Row = Mapping[str, str]


def write_results(results: Sequence[Result], folder: Path) -> None:
    """Write campaigns.csv, tests.csv and parts.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in zip(NAMES, (_campaign, _tests, _parts), strict=True):
        write_csv(folder / f"{name}.csv", [row for result in results for row in make(result)])


def read_results(folder: Path) -> list[Result]:
    """Read what `write_results` wrote; nothing where there are no tables. Corrected p-values are to be made anew."""
    if not (folder / f"{NAMES[0]}.csv").exists():
        return []
    campaigns, tests, parts = (_rows(folder / f"{name}.csv") for name in NAMES)
    return [
        _result(row, *([one for one in table if one["campaign"] == row["campaign"]] for table in (tests, parts)))
        for row in campaigns
    ]


def _campaign(result: Result) -> list[dict[str, Any]]:
    about = {"campaign": result.label, "kind": result.kind, "pixel_size_A": result.pixel_size}
    counts = {"planned": result.planned, "networks": result.networks, "not_learned": result.not_learned}
    return [{**about, **counts, **dict(zip(("loss_own", "loss_others"), result.losses, strict=True))}]


def _tests(result: Result) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"campaign": result.label, "measure": BASE, **_columns("rho", result.tests[BASE].rho)}
    ]
    for name, away in result.away.items():
        one = result.tests[name]
        numbers = {"p": one.p, "p_corrected": result.corrected[name], "difference_without_focus": away}
        about = {"campaign": result.label, "measure": name}
        rows.append({**about, **_columns("rho", one.rho), **_columns("difference", one.difference), **numbers})
    return rows


def _parts(result: Result) -> list[dict[str, Any]]:
    return [
        {
            **{
                "campaign": result.label,
                "part": name,
                "pairs": part.pairs,
                "ceiling": part.ceiling,
                "measure": measure,
            },
            **_columns("rho", rho),
        }
        for name, part in result.parts.items()
        for measure, rho in part.rhos.items()
    ]


def _columns(name: str, interval: Interval) -> dict[str, float]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), interval, strict=True))


def _rows(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _interval(row: Row, name: str) -> Interval:
    value, low, high = (float(row[one] or "nan") for one in (name, f"{name}_low", f"{name}_high"))
    return value, low, high


def _result(row: Row, tests: Sequence[Row], parts: Sequence[Row]) -> Result:
    found = {
        one["measure"]: Estimate(_interval(one, "rho"), _interval(one, "difference"), float(one["p"] or "nan"))
        for one in tests
    }
    told = {
        one["part"]: Part(
            int(one["pairs"]) if one["pairs"] else None,
            float(one["ceiling"]),
            {each["measure"]: _interval(each, "rho") for each in parts if each["part"] == one["part"]},
        )
        for one in parts
    }
    return Result(
        row["kind"],
        float(row["pixel_size_A"]),
        int(row["planned"]),
        int(row["networks"]),
        int(row["not_learned"]),
        (float(row["loss_own"]), float(row["loss_others"])),
        found,
        {one["measure"]: float(one["difference_without_focus"]) for one in tests if one["measure"] != BASE},
        told,
    )
