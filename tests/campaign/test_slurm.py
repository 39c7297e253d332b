"""A page of YAML becomes the job script that it says, or one line about what is wrong with it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passband.campaign.folder import CampaignError
from passband.campaign.slurm import SlurmRecipe, job_script, load_slurm
from passband.campaign.slurm_options import slurm_memory, slurm_time
from passband.recipe import PassbandError

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
        ("cores: 8\nmemory: 1GB\nwalltime: 10\nqueu: short", "queu is not a known key; did you mean 'queue'?"),
        ("cores: 8\ndeaths: 3", "deaths is called crashes now; write that"),
        ('cores: 8\nqueue: "a\\n#SBATCH -A other"', "cannot stand in a job script; write letters, digits"),
        ("cores: 8\nqueue: a b", "queue: 'a b' cannot stand in a job script"),
        ("cores: 8\naccount: --wrap=x", "account: '--wrap=x' cannot stand in a job script"),
        ("cores: 8\npython: /a path/python", "python: '/a path/python' cannot stand in a job script"),
        ("cores: 2\nprocesses: 4", "processes=4 is more than cores=2"),
        ("cores: 8\nmemory: much", "memory: 'much' is no amount of memory; write a number with K, M, G or T"),
        ("cores: 8\nmemory: -1G", "'-1G' is no amount of memory"),
        ("cores: 8\nmemory: 0G", "'0G' is no amount of memory"),
        ("cores: 8\nmemory: 12B", "'12B' is no amount of memory"),
        ("cores: 8\nwalltime: 1 hour", "walltime: '1 hour' is no wall time; write minutes (90), hours:minutes:seconds"),
        ("cores: 8\nwalltime: 1:2:3:4", "'1:2:3:4' is no wall time"),
        ("cores: 8\nwalltime: 12h", "'12h' is no wall time"),
        ("cores: 8\nmemory: 4G\nmemory_per_cpu: 1G", "memory=4G and memory_per_cpu=1G are both given"),
        (
            "cores: 8\ndirectives: [--mem=1G, --mem-per-gpu=2G]",
            "directives give --mem and --mem-per-gpu, of which sbatch",
        ),
        (
            "cores: 8\ndirectives: ['gres=gpu:1']",
            "'gres=gpu:1' is no option of sbatch; write it as on the command line",
        ),
        ('cores: 8\ndirectives: ["--qos=a\\n--wrap=b"]', "is not one line of a job script"),
        ('cores: 8\nprologue: ["module load\\npython"]', "is not one line of a job script"),
        ("cores: many", "cores='many' is not accepted"),
        ("memory: 1GB", "cores is missing"),
        ("- cores", "holds no table of names and values"),
        ("cores: [", "is not valid YAML"),
        ("cores: !!python/object/apply:os.getcwd []\nmemory: 1GB\nwalltime: 10", "cores"),
    ],
)
def test_a_page_that_cannot_be_used_is_one_line_in_words(tmp_path, text, message):
    with pytest.raises(CampaignError) as caught:
        load_slurm(written(tmp_path, text))
    said = str(caught.value)
    assert message in said
    assert "\n" not in said
    assert "pattern" not in said
    assert "^[" not in said
    assert "\\d" not in said


def test_a_page_that_is_not_there(tmp_path):
    with pytest.raises(CampaignError, match=r"none\.yaml does not exist"):
        load_slurm(tmp_path / "none.yaml")


def header(tmp_path, text):
    script = job_script(load_slurm(written(tmp_path, text)))
    return [line.removeprefix("#SBATCH ") for line in script.splitlines() if line.startswith("#SBATCH")]


def words(lines):
    return [line.split("=")[0].split()[0] for line in lines]


def test_what_is_left_out_is_not_in_the_script(tmp_path):
    """Neither as Dask would have it: half an hour, and 24 GB."""
    assert header(tmp_path, "cores: 4") == ["-J passband", "-n 1", "--cpus-per-task=4"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("memory: 12GB", "--mem=12G"),
        ("memory: 32G", "--mem=32G"),
        ("memory: 32g", "--mem=32G"),
        ("memory: 32 GiB", "--mem=32G"),
        ("memory: 1T", "--mem=1T"),
        ("memory: 1.5T", "--mem=1536G"),
        ("memory: 0.5G", "--mem=512M"),
        ("memory: 500MB", "--mem=477M"),
        ("memory: 4096", "--mem=4096M"),
        ("memory: 0", "--mem=0"),
        ("memory: UNLIMITED", "--mem=0"),
        ("memory_per_cpu: 3G", "--mem-per-cpu=3G"),
        ("directives: [--mem-per-gpu=40G]", "--mem-per-gpu=40G"),
        ("memory: 12GB\ndirectives: [--mem-per-cpu=3G]", "--mem-per-cpu=3G"),
        ("memory: 12GB\ndirectives: ['--gres=gpu:1 --mem-per-cpu=3G']", "--gres=gpu:1 --mem-per-cpu=3G"),
        ("memory: 12GB\ndirectives: ['#SBATCH --mem-per-cpu 3G']", "--mem-per-cpu 3G"),
        ("memory_per_cpu: 3G\ndirectives: --mem=9G", "--mem=9G"),
    ],
)
def test_a_script_has_one_line_about_memory(tmp_path, text, line):
    lines = header(tmp_path, f"cores: 4\n{text}")
    assert [one for one in lines if "--mem" in one] == [line]


@pytest.mark.parametrize(
    ("text", "options", "line"),
    [
        ("walltime: '02:00:00'", ("-t", "--time"), "-t 02:00:00"),
        ("walltime: 2:00:00", ("-t", "--time"), "-t 2:00:00"),
        ("walltime: 1-12", ("-t", "--time"), "-t 1-12"),
        ("walltime: 90", ("-t", "--time"), "-t 90"),
        ("walltime: unlimited", ("-t", "--time"), "-t UNLIMITED"),
        ("walltime: 0", ("-t", "--time"), "-t UNLIMITED"),
        ("walltime: 90\ndirectives: [--time=2-0]", ("-t", "--time"), "--time=2-0"),
        ("walltime: 90\ndirectives: [-t 30]", ("-t", "--time"), "-t 30"),
        ("queue: a\ndirectives: [--partition=b]", ("-p", "--partition"), "--partition=b"),
        ("queue: a\ndirectives: [-pb]", ("-pb", "-p", "--partition"), "-pb"),
        ("account: a\ndirectives: [--account=b]", ("-A", "--account"), "--account=b"),
        ("directives: [--cpus-per-gpu=4]", ("-c", "--cpus-per-task", "--cpus-per-gpu"), "--cpus-per-gpu=4"),
        ("directives: [-c 8]", ("-c", "--cpus-per-task", "--cpus-per-gpu"), "-c 8"),
        ("directives: [--ntasks=1]", ("-n", "--ntasks"), "--ntasks=1"),
        ("directives: [--job-name=mine]", ("-J", "--job-name"), "--job-name=mine"),
    ],
)
def test_a_directive_replaces_the_line_that_it_speaks_of(tmp_path, text, options, line):
    lines = header(tmp_path, f"cores: 4\n{text}")
    assert [one for one, word in zip(lines, words(lines), strict=True) if word in options] == [line]


def test_what_other_clusters_ask_for_is_passed_on(tmp_path):
    page = "cores: 4\naccount: imaging\ndirectives: [--qos=long, --exclusive, --constraint=a100, --signal=B:TERM@60]"
    lines = header(tmp_path, page)
    assert lines[-4:] == ["--qos=long", "--exclusive", "--constraint=a100", "--signal=B:TERM@60"]
    assert "-A imaging" in lines
    assert not any(one.startswith(("-p", "--mem", "-t")) for one in lines)


def test_workers_of_jobs_speak_tls(tmp_path):
    script = job_script(load_slurm(written(tmp_path, "cores: 1")))
    assert "--protocol tls:// --tls-ca-file <key> --tls-" in script


def test_numbers_of_python_are_understood():
    recipe = SlurmRecipe(cores=1, memory=4096, walltime=90)  # type: ignore[arg-type]
    assert recipe.options() == ["-n 1", "--cpus-per-task=1", "--mem=4096M", "-t 90"]


@given(st.text(max_size=30))
def test_any_text_is_an_amount_and_a_time_or_refused_in_words(text):
    for read, legal in ((slurm_memory, r"\d+[KMGT]|0"), (slurm_time, r"[\d:-]+|UNLIMITED")):
        try:
            made = read(text)
        except PassbandError:
            continue
        assert re.fullmatch(legal, made, re.ASCII)
        assert read(made) == made


@given(st.integers(1, 10**6), st.sampled_from("KMGT"))
def test_memory_is_never_less_than_what_was_asked(value, unit):
    size = {letter: 1024**power for power, letter in enumerate("KMGT", start=1)}
    for text, wanted in ((f"{value}{unit}", value * size[unit]), (f"{value / 2}{unit}iB", value / 2 * size[unit])):
        made = slurm_memory(text)
        got = int(made[:-1]) * size[made[-1]]
        assert wanted <= got < wanted + max(size[made[-1]], 1024) + 1
