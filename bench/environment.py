"""What a run ran on: device, threads, versions, revision."""

import ctypes
import hashlib
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from bench.errors import ConfigError

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

CODE = ("bench", "cam", "datasets", "metrics", "weights")  # packages whose source decides numbers
PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "seaborn",
    "matplotlib",
    "pillow",
    "safetensors",
)


def select_device(name: str, gpu: int | None = None) -> torch.device:
    """The device of that name; `auto` is the GPU where there is one, and `gpu` its number where none is named.

    Raises:
        ConfigError: no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and gpu is not None:
        name = f"cuda:{gpu}"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device is '{name}', expected auto, cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda") or str(device) != name:  # large numbers wrap around
        raise ConfigError(f"device is '{name}', expected auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device is '{name}', but {torch.cuda.device_count()} GPUs are visible; use --device cpu or auto"
        )
    return device


def make_deterministic(seed: int) -> None:
    """Seeds torch and turns off what would make two equal runs differ: kernel search, TF32."""
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")


def describe_device(device: torch.device) -> dict[str, Any]:
    """Type, name, threads; for a GPU its memory, capability and CUDA version."""
    described: dict[str, Any] = {"type": device.type, "threads": torch.get_num_threads(), "cpu": _cpu_name()}
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        described |= {
            "name": properties.name,
            "memory_gb": round(properties.total_memory / 2**30, 1),
            "capability": f"{properties.major}.{properties.minor}",
            "cuda": torch.version.cuda,
        }
    else:
        described["name"] = described["cpu"]
    return described


def versions() -> dict[str, str]:
    """Versions of Python, of cambench and of the packages that decide numbers."""
    return {
        "python": platform.python_version(),
        "cambench": _version("cambench"),
        **{name: _version(name) for name in PACKAGES},
    }


def git_state() -> dict[str, Any]:
    """Revision of the code and whether it is changed; both None outside a git checkout."""
    here = Path(__file__).resolve().parent
    try:
        revision = _git(here, "rev-parse", "HEAD")
        return {
            "revision": revision,
            "dirty": bool(_git(here, "status", "--porcelain", "--untracked-files=no")),
        }
    except (OSError, subprocess.CalledProcessError):
        return {"revision": None, "dirty": None}


def code_hash(modules: Iterable[str] = ()) -> str:
    """SHA-256 of the source that decides numbers, in a checkout with changes as in an installed wheel.

    Args:
        modules: more modules, of the user; those without a file are known by name alone.
    """
    root, content = Path(__file__).resolve().parents[1], hashlib.sha256()
    for path in sorted(path for package in CODE for path in (root / package).rglob("*.py")):
        content.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    for name in modules:
        file = getattr(sys.modules.get(name), "__file__", None)
        content.update(f"{name}\0".encode() + (Path(file).read_bytes() if file else b"") + b"\0")
    return content.hexdigest()


def peak_memory_mb() -> float | None:
    """Largest resident set of this process so far, MB (2^20 bytes); None where the system does not say (Windows)."""
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def release_free_memory() -> None:
    """Returns freed memory to the system where the C library can; else its heap creeps up batch by batch."""
    if sys.platform == "win32":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc
    if trim is not None:
        trim(0)


def auto_workers() -> int:
    """Processes that decode images: one per spare core, at most four; under torchrun, of this rank's cores."""
    ranks = os.environ.get("LOCAL_WORLD_SIZE", "1")
    cores = (os.cpu_count() or 1) // (int(ranks) if ranks.isdecimal() and int(ranks) else 1)
    return max(1, min(4, cores - 1))


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )
