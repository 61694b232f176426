"""Random command lines: every command and option, with good values, odd ones, and files that are none."""

import os
import random
from dataclasses import fields
from pathlib import Path

from bench.config import RunConfig
from bench.nights.config import NightlyConfig
from bench.training.config import TrainConfig

ODD = (
    "", " ", "0", "-1", "1", "2", "31", "64", "1e18", "inf", "-inf", "nan", "NaN", "0x10", "٣", "²", "1_000",
    "2.5", "+4",
    "9" * 25, "9" * 5000, str(2**31), str(2**63), "auto", "none", "all", "true", "~", "~nosuchuser",
    "~nosuchuser/x", ".",
    "..", "/", "/dev/null", "/dev/full", "/proc/self/mem", "a\0b", "\0", "a\nb", "\r", "\u2028", "\u202eabc",
    "é", "\udce9",
    "🐈", ",", ",,", "a,b", "a,a", "cat,dog", "dog,cat", "gradcam", "gradcam,layercam", ":", ":x", "..:x", "x:",
    "os:system",
    "json:loads", "a:b:c", "os.path:sep", "$HOME", "%s", "%", "{}", "-", "--", "---", "-x", "@file", "'", '"',
    "\\", "a" * 300,
    "a/" * 3000, "0.5,0.5,0.5", "1,2", "nan,nan,nan", "1e-9,1,1", "cpu", "cuda:0", "cuda:99999999999",
    "cuda:-1", "meta",
    "float32", "rise", "srg", "right", "left", "folder", "files", "csv", "manifest", "synthetic", "oxford-iiit-pet",
    "alexnet",
    "catdog-scenes", "night:1", "http://x/y", "s3://x", "file:///etc", "methods", "metrics", "weights",
)  # fmt: skip
TOMLS = (
    b"", b"\xef\xbb\xbfsteps = 4\n", b"\xff\xfe\x00", b"steps = 4\r\nseed = 1\r\n", b"steps = [4]\n",
    b"steps = {a = 1}\n",
    b"[run]\nsteps = 4\n", b"mean = [[1]]\n", b"mean = []\n", b"mean = [true, 1, 2]\n", b"mean = [nan, 1, 2]\n",
    b"methods = []\n", b"methods = [1]\n", b"methods = [['a']]\n", b"out = 3\n", b"out = ''\n", b"dataset = {}\n",
    b"resume = 'yes'\n", b"seed = 99999999999999999999\n", b"limit = inf\n", b"x = " + b"[" * 5000, b"= 1\n",
    b"steps",
    b"stepps = 4\n", b"'' = 1\n", b"dtype = ['float32']\n", b"controls = {}\n", b"workers = 1979-05-27\n",
    b"\x00" * 100,
    b"a" * 200_000, b"#" * (2 << 20), b"rate = 1e400\n", b"batch_size = '\\u0663'\n", b"config = 'x'\n",
    b"command = 1\n",
)  # fmt: skip
COMMANDS = (
    "run", "train", "nightly", "report", "compare", "history", "pool", "across", "lab", "certify", "leakage",
    "list",
    "ru", "", "-h", "--version",
)  # fmt: skip
OTHER = ("out", "weights", "layers", "device", "gates", "scenes", "metrics")
KINDS = {"run": RunConfig, "train": TrainConfig, "nightly": NightlyConfig}


def prepare(folder: Path) -> list[str]:
    """Files, folders and things that are neither, for options that name one."""
    made = []
    for place, text in enumerate(TOMLS):
        path = folder / f"{place}.toml"
        path.write_bytes(text)
        made.append(str(path))
    os.mkfifo(folder / "pipe")
    (folder / "empty").mkdir()
    (folder / "loop").symlink_to("loop")
    (folder / "nothing").symlink_to("nowhere")
    for name in ("cat", "dog"):
        (folder / "photos" / name).mkdir(parents=True)
        (folder / "photos" / name / "1.jpg").write_bytes(b"no picture")
    (folder / "foreign").mkdir()
    (folder / "foreign" / ".draft.tmp").write_text("mine")
    (folder / "half").mkdir()
    (folder / "half" / "manifest.json").write_text('{"schema_version": 1, "status": "complete"}')
    return [*made, *(str(folder / name) for name in ("pipe", "empty", "loop", "nothing", "photos", "foreign", "half"))]


def command_line(chance: random.Random, paths: list[str]) -> list[str]:
    """One command with up to eight options, some of them known."""
    command = chance.choice(COMMANDS)
    words = [command]

    def value() -> str:
        return chance.choice(paths) if chance.random() < 0.35 else chance.choice(ODD)

    if command in KINDS:
        names = [field.name.replace("_", "-") for field in fields(KINDS[command])]
        if chance.random() < 0.6:  # enough to get past the options that are required
            words += ["--dataset", "folder", "--data-root", paths[-3], "--weights", "catdog-scenes", "--out", value()]
        for _ in range(chance.randrange(5)):
            name = chance.choice([*names, "config", "stpes", ""])
            words += [f"--{name}"] if name in ("resume", "download", "no-report") else [f"--{name}", value()]
    else:
        words += [value() for _ in range(chance.randrange(4))]
        for _ in range(chance.randrange(4)):
            words += [
                f"--{chance.choice(('out', 'weights', 'layers', 'device', 'gates', 'scenes', 'metrics'))}",
                value(),
            ]
    chance.random() < 0.05 and chance.shuffle(words)
    return words
