import os

import pytest

from datasets.text import one_line, printable, shown


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("as it is: üñí 犬", "as it is: üñí 犬"),
        ("two\nlines\rand\ttab", "two\\nlines\\rand\\ttab"),
        ("\x1b[31mred\0", "\\x1b[31mred\\x00"),
        ("gpj.\u202egod", "gpj.\\u202egod"),
        (os.fsdecode(b"\xe9t\xe9"), "\\xe9t\\xe9"),
        ("\ud800", "\\ud800"),
    ],
)
def test_messages_are_one_line_of_what_can_be_printed(text, line):
    assert one_line(text) == line
    assert one_line(line) == line
    line.encode("utf-8")


def test_long_values_and_messages_are_cut():
    assert shown("x" * 200_000) == "x" * 116 + " ..."
    message = one_line("a" * 2000 + "remedy")
    assert len(message) == 1000
    assert message.endswith("aremedy")


def test_undecodable_and_half_characters_are_escaped():
    assert printable(os.fsdecode(b"a\xffb")) == "a\\xffb"
    assert printable("a\ud800b") == "a\\ud800b"
