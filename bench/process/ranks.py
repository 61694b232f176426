"""Several processes on one run, as torchrun starts them: who is first, who scores what."""

import datetime
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed

from bench.errors import ConfigError
from bench.process.bulletin import Bulletin

PATIENCE = datetime.timedelta(minutes=10)  # for the other ranks to open data set and checkpoint
NUMBERS = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
ADDRESS = ("MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Ranks:
    """This process among those of a run.

    Attributes:
        rank: number of this process, from 0.
        count: of processes; 1 without torchrun.
        local: number on this machine, which is the number of its GPU; None without torchrun.
    """

    rank: int = 0
    count: int = 1
    local: int | None = None

    @property
    def first(self) -> bool:
        """Whether this process merges and reports."""
        return self.rank == 0

    def require_same(self, identity: Mapping[str, Any]) -> None:
        """Every rank calls this with what it is about to compute.

        Raises:
            ConfigError: a rank would compute something else.
        """
        if self.count == 1:
            return
        every: list[Mapping[str, Any]] = [{}] * self.count
        with self.talking():
            distributed.all_gather_object(every, dict(identity))
        for rank, other in enumerate(every):
            differing = [key for key in every[0] if other.get(key) != every[0][key]]
            if differing:
                raise ConfigError(
                    f"rank {rank} has other {', '.join(differing)} than rank 0; "
                    "every rank needs the same options, data set, checkpoint, code and machine"
                )

    def first_of(self, said: str | None) -> str | None:
        """What the first rank says that says anything, the same on every rank; each of them calls this."""
        every: list[str | None] = [said] * self.count
        if self.count > 1:
            with self.talking():
                distributed.all_gather_object(every, said)
        return next((one for one in every if one is not None), None)

    def share(self, items: Sequence[int]) -> list[int]:
        """Those of the first rank's items that are this rank's to do: every count-th."""
        return self.agreed(items)[self.rank :: self.count]

    def agreed(self, items: Sequence[int]) -> list[int]:
        """The first rank's items, the same on every rank; each of them calls this."""
        agreed = [list(items)]
        if self.count > 1:
            with self.talking():
                distributed.broadcast_object_list(agreed, src=0)
        return agreed[0]

    @contextmanager
    def talking(self) -> Iterator[None]:
        """Around what waits for other ranks: says so in one line when they do not answer."""
        try:
            yield
        except RuntimeError as error:  # DistError, and what Gloo and NCCL raise
            reason = str(error).partition("\n")[0]
            raise ConfigError(
                f"rank {self.rank} of {self.count} lost the others ({reason}); start all of them with torchrun"
            ) from error


@contextmanager
def process_group(device: str) -> Iterator[Ranks]:
    """Joins the ranks that torchrun started, with NCCL on GPUs and Gloo on CPUs; one process stays alone.

    Args:
        device: option of the run.

    Raises:
        ConfigError: environment variables that torchrun would not set, or ranks that do not find each other.
    """
    ranks = from_environment(os.environ)
    if ranks.count == 1:
        yield ranks
        return
    on_gpu = device != "cpu" and torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(ranks.local)
    with ranks.talking():
        store, _, _ = next(distributed.rendezvous("env://", timeout=PATIENCE))
        # torchrun may keep its store when it starts ranks again; what the dead ones left there would be found.
        attempt = distributed.PrefixStore(f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
        distributed.init_process_group(
            "nccl" if on_gpu else "gloo", store=attempt, rank=ranks.rank, world_size=ranks.count, timeout=PATIENCE
        )
    own = attempt.clone() if hasattr(attempt, "clone") else attempt  # a connection that no collective blocks
    bulletin = Bulletin(distributed.PrefixStore("signs", own), ranks.rank, ranks.count)
    bulletin.start()
    try:
        yield ranks
    except BaseException as error:
        # The group is left as it is: to take it down would wait for ranks that may be gone.
        if bulletin.lost is None:
            bulletin.fail(type(error).__name__ if str(error) == "" else str(error).partition("\n")[0])
        elif isinstance(error, KeyboardInterrupt):
            bulletin.fail(bulletin.lost)
            raise ConfigError(
                f"{bulletin.lost}, so rank {ranks.rank} ends too; finished work is kept, go on with --resume"
            ) from error
        raise
    bulletin.end()
    distributed.destroy_process_group()


def from_environment(environment: Mapping[str, str]) -> Ranks:
    """Rank and count as torchrun says them; one process where neither is said.

    Raises:
        ConfigError: a variable that is missing or no such number.
    """
    if not any(name in environment for name in NUMBERS[:2]):
        return Ranks()
    missing = [name for name in (*NUMBERS, *ADDRESS) if name not in environment]
    if missing:
        given = next(name for name in NUMBERS if name in environment)
        raise ConfigError(f"{given} is set but {missing[0]} is not; start with torchrun, or unset {given}")
    numbers = {name: environment[name] for name in NUMBERS}
    wrong = next((name for name, text in numbers.items() if not text.isdecimal()), None)
    if wrong:
        raise ConfigError(f"{wrong} is '{numbers[wrong]}', expected a whole number; start with torchrun")
    rank, count, local = (int(text) for text in numbers.values())
    if rank >= count:
        raise ConfigError(f"RANK is {rank}, expected less than WORLD_SIZE, {count}; start with torchrun")
    return Ranks(rank, count, local)
