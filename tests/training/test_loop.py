"""The loop: resume, stopping, averaging, precision, and its errors."""

import errno
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from passband.training import FitOptions, History, TrainingError, TrainingRecipe, fit
from passband.training.checkpoint import read_checkpoint, write_checkpoint
from passband.training.history import read_history


class Regression(nn.Module):
    """A convolution with normalisation and dropout on noise, in the memory layout that networks use."""

    def __init__(self, width=8):
        super().__init__()
        torch.manual_seed(3)
        layers = [nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.Dropout(0.2), nn.Conv2d(width, 1, 3)]
        self.layers = nn.Sequential(*layers).to(memory_format=torch.channels_last)

    def loss(self, batch, *, step):
        return (self.layers(batch) - 0.5 * batch[..., 2:-2, 2:-2]).square().mean()

    def validate(self, name, batches):
        assert not self.training
        return {"training_loss": float(np.mean([float(self.loss(batch, step=0)) for batch in batches])), "sets": 1.0}


def batches(step, size):
    return torch.randn(size, 1, 12, 12, generator=torch.Generator().manual_seed(step))


VALIDATION = {"near": [batches(10**6, 4)], "far": [3.0 * batches(10**6 + 1, 4)]}
RECIPE = TrainingRecipe(epochs=4, steps_per_epoch=3, batch_size=4, learning_rate=0.01)


def state_bytes(learner):
    return {name: tensor.numpy().tobytes() for name, tensor in learner.state_dict().items()}


class InterruptionError(Exception):
    pass


def interrupting(step_to_break):
    def interrupted(step, size):
        if step == step_to_break:
            raise InterruptionError
        return batches(step, size)

    return interrupted


PROTOCOLS = {
    "sgd": {"optimiser": "sgd"},
    "adam, averaged": {"optimiser": "adam", "average": 0.9},
    "adamw, best, cosine": {"optimiser": "adamw", "keep": "best", "schedule": "cosine", "warmup_steps": 5},
    "bfloat16, clipped": {"precision": "bfloat16", "clip_norm": 0.1},
}


@pytest.mark.parametrize("changes", PROTOCOLS.values(), ids=PROTOCOLS)
@pytest.mark.parametrize("prefetch", [False, True])
def test_interrupted_training_ends_with_the_same_bytes(tmp_path, changes, prefetch):
    recipe = RECIPE.model_copy(update=changes)
    whole, broken = Regression(), Regression()
    history = fit(whole, batches, VALIDATION, recipe, tmp_path / "whole")
    with pytest.raises(InterruptionError):
        fit(broken, interrupting(7), VALIDATION, recipe, tmp_path / "broken", FitOptions(prefetch=prefetch))
    resumed = Regression()
    again = fit(resumed, batches, VALIDATION, recipe, tmp_path / "broken", FitOptions(prefetch=prefetch))
    assert again.rows == history.rows
    assert state_bytes(resumed) == state_bytes(whole)
    for name in ("checkpoint.safetensors", "history.parquet"):
        assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_train_ten_is_train_five_and_resume_five(tmp_path):
    ten, five = RECIPE.model_copy(update={"epochs": 10}), RECIPE.model_copy(update={"epochs": 5})
    whole, first, rest = Regression(), Regression(), Regression()
    history = fit(whole, batches, VALIDATION, ten, tmp_path / "a")
    fit(first, batches, VALIDATION, five, tmp_path / "b")
    assert state_bytes(first) != state_bytes(whole)
    assert fit(rest, batches, VALIDATION, ten, tmp_path / "b").rows == history.rows
    assert state_bytes(rest) == state_bytes(whole)


def test_an_unfinished_training_goes_on_with_batches_of_the_same_kind_of_device(tmp_path):
    """The same seed draws other noise on another; one that is over is measured wherever one is."""
    learner = Regression()
    with pytest.raises(InterruptionError):
        fit(learner, interrupting(7), VALIDATION, RECIPE, tmp_path, FitOptions(batches_on="cuda"))
    kept = (tmp_path / "training.json").read_bytes()
    with pytest.raises(
        TrainingError, match=r"images were made on cuda, and on cpu their noise is another; make them on"
    ):
        fit(Regression(), batches, VALIDATION, RECIPE, tmp_path, FitOptions(batches_on="cpu"))
    assert (tmp_path / "training.json").read_bytes() == kept
    fit(Regression(), batches, VALIDATION, RECIPE, tmp_path, FitOptions(batches_on="cuda"))
    assert fit(Regression(), batches, VALIDATION, RECIPE, tmp_path, FitOptions(batches_on="cpu")).stopped == "epochs"
    assert (tmp_path / "training.json").read_bytes() == kept  # and it still says what it was trained on
    with pytest.raises(TrainingError, match="made on cuda"):  # more epochs are a training that is not over
        fit(Regression(), batches, {}, RECIPE.model_copy(update={"epochs": 5}), tmp_path, FitOptions(batches_on="cpu"))


def test_a_training_that_does_not_say_where_its_batches_were_made_goes_on(tmp_path):
    with pytest.raises(InterruptionError):
        fit(Regression(), interrupting(7), VALIDATION, RECIPE, tmp_path)
    assert "batches_on" not in json.loads((tmp_path / "training.json").read_text())
    fit(Regression(), batches, VALIDATION, RECIPE, tmp_path, FitOptions(batches_on="cpu"))
    assert json.loads((tmp_path / "training.json").read_text())["batches_on"] == "cpu"


def test_what_a_killed_training_left_half_written_is_removed(tmp_path):
    left = tmp_path / ".checkpoint.safetensors.0123456789abcdef.tmp"
    left.write_bytes(b"half")
    fit(Regression(), batches, VALIDATION, RECIPE, tmp_path)
    assert not left.exists()


def test_finished_training_is_found_not_repeated(tmp_path):
    history = fit(Regression(), batches, VALIDATION, RECIPE, tmp_path)
    learner = Regression()
    assert replace(fit(learner, interrupting(0), VALIDATION, RECIPE, tmp_path), seconds=history.seconds) == history
    assert not learner.training


def test_a_training_of_an_older_version_goes_on_under_the_names_of_this_one(tmp_path):
    """Rejects a loop that refuses the monitor of an older recipe, or mixes old and new columns."""
    judged = RECIPE.model_copy(update={"patience": 100})
    fit(Regression(), batches, VALIDATION, judged.model_copy(update={"epochs": 2}), tmp_path / "older")
    path = tmp_path / "older" / "checkpoint.safetensors"
    tensors, state = read_checkpoint(path)
    state["rows"] = [{{"training_loss": "loss"}.get(name, name): row[name] for name in row} for row in state["rows"]]
    write_checkpoint(path, tensors, {name: state[name] for name in state if name != "format"})
    recorded = (tmp_path / "older" / "training.json").read_text()
    (tmp_path / "older" / "training.json").write_text(recorded.replace('"training_loss"', '"loss"'))
    history = fit(Regression(), batches, VALIDATION, judged, tmp_path / "older")
    assert history.rows == fit(Regression(), batches, VALIDATION, judged, tmp_path / "whole").rows


def test_history_has_a_row_for_every_epoch_and_set(tmp_path):
    history = fit(Regression(), batches, VALIDATION, RECIPE, tmp_path)
    assert [(row["epoch"], row["set"]) for row in history.rows] == [
        (e, s) for e in range(1, 5) for s in ("near", "far")
    ]
    assert history.column("step", set_name="far") == [3, 6, 9, 12]
    assert tuple(read_history(tmp_path / "history.parquet")) == history.rows
    assert history.stopped == "epochs"


def test_training_lowers_the_loss_and_leaves_the_callers_random_state(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    recipe = RECIPE.model_copy(update={"steps_per_epoch": 20})
    learner = Regression()
    torch.manual_seed(5)
    history = fit(learner, batches, VALIDATION, recipe, tmp_path)
    assert torch.equal(torch.rand(3), expected)
    losses = history.column("train_loss", set_name="near")
    assert losses[-1] < 0.5 * losses[0]


def test_stops_below_the_threshold_of_the_named_set(tmp_path):
    free = fit(Regression(), batches, VALIDATION, RECIPE, tmp_path / "free")
    near = free.column("training_loss", set_name="near")
    assert near == sorted(near, reverse=True)  # the case below needs a falling loss
    limit = (near[1] + near[2]) / 2
    recipe = RECIPE.model_copy(update={"stop_below": limit, "monitor_set": "near"})
    stopped = fit(Regression(), batches, VALIDATION, recipe, tmp_path / "stopped")
    assert (stopped.stopped, stopped.rows[-1]["epoch"]) == ("threshold", 3)
    assert stopped.rows == free.rows[:6]


class Scripted(Regression):
    """Validation scores that follow a script, to test decisions."""

    def __init__(self, scores):
        super().__init__()
        self.scores = iter(scores)

    def validate(self, name, batches):
        return {"training_loss": next(self.scores)}


def test_patience_counts_epochs_since_the_best_and_best_weights_are_kept(tmp_path):
    recipe = RECIPE.model_copy(update={"epochs": 9, "patience": 2, "keep": "best"})
    learner = Scripted([3.0, 1.0, 2.0, 1.0, 0.5])
    history = fit(learner, batches, {"only": VALIDATION["near"]}, recipe, tmp_path / "a")
    assert (history.stopped, history.best_epoch, len(history.rows)) == ("patience", 2, 4)
    two = Scripted([3.0, 1.0])
    fit(two, batches, {"only": []}, recipe.model_copy(update={"epochs": 2, "keep": "last"}), tmp_path / "b")
    assert state_bytes(learner) == state_bytes(two)


def test_best_weights_outlive_an_interruption(tmp_path):
    recipe = RECIPE.model_copy(update={"keep": "best"})
    with pytest.raises(InterruptionError):
        fit(Scripted([3.0, 1.0]), interrupting(6), {"only": []}, recipe, tmp_path / "a")
    resumed, two = Scripted([2.0, 2.0]), Scripted([3.0, 1.0])
    assert fit(resumed, batches, {"only": []}, recipe, tmp_path / "a").best_epoch == 2
    fit(two, batches, {"only": []}, RECIPE.model_copy(update={"epochs": 2}), tmp_path / "b")
    assert state_bytes(resumed) == state_bytes(two)


def test_clipped_step_is_as_long_as_allowed(tmp_path):
    one_step = {"epochs": 1, "steps_per_epoch": 1, "optimiser": "sgd", "schedule": "constant", "learning_rate": 0.5}
    recipe = TrainingRecipe(**one_step, clip_norm=1e-3, batch_size=4)
    learner = Regression()
    before = [parameter.detach().clone() for parameter in learner.parameters()]
    fit(learner, batches, VALIDATION, recipe, tmp_path)
    moved = torch.stack([(new - old).norm() for new, old in zip(learner.parameters(), before, strict=True)]).norm()
    assert float(moved.detach()) == pytest.approx(0.5e-3, rel=1e-3)


def test_running_average_is_validated_and_returned(tmp_path):
    recipe = RECIPE.model_copy(update={"average": 0.99})
    averaged, plain = Regression(), Regression()
    history = fit(averaged, batches, VALIDATION, recipe, tmp_path / "a")
    fit(plain, batches, VALIDATION, RECIPE, tmp_path / "b")
    assert state_bytes(averaged) != state_bytes(plain)
    with torch.no_grad():
        again = averaged.validate("near", VALIDATION["near"])
    assert history.rows[-2]["training_loss"] == again["training_loss"]
    raw = read_checkpoint(tmp_path / "a" / "checkpoint.safetensors")[0]
    for name, tensor in plain.state_dict().items():  # averaging watches the training, it does not steer it
        assert torch.equal(raw[f"learner.{name}"], tensor), name


def test_without_validation_sets_the_training_loss_decides(tmp_path):
    history = fit(Regression(), batches, {}, RECIPE.model_copy(update={"stop_below": 1e9}), tmp_path)
    assert isinstance(history, History)
    assert (history.stopped, [row["set"] for row in history.rows]) == ("threshold", [""])


def test_progress_tells_step_rate_and_remaining_time(tmp_path):
    told = []
    fit(Regression(), batches, VALIDATION, RECIPE, tmp_path, FitOptions(progress=told.append))
    steps = [report for report in told if report.scores is None]
    assert [report.step for report in steps] == list(range(1, 13))
    assert [report.epoch for report in steps] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
    assert all(report.rate > 0 for report in told)
    assert told[-1].remaining == 0
    assert set(told[-1].scores) == {"near", "far"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"learning_rate": 0.5}, r"other values: learning_rate \(0\.01 there, 0\.5 now\).*another directory"),
        ({"seed": 1}, "other values: seed"),
        ({"epochs": 3}, "other values: epochs"),
        (
            {"optimiser": "sgd", "batch_size": 2},
            "other values: batch_size, optimiser|other values: optimiser, batch_size",
        ),
    ],
)
def test_directory_of_another_recipe_is_refused_untouched(tmp_path, changes, words):
    fit(Regression(), batches, VALIDATION, RECIPE, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(TrainingError, match=words):
        fit(Regression(), batches, VALIDATION, RECIPE.model_copy(update=changes), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_cosine_run_cannot_be_lengthened(tmp_path):
    recipe = RECIPE.model_copy(update={"schedule": "cosine"})
    fit(Regression(), batches, VALIDATION, recipe, tmp_path)
    with pytest.raises(TrainingError, match="other values: epochs"):
        fit(Regression(), batches, VALIDATION, recipe.model_copy(update={"epochs": 6}), tmp_path)


def test_other_data_other_network_and_damage_are_refused(tmp_path):
    fit(Regression(), batches, VALIDATION, RECIPE, tmp_path, FitOptions(identity="a"))
    with pytest.raises(TrainingError, match="other values: identity"):
        fit(Regression(), batches, VALIDATION, RECIPE, tmp_path, FitOptions(identity="b"))
    with pytest.raises(TrainingError, match="does not fit this network"):
        fit(Regression(width=4), batches, VALIDATION, RECIPE, tmp_path, FitOptions(identity="a"))
    (tmp_path / "checkpoint.safetensors").write_bytes(b"\x80\x04 a pickle")
    with pytest.raises(TrainingError, match="no readable checkpoint"):
        fit(Regression(), batches, VALIDATION, RECIPE, tmp_path, FitOptions(identity="a"))
    (tmp_path / "training.json").write_text("{")
    with pytest.raises(TrainingError, match=r"no readable training\.json"):
        fit(Regression(), batches, VALIDATION, RECIPE, tmp_path, FitOptions(identity="a"))


def test_divergence_is_an_error_with_a_cure_and_keeps_the_last_good_epoch(tmp_path):
    def poisoned(step, size):
        return batches(step, size) * (float("nan") if step == 7 else 1.0)

    with pytest.raises(TrainingError, match=r"step 7.*diverged; use a learning_rate below 0\.01"):
        fit(Regression(), poisoned, VALIDATION, RECIPE, tmp_path)
    tensors, state = read_checkpoint(tmp_path / "checkpoint.safetensors")
    assert state["epoch"] == 2
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())


def test_infinite_score_is_a_divergence(tmp_path):
    with pytest.raises(TrainingError, match="loss=inf after an epoch"):
        fit(Scripted([float("inf")]), batches, {"only": []}, RECIPE, tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"monitor": "dice"}, "monitor='dice' is no score of this learner; choose one of training_loss, sets"),
        ({"monitor_set": "mars"}, "monitor_set='mars' is no validation set; choose one of near, far"),
        ({"precision": "float16"}, "float16.*needs a CUDA device"),
    ],
)
def test_recipes_that_do_not_fit_the_learner(tmp_path, changes, words):
    with pytest.raises(TrainingError, match=words):
        fit(Regression(), batches, VALIDATION, RECIPE.model_copy(update=changes), tmp_path)


def test_full_disk_is_one_line_and_keeps_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "checkpoint.safetensors"
    target.write_bytes(b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("passband.durable.os.fsync", full)
    with pytest.raises(TrainingError, match=r"^the disk is full while writing [^\n]*; free some space [^\n]*$"):
        write_checkpoint(target, {}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]
    assert target.read_bytes() == b"old"


def test_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="cannot make"):
        fit(Regression(), batches, VALIDATION, RECIPE, tmp_path / "file")


def test_checkpoint_holds_no_pickle(tmp_path):
    fit(Regression(), batches, VALIDATION, RECIPE, tmp_path)
    content = (tmp_path / "checkpoint.safetensors").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert json.loads(header["__metadata__"]["passband"])["epoch"] == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint.safetensors",
        "cost.json",
        "history.parquet",
        "training.json",
    ]


def test_newer_checkpoint_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("passband.training.checkpoint.FORMAT", 99)
    fit(Regression(), batches, VALIDATION, RECIPE, tmp_path)
    monkeypatch.undo()
    with pytest.raises(TrainingError, match="format 99, this version reads 1"):
        fit(Regression(), batches, VALIDATION, RECIPE, tmp_path)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_trains_on_a_gpu(tmp_path, precision):
    def on_gpu(step, size):
        return batches(step, size).cuda()

    sets = {"near": [VALIDATION["near"][0].cuda()]}
    recipe = RECIPE.model_copy(update={"precision": precision, "clip_norm": 1.0, "steps_per_epoch": 20})
    history = fit(Regression(), on_gpu, sets, recipe, tmp_path, FitOptions(device="cuda"))
    losses = history.column("train_loss")
    assert losses[-1] < 0.5 * losses[0]
