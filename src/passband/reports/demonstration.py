"""The demo, step by step: store, network, scores, one micrograph, and the page that shows them."""

import platform
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import passband
from passband.dataset.acquisition import Acquisition
from passband.dataset.simulate import simulate
from passband.dataset.store import WaveStore
from passband.documents import json_text
from passband.experiment.evaluation import structures
from passband.experiment.plan import Plan
from passband.experiment.study import TrainedStudy, evaluate, train
from passband.figures.segmentation import overlay_figure
from passband.figures.style import to_png
from passband.files.reading import open_micrograph
from passband.files.writing import write_image_tiff
from passband.progress import SilentStages, Stages
from passband.reports.demo import Findings, write_report
from passband.segmentation.model import load_model
from passband.tabular import write_csv
from passband.verdict.segmenting import FileSegmenter, warning


class Target(NamedTuple):
    """The micrograph to segment; without a path, a held-out simulated field."""

    path: Path | None = None
    pixel_size: float | None = None
    frame: int | None = None


def check_target(target: Target) -> None:
    """Read the micrograph before minutes are spent on a network for it.

    Raises
    ------
    PassbandError
        It cannot be read as one image, or its pixel size is unknown.
    """
    if target.path is not None:
        open_micrograph(target.path, pixel_size=target.pixel_size, frame=target.frame)


def run_demo(
    plan: Plan, output: Path, target: Target, *, workers: int = 1, device: str = "cpu", stages: Stages | None = None
) -> dict[str, Any]:
    """Do everything that is not done yet and return what `passband demo --json` prints.

    Raises
    ------
    PassbandError
        A folder holds another recipe's results, or the micrograph cannot be segmented.
    """
    stages = stages or SilentStages()
    started = time.monotonic()
    output.mkdir(parents=True, exist_ok=True)
    with stages.bar("simulate", unit="structures") as bar:
        store = simulate(plan, output / "store", workers=workers, device=device, progress=bar)
    simulated = time.monotonic()
    with stages.bar("train", unit="steps") as bar:
        run = train(plan, store, output / "run", device=device, progress=bar)
    with stages.bar("measure", unit="conditions") as bar:
        rows = evaluate(load_model(run.model, device=device), plan, store, device=device, progress=bar)
    write_csv(output / "scores.csv", rows)
    with stages.bar("segment", unit="images") as bar:
        bar(0, 1)
        segmented = _segment(plan, store, run, output, target, device)
        bar(1, 1)
    seconds = time.monotonic() - started
    times = {"simulate": simulated - started, "train": run.seconds, "all": seconds}
    findings = Findings(plan, store, run, rows, segmented, provenance(plan, device, workers, times))
    return _written(findings, output, seconds)


def _written(findings: Findings, output: Path, seconds: float) -> dict[str, Any]:
    """Write the outlines, the page and a summary, and return the last."""
    segmented = findings.segmented
    picture = overlay_figure(
        segmented["micrograph"].array,
        segmented["result"].segmentation.labels,
        segmented["micrograph"].pixel_size,
        truth=segmented["truth"],
    )
    (output / "overlay.png").write_bytes(to_png(picture))
    report = output / "report.html"
    write_report(findings, report)
    result = {
        "report": str(report),
        "seconds": seconds,
        "dice": findings.scores[0]["dice"],
        "scores": findings.scores,
        "model": str(findings.run.model),
    }
    (output / "result.json").write_text(json_text(result, indent=1) + "\n", encoding="utf-8")
    return result


def _segment(
    plan: Plan, store: WaveStore, run: TrainedStudy, output: Path, target: Target, device: str
) -> dict[str, Any]:
    """Segment the target through the same path as `passband segment`; keep what the page shows."""
    folder = output / "segmented"
    folder.mkdir(exist_ok=True)
    path, truth = target.path, None
    if path is None:
        path, truth = _held_out(plan, store, output / "held_out.tif")
    segmenter = FileSegmenter(run.model, device=device, tta=True)
    micrograph = open_micrograph(path, pixel_size=target.pixel_size, frame=target.frame)
    result = segmenter.segmented(micrograph)
    result.write(micrograph, folder, stem=path.stem)
    caution = warning(path, result.verdict)
    return {"path": path, "micrograph": micrograph, "result": result, "truth": truth, "warning": caution}


def _held_out(plan: Plan, store: WaveStore, path: Path) -> tuple[Path, Any]:
    """Take a micrograph of the first test structure with particles, as trained, and write it as any camera would."""
    test = structures(plan.experiment(), store, "test")
    chosen = next((index for index in test if store.scene(index)["particles"] > 0), test[0])
    acquisition = Acquisition(store, plan.imaging, indices=[chosen], seed=plan.training.seed + 77)
    row = acquisition.row(0, 0, 1)
    row |= {"patch": row["pixels"]}  # the whole field
    image, mask = acquisition.image_from_row(row)
    write_image_tiff(path, image.numpy(), (row["pixel_size"], row["pixel_size"]))
    return path, mask.numpy()


def provenance(plan: Plan, device: str, workers: int, seconds: dict[str, float]) -> dict[str, Any]:
    """Everything needed to make the page again."""
    return {
        "passband": passband.__version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "device": device,
        "threads": torch.get_num_threads(),
        "workers": workers,
        "date": time.strftime("%Y-%m-%d"),
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "seeds": {"simulation": plan.simulation.seed, "training": plan.training.seed},
        "plan_identity": plan.identity,
        "store_identity": plan.simulation.identity,
        "plan": plan.model_dump(mode="json"),
    }
