"""Documents of strangers: whatever they hold, a value or one line, in time and memory of the file's own size."""

import json
import math
import os
import socket
from pathlib import Path

import pytest

from passband.documents import (
    DocumentError,
    json_text,
    naming,
    parse_json,
    parse_toml,
    parse_yaml,
    read_beginning,
    read_document,
)
from passband.recipe import PassbandError

DIGITS = "9" * 401


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "[1e400]", f'{{"a": {DIGITS}}}', "9" * 9000])
def test_numbers_that_are_none_are_refused_or_missing(text: str) -> None:
    with pytest.raises(DocumentError, match="numbers must be finite, of at most 40 digits"):
        parse_json(text)
    found = parse_json(text, lenient=True)
    assert found in (None, [None], {"a": None})


def test_one_bad_number_does_not_cost_the_others() -> None:
    assert parse_json('{"a": NaN, "b": [1, -2.5e3, 340282366920938463463374607431768211455]}', lenient=True) == {
        "a": None,
        "b": [1, -2500.0, 2**128 - 1],
    }


@pytest.mark.parametrize("levels", [65, 900, 10**5, 10**6])
@pytest.mark.parametrize(
    ("parse", "opening", "closing"),
    [(parse_json, "[", "]"), (parse_json, '{"a":', "1}"), (parse_toml, "[", "]"), (parse_toml, "{a=", "1}")],
)
def test_depth_is_limited(parse, opening: str, closing: str, levels: int) -> None:
    text = opening * levels + closing[:-1] + closing[-1] * levels
    with pytest.raises(DocumentError, match=r"nested deeper than 64 levels|more than 1048576 characters"):
        parse(text if parse is parse_json else f"a = {text}")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_depth_of_yaml_is_limited(opening: str) -> None:
    with pytest.raises(DocumentError, match=r"nested deeper than 64 levels"):
        parse_yaml((opening * 15_000).encode())


def test_as_much_depth_as_a_plan_needs() -> None:
    assert parse_json("[" * 64 + "]" * 64)
    assert parse_toml("a = " + "[" * 63 + "]" * 63)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"a.b = {DIGITS}", r"^a\.b is a whole number of more than 40 digits"),
        (f"a = [1, -{DIGITS}]", r"^a\.1 is a whole number"),
        (f"a = {'9' * 5000}", "thousands of digits"),
        (f"a = 0x{'f' * 5000}", "more than 40 digits"),
        ("a =", "is not valid TOML: "),
        (f"{'a.' * 5000}b = 1", "a dotted name of 5000 parts; write tables"),
        (f"[{'a . ' * 300}b]", "a dotted name of 300 parts"),
        ("# x" * 2**19, "more than 1048576 characters"),
        (b"\xff\xfe", "is not a text file"),
    ],
)
def test_toml_in_one_line(text: str | bytes, said: str) -> None:
    with pytest.raises(DocumentError, match=said) as caught:
        parse_toml(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_toml_as_plans_write_it() -> None:
    text = (
        "# .......... "
        + "." * 300
        + '\na.b = [1.5, 2.5]\n[c]\nname = "x"\nseed = 340282366920938463463374607431768211455\n'
    )
    assert parse_toml(text) == {"a": {"b": [1.5, 2.5]}, "c": {"name": "x", "seed": 2**128 - 1}}


def bomb(levels: int) -> bytes:
    lines = ["a0: &a0 [x, x]"] + [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, levels)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    "content", [bomb(2), bomb(30), b"a: &a [*a]", b"a: &a {b: 1}\nc:\n  <<: *a", b"a: &a 1\nb: *a"]
)
def test_aliases_of_yaml_are_refused(content: bytes) -> None:
    with pytest.raises(DocumentError, match=r"refers to \*a\d*; write the values out, without aliases"):
        parse_yaml(content)


def test_yaml_is_text_as_it_was_written() -> None:
    content = b"walltime: 12:00:00\ncores: 0o17\nqueue: no\nlist: [1e3, ~]\ntag: !!python/object/apply:os.getcwd []\n"
    assert parse_yaml(content) == {
        "walltime": "12:00:00", "cores": "0o17", "queue": "no", "list": ["1e3", "~"], "tag": []
    }  # fmt: skip


@pytest.mark.parametrize("content", [b"\xff", b"\0", b"a: [", b"? [a]\n: b", b"a: 'x", b"%YAML 9.9\n", b"&a &b c"])
def test_yaml_that_is_none(content: bytes) -> None:
    with pytest.raises(DocumentError, match="is not valid YAML") as caught:
        parse_yaml(content)
    assert "\n" not in str(caught.value)


def test_a_long_page_of_yaml_is_refused() -> None:
    with pytest.raises(DocumentError, match="more than 65536 bytes"):
        parse_yaml(b"a: b\n" * 20_000)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (fifo, r"is a named pipe \(FIFO\); name a regular file"),
        (bound_socket, "is a socket"),
        (Path.mkdir, "is a folder"),
        (lambda path: path.symlink_to("/dev/zero"), "is a device"),
        (lambda path: path.symlink_to("/dev/tty"), "is a device|No such"),
    ],
)
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, monkeypatch, make, said: str) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    make(Path("a"))
    for read in (read_document, lambda path: read_beginning(path, 4)):
        with pytest.raises(DocumentError, match=said):
            read("a")


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert read_document(tmp_path / "link", most=5) == b"12345"
    assert read_beginning(tmp_path / "a", 2) == b"12"
    with pytest.raises(DocumentError, match="is larger than 4 bytes"):
        read_document(tmp_path / "a", most=4)
    with pytest.raises(FileNotFoundError):
        read_document(tmp_path / "b")


def test_the_name_is_put_in_front() -> None:
    class OwnError(PassbandError):
        pass

    with pytest.raises(OwnError, match=r"^plan\.toml is not valid TOML"), naming("plan.toml", OwnError):
        parse_toml("a =")


def test_json_has_no_nan() -> None:
    value = {"a": math.nan, "b": [math.inf, (1.0, -math.inf)], "c": {"d": 2}, "e": None, "f": True}
    expected = {"a": None, "b": [None, [1.0, None]], "c": {"d": 2}, "e": None, "f": True}
    assert json.loads(json_text(value), parse_constant=pytest.fail) == expected
    assert json.loads(json_text(value, indent=1, sort_keys=True)) == expected


@pytest.mark.parametrize("seen", ["Å µ é 晶", "a b", "😀"])
def test_letters_stay_as_they_are(seen: str) -> None:
    assert json_text({"name": seen}) == f'{{"name": "{seen}"}}'


@pytest.mark.parametrize("unseen", ["\x1b[2J", "\n", "\x9b2J", "\u202egpj.exe", "\u2028", "\udc80", "\x7f", "\ufeff"])
def test_what_a_terminal_obeys_is_escaped(unseen: str) -> None:
    text = json_text({"name": unseen})
    assert text.isprintable()
    assert json.loads(text) == {"name": unseen}


@pytest.mark.parametrize(
    "text", ["a" * 500_000, '"' * 500_001, "[" + "1," * 200_000, "a.b=" * 100_000, "[a.b]\n" * 50_000]
)
def test_time_grows_with_the_length_and_not_faster(text: str) -> None:
    """Whoever takes the square of the length needs hours here."""
    for parse in (parse_toml, parse_json):
        with pytest.raises(DocumentError):
            parse(text)
