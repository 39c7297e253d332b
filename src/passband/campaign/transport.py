"""Who may talk to a scheduler: of one that a campaign starts, only holders of the key of that command.

A Dask scheduler runs what it is sent. On a machine with other users, and on a cluster's network, any of them could send
it something: therefore schedulers, workers and clients of a campaign speak TLS and show each other a certificate that
was made for this one command. Its key lives in memory; workers of this machine get it through a pipe, jobs of a cluster
through files in the campaign's folder that only their owner can read.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from distributed import Security

from passband.campaign.folder import KEYS, CampaignError

_WORKER = ("tls_ca_file", "tls_worker_cert", "tls_worker_key")


def temporary_credentials() -> Security:
    """Return a new key and certificate for one scheduler, its workers and its client.

    Raises
    ------
    CampaignError
        The package `cryptography`, which makes them, is not installed.
    """
    try:
        made: Security = Security.temporary()
    except ImportError as error:
        cure = "pip install cryptography, or run in this process with --workers 0"
        raise CampaignError(f"cryptography is not installed, which makes the keys of workers; {cure}") from error
    return made


def for_worker(credentials: Security) -> bytes:
    """Return what a worker of this machine has to know, as one line for a pipe: files and command lines may be read."""
    return json.dumps({name: getattr(credentials, name) for name in _WORKER}).encode() + b"\n"


def of_worker(line: bytes) -> Security:
    """Credentials from what `for_worker` wrote."""
    return Security(require_encryption=True, **json.loads(line))


def key_folder(directory: Path) -> Path:
    """Make the folder for the keys of jobs, which only their owner can enter, and return it.

    Raises
    ------
    CampaignError
        It cannot be made, or others may enter it.
    """
    folder = directory / KEYS
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        cure = "use a folder of your own for the campaign"
        raise CampaignError(f"{folder} cannot be kept from others ({error.strerror}); {cure}") from error
    return folder


def certificates(files: Mapping[str, Path]) -> dict[str, str]:
    """Return Dask's settings for reaching a scheduler that wants to see a certificate.

    Parameters
    ----------
    files
        None, or all of "ca-file", "client.cert" and "client.key".

    Raises
    ------
    CampaignError
        Some of the three are given, or one is no file.
    """
    if files and set(files) != {"ca-file", "client.cert", "client.key"}:
        raise CampaignError(
            "a scheduler with TLS needs all of --tls-ca, --tls-cert and --tls-key; give the other ones too"
        )
    for file in files.values():
        if not file.is_file():
            raise CampaignError(f"{file} is not a file; give the certificates that the scheduler was started with")
    return {f"distributed.comm.tls.{name}": str(file.absolute()) for name, file in files.items()}


def open_to_all(address: str) -> str:
    """Return one line if whoever reaches a scheduler may use it, "" if its connections are checked.

    Examples
    --------
    >>> open_to_all("tls://10.0.0.5:8786")
    ''
    >>> open_to_all("tcp://10.0.0.5:8786").split(";")[0]
    'tcp://10.0.0.5:8786 is neither encrypted nor checked: whoever reaches it can run programs as you'
    """
    if urlsplit(address).scheme in ("tls", "wss"):
        return ""
    cure = "start it with TLS, see docs/campaigns"
    return f"{address} is neither encrypted nor checked: whoever reaches it can run programs as you; {cure}"
