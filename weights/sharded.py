"""Safetensors in shards: an index (`model.safetensors.index.json`) beside the files that hold the tensors."""

import json
import re
from pathlib import Path

from weights.errors import Refused

ENDING = ".safetensors.index.json"
SHARD = re.compile(r"(.*)-\d{5}-of-(\d{5})\.safetensors")
LONGEST = 16 * 2**20  # bytes of an index


def is_index(path: Path) -> bool:
    """Whether the name is that of an index."""
    return path.name.endswith(ENDING)


def check_whole(path: Path) -> None:
    """Refuses one shard of several.

    Raises:
        Refused: it is one.
    """
    shard = SHARD.fullmatch(path.name)
    if shard and int(shard[2]) > 1:
        raise Refused(f"is one of {int(shard[2])} shards; give the index beside it, {shard[1]}{ENDING}")


def parts_of(index: Path) -> dict[Path, set[str]]:
    """The shards beside an index, and the names of the tensors that each is said to hold.

    Raises:
        Refused: no index, a shard that lies elsewhere, or one that is missing.
    """
    if index.stat().st_size > LONGEST:
        raise Refused(f"is an index of more than {LONGEST} bytes, which is refused; is it another file?")
    try:
        table = json.loads(index.read_bytes())["weight_map"]
        named = [(str(name), str(shard)) for name, shard in table.items()]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Refused('is no index of shards, expected JSON with a "weight_map"; copy it again') from error
    if not named:
        raise Refused("is an index without tensors; copy it again")
    parts: dict[Path, set[str]] = {}
    for name, shard in named:
        if Path(shard).name != shard or "\\" in shard or not shard.endswith(".safetensors"):
            raise Refused(f"names the shard '{shard[:100]}', expected a .safetensors file in the index's own folder")
        parts.setdefault(index.with_name(shard), set()).add(name)
    for part in parts:
        if not part.is_file():
            raise Refused(f"needs the shard '{part.name[:100]}' beside it, which is missing; copy all shards")
    return parts
