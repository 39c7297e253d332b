"""Rows of all runs as one table, with and without the cache; counts; and files that something has damaged."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from passband.campaign.folder import ATTEMPT, COST, ERROR, LOCK, METRICS, RESULTS, CampaignError, write_campaign
from passband.campaign.tables import collect, costs, read_scores, status
from passband.locking import exclusive


def make_run(directory, name, *, seconds=10.0, **columns):
    folder = directory / "runs" / name
    folder.mkdir(parents=True, exist_ok=True)
    rows = {"run": [name] * 3, "evaluation": ["c", "a", "b"], "paper_loss": [0.3, 0.1, 0.2], **columns}
    pq.write_table(pa.table(rows), folder / METRICS)
    cost = {"training_seconds": seconds, "evaluation_seconds": 1.0, "networks": 2, "evaluations": 3}
    (folder / COST).write_text(json.dumps(cost))
    return folder


def make_failure(directory, name, text):
    folder = directory / "runs" / name
    folder.mkdir(parents=True)
    (folder / ERROR).write_text(text)
    return folder


def cut(path, keep=0.5):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])


def test_rows_are_ordered_by_run_and_stay_in_their_order(tmp_path):
    for name in ("bb", "aa", "cc"):
        make_run(tmp_path, name)
    (tmp_path / "runs" / "half").mkdir()
    table = collect(tmp_path)
    assert table["run"].to_pylist() == ["aa"] * 3 + ["bb"] * 3 + ["cc"] * 3
    assert table["evaluation"].to_pylist() == list("cab") * 3
    assert collect(tmp_path, runs=["cc", "absent"])["run"].to_pylist() == ["cc"] * 3


def test_scores_of_an_older_version_are_read_under_the_names_of_this_one(tmp_path):
    """A loss was one on the scale of the paper, a cross entropy that of the training; also in the cache there."""
    older = make_run(tmp_path, "aa", cross_entropy=[1.0, 2.0, 3.0])
    table = pq.read_table(older / METRICS)
    was = {"paper_loss": "loss"}
    pq.write_table(table.rename_columns([was.get(name, name) for name in table.column_names]), older / METRICS)
    make_run(tmp_path, "bb", training_loss=[4.0, 5.0, 6.0])
    found = collect(tmp_path)
    assert found["training_loss"].to_pylist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert set(found.column_names) == {"run", "evaluation", "paper_loss", "training_loss"}
    assert read_scores(older / METRICS)[1] == {"run": "aa", "evaluation": "a", "paper_loss": 0.1, "training_loss": 2.0}
    cache = pq.read_table(tmp_path / RESULTS)
    was |= {"training_loss": "cross_entropy"}
    names = [was.get(name, name) for name in cache.column_names]
    pq.write_table(cache.rename_columns(names).replace_schema_metadata(cache.schema.metadata), tmp_path / RESULTS)
    (older / METRICS).touch()  # read anew, beside a cache with the older name
    assert collect(tmp_path).equals(found)
    assert pq.read_table(tmp_path / RESULTS).column_names == found.column_names


def test_the_cache_says_what_the_folders_say(tmp_path):
    make_run(tmp_path, "aa")
    make_run(tmp_path, "cc")
    first = collect(tmp_path)
    cached = collect(tmp_path)
    assert (tmp_path / RESULTS).exists()
    assert cached.equals(first)
    make_run(tmp_path, "bb")  # added
    make_run(tmp_path, "cc", paper_loss=[0.5, 0.6, 0.7])  # done again
    (tmp_path / "runs" / "aa" / METRICS).unlink()  # removed
    found = collect(tmp_path)
    assert found["run"].to_pylist() == ["bb"] * 3 + ["cc"] * 3
    assert found["paper_loss"].to_pylist() == [0.3, 0.1, 0.2, 0.5, 0.6, 0.7]
    (tmp_path / RESULTS).unlink()
    assert collect(tmp_path).equals(found)


def test_a_cached_run_is_not_read_again(tmp_path, monkeypatch):
    make_run(tmp_path, "aa")
    first = collect(tmp_path)
    monkeypatch.setattr("passband.campaign.tables._rows", lambda path, run: pytest.fail(f"{run} was read again"))
    assert collect(tmp_path).equals(first)


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"no table at all"])
def test_a_damaged_cache_is_made_anew(tmp_path, damage):
    make_run(tmp_path, "aa")
    first = collect(tmp_path)
    (tmp_path / RESULTS).write_bytes(damage)
    assert collect(tmp_path).equals(first)
    assert pq.read_table(tmp_path / RESULTS).num_rows == 3


def test_columns_may_differ_between_runs(tmp_path):
    make_run(tmp_path, "aa", dice=[None, None, None])
    make_run(tmp_path, "bb", dice=[0.5, 0.6, 0.7])
    make_run(tmp_path, "cc")
    assert collect(tmp_path)["dice"].to_pylist() == [None] * 3 + [0.5, 0.6, 0.7] + [None] * 3


def test_no_run_is_an_empty_table(tmp_path):
    assert collect(tmp_path).num_rows == 0
    assert collect(tmp_path).column_names == ["run"]


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.99])
def test_a_truncated_file_is_reported_and_the_others_read(tmp_path, keep):
    make_run(tmp_path, "aa")
    broken = make_run(tmp_path, "bb") / METRICS
    cut(broken, keep)
    with pytest.raises(CampaignError, match=r"bb.metrics\.parquet cannot be read \(.*\); delete it and run"):
        collect(tmp_path)
    told = []
    assert collect(tmp_path, on_damage=told.append)["run"].to_pylist() == ["aa"] * 3
    assert len(told) == 1
    assert "\n" not in told[0]
    make_run(tmp_path, "bb")
    assert collect(tmp_path).num_rows == 6


def test_rows_of_another_run_are_refused(tmp_path):
    make_run(tmp_path, "aa", run=["zz"] * 3)
    with pytest.raises(CampaignError, match="its rows are of another run"):
        collect(tmp_path)


def test_status_counts_every_planned_run_once(tmp_path):
    write_campaign(tmp_path, {"name": "x"}, ["done1", "done2", "going", "failed", "retried", "cut", "never", "half"])
    make_run(tmp_path, "done1", seconds=10.0)
    make_run(tmp_path, "done2", seconds=20.0)
    make_run(tmp_path, "unplanned", seconds=1e6)
    cut(make_run(tmp_path, "cut") / METRICS)
    make_failure(tmp_path, "failed", json.dumps({"message": "diverged"}))
    make_failure(tmp_path, "retried", "{")
    for name in ("going", "retried", "half"):
        (tmp_path / "runs" / name).mkdir(exist_ok=True)
        (tmp_path / "runs" / name / ATTEMPT).write_text("{}")
    with exclusive(tmp_path / "runs" / "going" / LOCK), exclusive(tmp_path / "runs" / "retried" / LOCK):
        found = status(tmp_path)
    assert (found.planned, found.finished, found.running, found.failed, found.waiting) == (8, 2, 2, 1, 2)
    assert found.damaged == ("cut",)
    assert found.failures == {"failed": "diverged"}
    assert found.seconds == pytest.approx(32.0)
    assert found.remaining == pytest.approx(5 * 16.0)  # two running, one failed and two waiting, like the finished
    assert found.expected == pytest.approx(5 * 16.0 / 2)
    later = status(tmp_path)  # nobody holds the locks any more
    assert (later.running, later.failed, later.waiting, later.expected) == (0, 2, 3, None)


def test_status_of_nothing(tmp_path):
    with pytest.raises(CampaignError, match="holds no campaign; give the folder"):
        status(tmp_path)
    (tmp_path / "campaign.json").write_text("{}")
    with pytest.raises(CampaignError, match="cannot be read; run the same"):
        status(tmp_path)
    write_campaign(tmp_path, {}, ["a", "b"])
    assert status(tmp_path)[:5] == (2, 0, 0, 0, 2)
    assert status(tmp_path).remaining is None


def test_costs_leave_out_what_cannot_be_read(tmp_path):
    make_run(tmp_path, "aa", seconds=3.0)
    (make_run(tmp_path, "bb") / COST).write_text('{"training_seconds": "long"}')
    (make_run(tmp_path, "cc") / COST).unlink()
    assert [(cost["run"], cost["training_seconds"]) for cost in costs(tmp_path)] == [("aa", 3.0)]


def test_collecting_leaves_losses_to_the_last_bit(tmp_path):
    losses = np.random.default_rng(0).normal(size=3).tolist()
    make_run(tmp_path, "aa", paper_loss=losses)
    assert collect(tmp_path)["paper_loss"].to_pylist() == collect(tmp_path)["paper_loss"].to_pylist() == losses
