"""Strangers cannot use a campaign's scheduler, see its keys, or find a page of it."""

import json
import os
import socket
import ssl
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest
from distributed import Client, Security

from passband.campaign import cluster, transport
from passband.campaign.folder import KEYS, CampaignError
from passband.campaign.transport import for_worker, key_folder, of_worker, open_to_all, temporary_credentials

SOON = "3s"


def stranger(address: str, credentials: Security | None) -> None:
    """Connect as another user of this machine would, and run something in the scheduler."""
    with Client(address, security=credentials, timeout=SOON, set_as_default=False) as client:
        client.run_on_scheduler(os.getpid)


def careless(address: str) -> bytes:
    """What a client gets to read that shows no certificate and checks none."""
    host, port = address.split("://")[1].rsplit(":", 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((host, int(port)), timeout=10) as plain, context.wrap_socket(plain) as wrapped:
        return wrapped.recv(200)


@pytest.fixture
def running(tmp_path: Path) -> Any:
    """A local scheduler with one worker, as a campaign starts it, and the client of the campaign."""
    with cluster._started(1, 1, tmp_path) as client:
        assert client is not None
        client.wait_for_workers(1, timeout=120)
        yield client


def test_a_client_without_the_certificate_is_refused(running: Any, recwarn: pytest.WarningsRecorder) -> None:
    address = running.scheduler.address
    assert address.startswith("tls://127.0.0.1:")
    assert running.run_on_scheduler(os.getpid) == os.getpid()  # ours is let in: the refusals below are no accident
    worker = next(iter(running.scheduler_info()["workers"]))
    assert worker.startswith("tls://127.0.0.1:")
    for place in (address, worker):
        with pytest.raises(ssl.SSLError, match=r"(?i)certificate.required|handshake failure"):
            careless(place)
        for plain in (place.replace("tls:", "tcp:"), place):
            other = temporary_credentials() if plain == place else None
            with pytest.raises(OSError, match=r"Timed out|(?i:error)|TLS certificate does not match"):
                stranger(plain, other)
    assert running.run_on_scheduler(os.getpid) == os.getpid()  # and it goes on
    recwarn.clear()


def test_nothing_listens_but_on_this_machine_and_no_page_is_served(running: Any) -> None:
    me = psutil.Process()
    listening = [
        one.laddr
        for process in (me, *me.children())
        for one in process.net_connections()
        if one.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 2
    assert {one.ip for one in listening} == {"127.0.0.1"}
    for _, port in listening:
        for page in ("", "info/main/workers.html", "json/counts.json", "status", "metrics", "health"):
            with pytest.raises((urllib.error.URLError, ConnectionError, OSError, ValueError)):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=2)


def test_the_key_is_on_no_command_line_and_in_no_environment(running: Any) -> None:
    (worker,) = [one for one in psutil.Process().children() if "passband.campaign.worker" in one.cmdline()]
    told = " ".join([*worker.cmdline(), *worker.environ().values()])
    assert "PRIVATE" not in told
    assert "BEGIN" not in told


def test_credentials_survive_the_pipe_and_differ_from_command_to_command() -> None:
    first, second = temporary_credentials(), temporary_credentials()
    line = for_worker(first)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    again = of_worker(line)
    assert again.require_encryption
    assert again.get_tls_config_for_role("worker") == first.get_tls_config_for_role("worker")
    assert again.tls_client_key is None  # a worker does not need to be a client
    assert first.tls_worker_key != second.tls_worker_key


def test_the_folder_of_keys_is_for_its_owner(tmp_path: Path) -> None:
    (tmp_path / KEYS).mkdir(mode=0o755)
    assert stat.S_IMODE(key_folder(tmp_path).stat().st_mode) == 0o700
    (tmp_path / "file" / KEYS).parent.mkdir()
    (tmp_path / "file" / KEYS).write_text("")
    with pytest.raises(CampaignError, match="cannot be kept from others"):
        key_folder(tmp_path / "file")


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_keys_of_jobs_are_for_their_owner_and_go_with_the_cluster(tmp_path: Path) -> None:
    pytest.importorskip("dask_jobqueue")
    code = """
import json, sys
from pathlib import Path
from passband.campaign import cluster
from passband.campaign.slurm import SlurmRecipe
folder = Path(sys.argv[1])
cluster.SlurmRecipe = SlurmRecipe
import dask_jobqueue.slurm as slurm
slurm.SLURMCluster.adapt = lambda self, **_: None  # no job is submitted
recipe = SlurmRecipe(cores=1, memory="1GB", walltime="10", interface="lo")
with cluster._started(recipe, 1, folder) as client:
    found = list((folder / "keys").iterdir())
    files = {path.name: [path.stat().st_mode & 0o777, "KEY" in path.read_text()] for path in found}
    print(json.dumps([client.scheduler.address, files]))
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    address, files = json.loads(done.stdout)
    assert address.startswith("tls://")
    assert {mode for mode, _ in files.values()} == {0o600}
    assert any(secret for _, secret in files.values())
    assert list((tmp_path / KEYS).iterdir()) == []


def test_without_cryptography_the_cure_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Security:
        raise ImportError("no cryptography")

    monkeypatch.setattr(transport.Security, "temporary", missing)
    with pytest.raises(
        CampaignError, match=r"cryptography is not installed.*pip install cryptography, or.*--workers 0"
    ):
        temporary_credentials()


@pytest.mark.parametrize(
    ("address", "open_"),
    [
        ("tcp://127.0.0.1:8786", True),
        ("tcp://10.0.0.5:8786", True),
        ("ws://10.0.0.5:8786", True),
        ("10.0.0.5:8786", True),
        ("tls://10.0.0.5:8786", False),
        ("TLS://10.0.0.5:8786", False),
        ("wss://10.0.0.5:8786", False),
    ],
)
def test_schedulers_that_ask_for_nothing_are_named(address: str, open_: bool) -> None:
    assert bool(open_to_all(address)) is open_


def test_tls_without_certificates_says_which_are_missing(tmp_path: Path) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        address = f"tls://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(CampaignError, match="needs a certificate, and none is known; give the three files"):
            cluster._connected(address, None)


def test_certificates_are_three_files_or_none(tmp_path: Path) -> None:
    names = ("ca-file", "client.cert", "client.key")
    files = {name: tmp_path / f"{number}.pem" for number, name in enumerate(names)}
    assert transport.certificates({}) == {}
    with pytest.raises(CampaignError, match=r"needs all of --tls-ca, --tls-cert and --tls-key"):
        transport.certificates({"ca-file": files["ca-file"]})
    with pytest.raises(CampaignError, match=r"0\.pem is not a file"):
        transport.certificates(files)
    for file in files.values():
        file.touch()
    assert set(transport.certificates(files)) == {f"distributed.comm.tls.{name}" for name in names}
