"""A page of YAML becomes the job script that it says, or one line about what is wrong with it."""

import pytest
from pydantic import ValidationError

from passband.campaign.folder import CampaignError
from passband.campaign.slurm import SlurmRecipe, job_script, load_slurm

PAGE = """
queue: short
account: imaging
jobs: 4
cores: 8
memory: 32GiB
walltime: 12:00:00
interface: null
directives: ["--gres=gpu:1"]
prologue: [module load python, source env/bin/activate]
python: /shared/env/bin/python
"""


def written(tmp_path, text):
    path = tmp_path / "slurm.yaml"
    path.write_text(text)
    return path


def test_the_script_asks_for_what_the_page_says(tmp_path):
    lines = job_script(load_slurm(written(tmp_path, PAGE))).splitlines()
    header = [line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH")]
    assert lines[0].startswith("#!")
    assert {"-p short", "-A imaging", "--cpus-per-task=8", "--mem=32G", "-t 12:00:00", "--gres=gpu:1"} <= set(header)
    body = [line for line in lines if line and not line.startswith("#")]
    assert body[:5] == [
        "export OMP_NUM_THREADS=1",
        "export MKL_NUM_THREADS=1",
        "export OPENBLAS_NUM_THREADS=1",
        "module load python",
        "source env/bin/activate",
    ]
    (worker,) = body[5:]
    words = worker.split()
    assert words[:4] == ["/shared/env/bin/python", "-m", "distributed.cli.dask_worker", "<scheduler>"]
    assert words[words.index("--nworkers") + 1] == "8"
    last = len(words) - words[::-1].index("--nthreads")  # the last of a repeated option counts
    assert words[last] == "1"
    assert "--nanny" in words  # which replaces a worker that was killed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cores: 8\nmemory: 1GB\nwalltime: 10\nqueu: short", "queu"),
        ('cores: 8\nmemory: 1GB\nwalltime: "10"\nqueue: "a\\n#SBATCH -A other"', "queue"),
        ("cores: 2\nprocesses: 4\nmemory: 1GB\nwalltime: '10'", "processes=4 is more than cores=2"),
        ("cores: 8\nmemory: much\nwalltime: '10'", "memory"),
        ("- cores", "holds no table of names and values"),
        ("cores: [", "is not valid YAML"),
        ("cores: !!python/object/apply:os.getcwd []\nmemory: 1GB\nwalltime: 10", "cores"),
    ],
)
def test_a_page_that_cannot_be_used_is_one_line(tmp_path, text, message):
    with pytest.raises(CampaignError) as caught:
        load_slurm(written(tmp_path, text))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_page_that_is_not_there(tmp_path):
    with pytest.raises(CampaignError, match=r"none\.yaml does not exist"):
        load_slurm(tmp_path / "none.yaml")


def test_walltimes_as_slurm_writes_them():
    for walltime in ("30", "30:00", "04:00:00", "2-12", "2-12:00:00"):
        assert SlurmRecipe(cores=1, memory="1GB", walltime=walltime).walltime == walltime
    with pytest.raises(ValidationError, match="walltime"):
        SlurmRecipe(cores=1, memory="1GB", walltime="1 hour")
