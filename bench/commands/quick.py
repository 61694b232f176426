"""What can be refused before anything heavy is imported: folders and files that are not there."""

from pathlib import Path

from bench.config import RunConfig
from bench.errors import ConfigError
from bench.process.failures import one_line

FILES = (".pth", ".pt", ".ckpt", ".bin", ".safetensors", ".h5", ".keras")  # endings by which a name is a path


def require_runs(*folders: Path) -> None:
    """Each is a folder with a manifest.

    Raises:
        ConfigError: one is not; it says what to give.
    """
    for folder in folders:
        if not (folder / "manifest.json").exists():
            said = f"'{folder}' is no run directory (no manifest.json); give the --out folder of cambench run"
            raise ConfigError(one_line(said))


def require_folder(folder: Path) -> None:
    """A folder of runs is there.

    Raises:
        ConfigError: it is not.
    """
    if not folder.is_dir():
        raise ConfigError(one_line(f"'{folder}' is no folder; give the one that holds the runs"))


def require_inputs(config: RunConfig) -> None:
    """The checkpoint and the data root are there, where their names are paths.

    Raises:
        ConfigError: one is not.
    """
    weights, root = config.weights, config.data_root
    if weights.suffix.lower() in FILES and not weights.exists():
        raise ConfigError(one_line(f"weights '{weights}' not found; give the path of {', '.join(FILES[:5])} or others"))
    if root is not None and not config.download and not root.exists() and config.dataset != "synthetic":
        said = f"data root '{root}' not found; give what --dataset {config.dataset} reads"
        raise ConfigError(one_line(said))
