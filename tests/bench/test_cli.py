"""Bad input: one clear line on stderr, exit code 2, before any long work; bad images are skipped and listed."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.cli import main


@pytest.fixture
def photos(shared: Path, tmp_path: Path) -> Path:
    """One cat and one dog, in class folders."""
    folder = tmp_path / "photos"
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        (folder / name / "1.jpg").write_bytes((shared / "data" / "lab" / f"{name}.jpg").read_bytes())
    return folder


@pytest.fixture
def fails(cambench, capsys, photos, tmp_path):
    """Runs with options over good defaults; returns the one line of the error."""

    def run(**options: object) -> str:
        good = {"dataset": "folder", "data_root": photos, "weights": "narrow", "out": tmp_path / "out"}
        words = [w for k, v in (good | options).items() for w in (f"--{k.replace('_', '-')}", v) if w is not True]
        assert cambench("run", *words) == 2
        captured = capsys.readouterr()
        assert captured.err.count("\n") == 1, captured.err
        assert captured.out == ""
        return captured.err

    return run


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data_root": "nowhere"}, "data root 'nowhere' not found; give what --dataset folder reads"),
        ({"dataset": "synthetic"}, "leave --data-root and --download out"),
        ({"dataset": "foldr"}, "unknown data set 'foldr' (did you mean 'folder'?)"),
        ({"weights": "none.pth"}, "weights 'none.pth' not found"),
        ({"weights": "catdog-photo"}, "unknown weights 'catdog-photo' (did you mean 'catdog-photos'?)"),
        ({"arch": "alexnett"}, "(did you mean 'alexnet'?)"),
        ({"arch": "alexnet"}, "alexnet"),
        ({"layers": "features.13"}, "unknown layer 'features.13'"),
        ({"layers": "classifier.1"}, "layer 'classifier.1' gives (1, 128), a map needs (B, C, h, w)"),
        ({"methods": "grad-cam"}, "unknown method 'grad-cam' (did you mean 'gradcam'?); known: gradcam, layercam"),
        ({"metrics": "efective_area"}, "unknown metric 'efective_area' (did you mean 'effective_area'?)"),
        ({"metrics": "srg_margin", "protocols": "rise"}, "metric 'srg_margin' needs --protocols srg; given: rise"),
        ({"protocols": "rice"}, "unknown protocol 'rice' (did you mean 'rise'?)"),
        ({"steps": "31"}, "steps is 31, expected an even number"),
        ({"batch_size": "0"}, "batch-size is '0', expected a whole number of at least 1, or auto"),
        ({"device": "gpu"}, "device is 'gpu', expected auto, cpu, cuda or cuda:N"),
        ({"device": "cuda:99"}, "device is 'cuda:99', but"),
        ({"split": "test"}, "the split 'test'"),
        ({"classes": "cat,bird"}, "bird"),
        ({"crop": "999"}, "crop is 999"),
        ({"config": "none.toml"}, "config file 'none.toml' cannot be read: No such file"),
    ],
)
def test_whole_run_errors_name_the_value_and_the_remedy(fails, options, message, tmp_path):
    assert message in fails(**options)
    assert not (tmp_path / "out" / "scores.parquet").exists()


def test_unknown_layers_are_answered_with_the_list(fails):
    line = fails(layers="features.13")
    assert "features.0, features.1, " in line
    assert "features.12" in line


def test_folders_without_images_or_with_strange_classes(fails, photos, tmp_path):
    (photos / "bird").mkdir()
    assert "bird' is neither cat nor dog" in fails()
    empty = tmp_path / "empty"
    empty.mkdir()
    assert f"no images in '{empty}'" in fails(data_root=empty)


def test_output_folder_that_is_taken_or_cannot_be_written(fails, cambench, photos, tmp_path, capsys):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.tex").touch()
    assert "is not empty and holds no run; choose another --out" in fails(out=tmp_path / "taken")
    (tmp_path / "file").touch()
    assert "cannot be written" in fails(out=tmp_path / "file")
    assert "cannot be written" in fails(out=tmp_path / "file" / "below")
    options = (
        "--dataset",
        "folder",
        "--data-root",
        photos,
        "--weights",
        "narrow",
        "--steps",
        2,
        "--metrics",
        "empty",
        "--workers",
        0,
        "--no-report",
    )
    assert cambench("run", *options, "--out", tmp_path / "run") == 0
    capsys.readouterr()
    assert "already holds a run (complete); choose another --out, or --resume it" in fails(out=tmp_path / "run")
    assert "holds a run made with other metrics, protocols" in fails(
        out=tmp_path / "run", resume=True, metrics="effective_area", protocols="none"
    )
    assert cambench("run", *options, "--out", tmp_path / "run", "--resume") == 0  # already complete


def test_a_misspelt_flag_and_a_missing_one(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["run", "--metods", "gradcam"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "cambench: unrecognized arguments: --metods gradcam (see cambench --help)\n"
    assert main(["run", "--dataset", "folder"]) == 2
    assert "missing: --weights, --out" in capsys.readouterr().err


def test_report_of_something_else(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert "is no run directory" in capsys.readouterr().err


def test_a_pickle_that_would_run_code_is_refused(fails, tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    torch.save({"a": Trap()}, tmp_path / "evil.pth")
    assert "which is refused" in fails(weights=tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


def test_bad_images_are_skipped_listed_and_counted(shared, cambench, photos, tmp_path, capsys, read_manifest):
    good = (photos / "cat" / "1.jpg").read_bytes()
    names = ["with space.jpg", "new\nline.jpg", "üñí.jpg", 'comma, "quote".jpg']
    for number, name in enumerate(names):
        (photos / "cat" / name).write_bytes(good + bytes([number]))  # the same picture, but not the same file
    (photos / "dog" / "empty.jpg").touch()
    (photos / "dog" / "truncated.jpg").write_bytes(good[:4000])
    (photos / "dog" / "text.jpg").write_text("not a picture")
    Image.new("RGB", (1, 1)).save(photos / "dog" / "tiny.png")
    (photos / "dog" / "notes.txt").write_text("what I saw")
    for name in ("gif_named_jpg.jpg", "png_rgba_named_jpg.jpg"):
        (photos / "cat" / name).write_bytes((shared / "data" / "odd-files" / name).read_bytes())
    for mode in ("L", "CMYK"):
        Image.open(photos / "dog" / "1.jpg").convert(mode).save(photos / "dog" / f"{mode}.jpg")
    out = tmp_path / "out"
    options = ("--metrics", "effective_area,empty", "--batch-size", 3, "--workers", 0, "--no-report")
    assert (
        cambench("run", "--dataset", "folder", "--data-root", photos, "--weights", "narrow", "--out", out, *options)
        == 0
    )
    with (out / "skipped.csv").open(newline="", encoding="utf-8") as file:
        skipped = {Path(row["path"]).name: row["reason"] for row in csv.DictReader(file)}
    assert set(skipped) == {"empty.jpg", "truncated.jpg", "text.jpg", "tiny.png", "notes.txt"}
    assert skipped["empty.jpg"] == "empty file"
    assert "1x1 pixels" in skipped["tiny.png"]
    assert read_manifest(out)["counts"] == {"images": 15, "scored": 10, "skipped": 5}
    import pandas as pd

    ids = set(pd.read_parquet(out / "scores.parquet")["image_id"])
    assert {f"cat/{name}" for name in names} < ids
    assert len(ids) == 10


def test_a_folder_of_unreadable_pictures_is_one_clear_error(photos, cambench, tmp_path, capsys):
    for path in photos.rglob("*.jpg"):
        path.write_bytes(b"broken")
    out = tmp_path / "out"
    code = cambench(
        "run", "--dataset", "folder", "--data-root", photos, "--weights", "narrow", "--out", out, "--workers", 0
    )
    assert code == 2
    assert "none of the 2 images could be read" in capsys.readouterr().err
    assert (out / "skipped.csv").read_text().count("no image") == 2


def test_own_method_metric_and_data_set_by_name(shared, cambench, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "import torch\n"
        "from pathlib import Path\n"
        "from datasets import Dataset, Record\n"
        "def constant(activations, gradients):\n"
        "    return torch.ones(gradients.shape[0], gradients.shape[1], *activations.shape[2:])\n"
        "def peak(raw):\n"
        "    return raw.amax(dim=(1, 2))\n"
        "def pictures(root, split, download):\n"
        "    return Dataset('mine', root, split, (Record('k', root / 'cat.jpg', ('cat',)),))\n"
    )
    monkeypatch.chdir(tmp_path)
    code = cambench(
        "run", "--dataset", "mine:pictures", "--data-root", shared / "data" / "lab", "--weights", "narrow",
        "--methods", "mine:constant", "--metrics", "mine:peak,effective_area", "--workers", 0, "--no-report",
        "--out", "run",
    )  # fmt: skip
    assert code == 0
    import pandas as pd

    scores = pd.read_parquet("run/scores.parquet").query("method == 'mine:constant'")
    values = scores.set_index(["metric", "target"])["value"]
    assert values["mine:peak", "cat"] == 1
    assert values["effective_area", "dog"] == pytest.approx(1)
    assert np.isfinite(values).all()


@pytest.mark.parametrize("kind", ["methods", "metrics", "protocols", "datasets", "architectures", "weights"])
def test_list_prints_a_line_per_entry(kind, capsys):
    assert main(["list", kind]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("name")
    assert len(lines) > 1


def test_doctor_tests_itself(capsys):
    assert main(["doctor"]) == 0
    output = capsys.readouterr().out
    assert "torch " in output
    assert "self-test    passed" in output


def test_module_and_help_answer_without_loading_torch():
    code = "import sys; from bench.cli import main; main(['--help'])"
    checked = f"try:\n    {code}\nexcept SystemExit:\n    sys.exit('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", f"import sys\n{checked}"], check=False, capture_output=True).returncode
        == 0
    )
    result = subprocess.run([sys.executable, "-m", "bench", "--help"], check=False, capture_output=True, text=True)
    assert result.returncode == 0
    assert "run" in result.stdout


def test_drawn_scenes_and_the_shipped_checkpoint_need_no_files(tmp_path, read_manifest):
    """No fixture of real data: this is what a machine without any has."""
    out = tmp_path / "run"
    arguments = ["run", "--dataset", "synthetic", "--weights", "catdog-photos-alexnet", "--limit", "4", "--steps", "2"]
    assert main([*arguments, "--workers", "0", "--no-report", "--out", str(out)]) == 0
    manifest = read_manifest(out)
    assert manifest["counts"] == {"images": 4, "scored": 4, "skipped": 0}
    assert manifest["dataset"]["labels"] == {"cat": 2, "cat+dog": 1, "dog": 1}
    assert manifest["config"]["data_root"] is None


def test_other_data_sets_need_a_root(tmp_path, capsys):
    arguments = ["run", "--dataset", "folder", "--weights", "catdog-photos-alexnet", "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "missing: --data-root, the folder or file that --dataset folder reads" in capsys.readouterr().err
