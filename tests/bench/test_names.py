import pytest

from bench.errors import ConfigError
from bench.names import resolve, unknown
from weights import ARCHITECTURES

REGISTRY = {"gradcam": "first", "layercam": "second"}


def test_registry_names_resolve():
    assert resolve("method", "layercam", REGISTRY) == "second"


def test_unknown_names_give_the_closest_and_all():
    with pytest.raises(
        ConfigError, match=r"unknown method 'grad-cam' \(did you mean 'gradcam'\?\); known: gradcam, layercam"
    ):
        resolve("method", "grad-cam", REGISTRY)
    assert unknown("method", "zzz", REGISTRY) == "unknown method 'zzz'; known: gradcam, layercam"


def test_own_functions_resolve_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "my_maps.py").write_text("def half(activations, gradients):\n    return 0.5\nvalue = 3\n")
    monkeypatch.chdir(tmp_path)
    assert resolve("method", "my_maps:half", REGISTRY)(None, None) == 0.5
    with pytest.raises(ConfigError, match="module 'my_maps' has no 'third'"):
        resolve("method", "my_maps:third", REGISTRY)
    with pytest.raises(ConfigError, match="'value' is a int, expected a function"):
        resolve("method", "my_maps:value", REGISTRY)
    with pytest.raises(ConfigError, match="cannot import 'no_such_module'"):
        resolve("method", "no_such_module:f", REGISTRY)


def test_an_entry_of_ones_own_resolves(tmp_path, monkeypatch):
    (tmp_path / "ownentry.py").write_text(
        "from weights import ARCHITECTURES\nmine = ARCHITECTURES['alexnet']\nvalue = 3\n"
    )
    monkeypatch.chdir(tmp_path)
    assert resolve("architecture", "ownentry:mine", ARCHITECTURES) is ARCHITECTURES["alexnet"]
    with pytest.raises(ConfigError, match="'value' is a int"):
        resolve("architecture", "ownentry:value", ARCHITECTURES)
