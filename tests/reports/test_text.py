import re

import pytest

from reports.text import STEM, file_stem, label, latex, markdown, shortened, shown_lines


def test_long_names_are_shortened_where_it_shows():
    assert shortened("abc", 3) == "abc"
    assert shortened("abcdefgh", 5) == "ab…gh"
    assert label("x" * 500) == "x" * 39 + "…" + "x" * 40


@pytest.mark.parametrize("text", ["\u202e", "\u2066", "\x1b[31m", "\0", "\u200b", "\r", "\ud800"])
def test_what_cannot_be_seen_is_written_out(text):
    assert label(f"a{text}b").isprintable()
    assert label(f"a{text}b") != label("ab")
    assert shown_lines(f"a\n{text}").startswith("a\n\\")


def test_names_of_files():
    assert file_stem("gradcam++_features.11") == "gradcam++_features.11"
    names = ["a/b", "a_b", "a:b", "../../x", "$\\frac$", "\0", "y" * 999, "y" * 998, "ü", "A_B"]
    stems: list[str] = []
    for name in names:
        stems.append(file_stem(name, stems))
    assert all(re.fullmatch(r"[A-Za-z0-9._+-]+", stem) and len(stem) <= STEM + 12 for stem in stems)
    assert len({stem.casefold() for stem in stems}) == len(names)
    assert stems[names.index("A_B")] == "A_B-2"
    assert file_stem("a/b") == file_stem("a/b") != file_stem("a:b")


def test_markdown_means_nothing():
    assert markdown("srg_probability") == "srg_probability"
    assert markdown("-0.1234") == "-0.1234"
    assert markdown("[x](http://e) `c` *b* _i_ <b> a|b\nc") == (r"\[x\](http\://e) \`c\` \*b\* \_i\_ \<b\> a\|b\\nc")


def test_latex_means_nothing():
    assert latex("50% & a_b") == r"50\% \& a\_b"
    assert latex("[0.1, 0.2]") == "{[}0.1, 0.2{]}"
    assert latex("\\input{x}$y$<|>--") == (r"\textbackslash{}input\{x\}\$y\$\textless{}\textbar{}\textgreater{}-{}-")
