import pytest

from bench.errors import ConfigError
from bench.process.ranks import Ranks, from_environment

TORCHRUN = {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}


def test_one_process_without_torchrun():
    ranks = from_environment({})
    assert (ranks.rank, ranks.count, ranks.local, ranks.first) == (0, 1, None, True)
    assert ranks.share([3, 4, 7]) == [3, 4, 7]
    ranks.require_same({"weights": "w"})


def test_the_environment_of_torchrun():
    ranks = from_environment(TORCHRUN)
    assert (ranks.rank, ranks.count, ranks.local, ranks.first) == (1, 4, 1, False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"RANK": None}, "WORLD_SIZE is set but RANK is not; start with torchrun, or unset WORLD_SIZE"),
        ({"WORLD_SIZE": None}, "RANK is set but WORLD_SIZE is not; start with torchrun, or unset RANK"),
        ({"MASTER_PORT": None}, "RANK is set but MASTER_PORT is not; start with torchrun, or unset RANK"),
        ({"RANK": "first"}, "RANK is 'first', expected a whole number; start with torchrun"),
        ({"LOCAL_RANK": "-1"}, "LOCAL_RANK is '-1', expected a whole number; start with torchrun"),
        ({"RANK": "4"}, "RANK is 4, expected less than WORLD_SIZE, 4; start with torchrun"),
    ],
)
def test_an_environment_that_torchrun_would_not_set(change, said):
    environment = {key: value for key, value in (TORCHRUN | change).items() if value is not None}
    with pytest.raises(ConfigError) as error:
        from_environment(environment)
    assert str(error.value) == said


def test_every_item_is_one_ranks(monkeypatch):
    monkeypatch.setattr("bench.process.ranks.distributed.broadcast_object_list", lambda *_, **__: None)
    shares = [Ranks(rank, 3, rank).share(range(10)) for rank in range(3)]
    assert shares[0] == [0, 3, 6, 9]
    assert sorted(item for share in shares for item in share) == list(range(10))


def test_a_rank_that_would_compute_something_else_is_named(monkeypatch):
    def gather(every: list, own: dict) -> None:
        every[:] = [own, own, {**own, "weights": "other"}]

    monkeypatch.setattr("bench.process.ranks.distributed.all_gather_object", gather)
    with pytest.raises(ConfigError, match="rank 2 has other weights than rank 0; every rank needs the same options"):
        Ranks(0, 3, 0).require_same({"weights": "w", "data": "d"})


def test_ranks_that_do_not_answer_are_one_line(monkeypatch):
    def gone(*_: object) -> None:
        raise RuntimeError("Connection closed by peer\nmore")

    monkeypatch.setattr("bench.process.ranks.distributed.all_gather_object", gone)
    with pytest.raises(ConfigError) as error:
        Ranks(1, 2, 1).require_same({})
    assert (
        str(error.value) == "rank 1 of 2 lost the others (Connection closed by peer); start all of them with torchrun"
    )


def test_one_process_agrees_with_itself():
    assert Ranks().agreed([3, 1]) == [3, 1]
    assert Ranks().first_of("why") == "why"
    assert Ranks().first_of(None) is None
