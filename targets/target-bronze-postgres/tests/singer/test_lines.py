"""Bytes of a pipe become lines, whatever their lengths, and silence is noticed."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_bronze_postgres.singer.lines import LineReader

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20


class Pipes:
    """A pipe to read lines from, and one that wakes the reader up."""

    def __init__(self) -> None:
        """Open both."""
        self.source, self._sink = os.pipe()
        self.wakeup, self._bell = os.pipe()
        self.reader = LineReader(self.source, self.wakeup)
        self._writers: list[threading.Thread] = []

    def write(self, *pieces: bytes, end: bool = False) -> None:
        """Write in a thread of its own, since a pipe holds little; `end` closes the pipe."""

        def run() -> None:
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    rest = rest[os.write(self._sink, rest) :]
            if end:
                os.close(self._sink)
                self._sink = -1

        for writer in self._writers:
            writer.join()
        self._writers = [threading.Thread(target=run)]
        self._writers[0].start()

    def wake(self) -> None:
        """Interrupt the reader."""
        os.write(self._bell, b"!")

    def close(self) -> None:
        """Close what is open."""
        for writer in self._writers:
            writer.join()
        for fd in (self.source, self._sink, self.wakeup, self._bell):
            if fd >= 0:
                os.close(fd)


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    """Two pipes and a reader of them."""
    made = Pipes()
    yield made
    made.close()


def read_all(pipes: Pipes, *pieces: bytes) -> list[bytes]:
    """Write pieces, close the pipe, and return every line."""
    pipes.write(*pieces, end=True)
    lines: list[bytes] = []
    while not pipes.reader.at_end:
        lines.extend(pipes.reader.read(10))
    return lines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"", []),
        (b"\n", [b""]),
        (b"a", [b"a"]),
        (b"a\n", [b"a"]),
        (b"a\nb", [b"a", b"b"]),
        (b"a\n\nb\n", [b"a", b"", b"b"]),
        (b"a\r\nb\r\n", [b"a\r", b"b\r"]),
        (b"a\rb\n", [b"a\rb"]),
        (
            b"\x00\xff\xfe\n\xe2\x80\xa8\x0b\x0c\x1c\n",
            [b"\x00\xff\xfe", b"\xe2\x80\xa8\x0b\x0c\x1c"],
        ),
    ],
)
def test_lines(pipes: Pipes, text: bytes, lines: list[bytes]) -> None:
    assert read_all(pipes, text) == lines
    assert list(pipes.reader.read(0)) == []


@pytest.mark.parametrize("end", [b"\n", b""], ids=["newline", "none"])
def test_a_line_over_many_chunks(pipes: Pipes, end: bytes) -> None:
    long = bytes(range(11, 256)) * (20 * MIB // 245)
    assert read_all(pipes, b"first\n" + long + end) == [b"first", long]


@pytest.mark.parametrize("length", [MIB - 1, MIB, MIB + 1, 2 * MIB])
def test_lines_about_the_size_of_a_chunk(pipes: Pipes, length: int) -> None:
    text = b"x" * length
    assert read_all(pipes, text + b"\n", text + b"\n" + text) == [text] * 3


def test_many_short_lines(pipes: Pipes) -> None:
    lines = [b"%d" % number for number in range(300_000)]
    assert read_all(pipes, b"\n".join(lines) + b"\n") == lines


@settings(deadline=None, max_examples=50)
@given(st.lists(st.binary(max_size=6) | st.sampled_from([b"\n", b"a\nb", b"\n\n"]), max_size=8))
def test_the_pieces_that_arrive_mean_nothing(pieces: list[bytes]) -> None:
    pipes = Pipes()
    try:
        found: list[bytes] = []
        for piece in filter(None, pieces):  # read in between, so that each arrives alone
            pipes.write(piece)
            found.extend(pipes.reader.read(10))
        found.extend(read_all(pipes))
        text = b"".join(pieces)
        expected = text.split(b"\n")
        assert found == (expected if expected[-1] else expected[:-1])
    finally:
        pipes.close()


def test_a_line_that_is_not_whole_yet(pipes: Pipes) -> None:
    pipes.write(b"a\nhalf")
    assert list(pipes.reader.read(10)) == [b"a"]
    pipes.write(b" and")
    assert list(pipes.reader.read(10)) == []
    assert not pipes.reader.at_end
    pipes.write(b" half\nb")
    assert list(pipes.reader.read(10)) == [b"half and half"]
    assert read_all(pipes) == [b"b"]


def test_silence_ends_at_the_timeout(pipes: Pipes) -> None:
    started = time.monotonic()
    assert list(pipes.reader.read(0.05)) == []
    assert 0.04 < time.monotonic() - started < 5
    assert not pipes.reader.at_end


@pytest.mark.parametrize("timeout", [0, -1])
def test_no_time_left(pipes: Pipes, timeout: float) -> None:
    waker = threading.Timer(5, pipes.wake)
    waker.start()
    assert list(pipes.reader.read(timeout)) == []
    assert waker.is_alive()  # it did not wait for this
    waker.cancel()
    waker.join()
    pipes.write(b"a\n", end=True)
    lines: list[bytes] = []
    deadline = time.monotonic() + 10
    while not lines and time.monotonic() < deadline:
        lines.extend(pipes.reader.read(timeout))
    assert lines == [b"a"]


def test_a_wakeup_ends_the_wait(pipes: Pipes) -> None:
    waker = threading.Timer(0.02, pipes.wake)
    waker.start()
    assert list(pipes.reader.read(None)) == []
    waker.join()
    assert not pipes.reader.at_end


def test_wakeups_are_taken_together_and_lose_no_input(pipes: Pipes) -> None:
    for _ in range(100):
        pipes.wake()
    pipes.write(b"a\n")
    lines: list[bytes] = []
    while not lines:
        lines.extend(pipes.reader.read(10))
    assert lines == [b"a"]
    started = time.monotonic()
    assert list(pipes.reader.read(0.05)) == []  # no wake-up is left over
    assert time.monotonic() - started > 0.04


def test_input_wakes_the_reader_too(pipes: Pipes) -> None:
    writer = threading.Timer(0.02, pipes.write, [b"a\n"])
    writer.start()
    assert list(pipes.reader.read(None)) == [b"a"]
    writer.join()
