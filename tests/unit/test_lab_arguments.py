"""The command lines of the lab's programs: a wrong number is refused in one line that says what would be right."""

from __future__ import annotations

import argparse
import socket

import pytest

from lab.arguments import describe_speed, explain_taken_port, port, speed


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "fast", ""])
def test_a_speed_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=rf"^'{text}' is not a number above 0$"):
        speed(text)


@pytest.mark.parametrize("text", ["99999", "65536", "-1", "dns", ""])
def test_a_port_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=rf"^'{text}' is not a port from 1 to 65535, or 0 for any"):
        port(text)


def test_numbers_that_can_be_used_are_read() -> None:
    assert (speed("0.5"), speed("30"), port("0"), port("65535")) == (0.5, 30, 0, 65535)


def test_a_port_that_is_taken_is_reported_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(OSError, match="already in use") as raised:
            socket.create_server(taken.getsockname())
        assert explain_taken_port(raised.value) == 1
    said = capsys.readouterr().err
    assert said == "A port cannot be used: Address already in use. Choose others with --dns-port and --page-port.\n"


def test_any_other_error_of_the_system_is_raised() -> None:
    with pytest.raises(FileNotFoundError):
        explain_taken_port(FileNotFoundError(2, "No such file"))


def test_a_speed_is_described_in_words() -> None:
    assert describe_speed(1) == "as fast as in reality"
    assert describe_speed(30) == "30 times as fast as in reality"
