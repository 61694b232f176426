from functools import partial
from types import SimpleNamespace

import pytest

from cam.contract import asked_for, call

KNOWN = {"activations": "A", "gradients": "G", "seed": "of the run"}


def asked(function):
    return asked_for(function, KNOWN, "method 'own'", ValueError)


def test_parameters_name_what_is_needed_in_their_order():
    assert asked(lambda gradients, activations: None) == ("gradients", "activations")


def test_a_parameter_with_a_default_that_is_no_input_keeps_it():
    def sharpened(activations, power=2):
        return activations**power

    assert asked(sharpened) == ("activations",)
    assert call(sharpened, asked(sharpened), SimpleNamespace(activations=3)) == 9
    assert asked(partial(sharpened, power=3)) == ("activations",)
    assert asked(partial(lambda activations, seed: None, seed=1)) == ("activations",)


def test_every_input_is_looked_at_once_and_only_if_asked_for():
    looked = []

    class Inputs:
        @property
        def activations(self):
            looked.append("activations")
            return 1

        @property
        def gradients(self):
            raise AssertionError("nobody asked")

    assert call(lambda activations: activations + 1, ["activations"], Inputs()) == 2
    assert looked == ["activations"]


def test_a_typo_is_told_with_the_closest_name():
    def broken(activation):
        return activation

    with pytest.raises(ValueError, match=r"method 'own' asks for an unknown input 'activation' \(did you mean 'activ"):
        asked(broken)


@pytest.mark.parametrize("function", [lambda *activations: None, lambda **activations: None, lambda seed, /: None])
def test_parameters_must_have_names(function):
    with pytest.raises(ValueError, match="its parameters must be named: activations, gradients, seed"):
        asked(function)


def test_a_function_that_asks_for_nothing_or_cannot_be_read_is_refused():
    with pytest.raises(ValueError, match="asks for nothing"):
        asked(lambda: None)
    with pytest.raises(ValueError, match="method 'own' has no parameters that can be read"):
        asked(type)
