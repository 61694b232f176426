import pandas as pd
import pytest

from reports.files import atomic_file, cell_text, remove_scratch, scratch_name, write_atomic, write_table


def test_values_as_a_reader_sees_them():
    assert [cell_text(value) for value in (0.123456, float("nan"), 3, "cat", -0.5)] == [
        "0.1235", "undefined", "3", "cat", "-0.5000",
    ]  # fmt: skip


def test_csv_keeps_all_digits_markdown_and_latex_escape(tmp_path):
    table = pd.DataFrame({"a_b": ["x|y & 50% {#1} ~^ \\"], "v": [1 / 3]})
    write_table(tmp_path, "t", table)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "t.csv"), table)
    assert (tmp_path / "t.md").read_text().splitlines()[2] == r"| x\|y \& 50% {#1} \~^ \\ | 0.3333 |"
    latex = (tmp_path / "t.tex").read_text()
    assert r"x\textbar{}y \& 50\% \{\#1\} \textasciitilde{}\^{} \textbackslash{} & 0.3333 \\" in latex
    assert r"a\_b & v \\" in latex
    assert latex.startswith("\\begin{tabular}{ll}\n\\hline\n")


def test_an_undefined_value_is_an_empty_cell_in_csv_and_a_word_elsewhere(tmp_path):
    write_table(tmp_path, "t", pd.DataFrame({"v": [float("nan")]}))
    assert (tmp_path / "t.csv").read_text() == 'v\n""\n'
    assert "undefined" in (tmp_path / "t.md").read_text()
    assert "undefined" in (tmp_path / "t.tex").read_text()


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    write_atomic(path, b"one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_atomic(path, b"old")
    monkeypatch.setattr("os.fsync", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_no_file_of_the_user_is_written_over_on_the_way(tmp_path):
    for name in (".a.json.tmp", ".a.json.cambench-tmp", "a.json.tmp"):
        (tmp_path / name).write_text("mine")
    write_atomic(tmp_path / "a.json", b"ours")
    assert sum(path.read_text() == "mine" for path in tmp_path.iterdir()) == 3


@pytest.mark.parametrize("name", ["n" * 255, "caf\udce9", "a:b", "-", "a\nb"])
def test_any_name_that_the_disk_takes(tmp_path, name):
    write_atomic(tmp_path / name, b"x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_a_killed_process_left_goes_and_nothing_else(tmp_path):
    ours, theirs = (tmp_path / scratch_name(name) for name in ("a.json", "b.json"))
    for path in (ours, theirs):
        path.write_text("half")
    mine = [f".cambench-0123456789abcde{end}" for end in ("", "f0", "g")] + ["cambench-0123456789abcdef"]
    for name in mine:
        (tmp_path / name).write_text("mine")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / scratch_name("a.json")).write_text("of another folder")
    remove_scratch(tmp_path, ["a.json"])
    assert not ours.exists()
    assert theirs.exists()
    remove_scratch(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*mine, "deep"])
    assert len(list((tmp_path / "deep").iterdir())) == 1
    remove_scratch(tmp_path / "nowhere")


def test_a_file_appears_when_it_is_whole(tmp_path):
    with atomic_file(tmp_path / "a") as file:
        file.write(b"one")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").read_bytes() == b"one"
