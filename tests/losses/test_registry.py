"""Losses by name: new files, names and answers to wrong ones."""

import importlib
import sys

import pytest

import losses
from losses import build_loss, list_losses, register_loss
from losses.registry import loss_class

NEW_FAMILY = '''
"""A loss that did not exist a moment ago."""
from losses import ModulatedLoss, register_loss

@register_loss("quartic")
class Quartic(ModulatedLoss):
    setting = "regress"

    def base_loss(self, prediction, target):
        return (prediction - target).square()

    def modulation(self, prediction, target):
        return (prediction - target).square()
'''


@pytest.fixture
def new_family(tmp_path, monkeypatch):
    """A file with a loss, in a folder that the package looks in, as a new file in losses/ would be."""
    (tmp_path / "quartic.py").write_text(NEW_FAMILY)
    monkeypatch.setattr(losses, "__path__", [*losses.__path__, str(tmp_path)])
    list_losses()
    registered = importlib.import_module("losses.registry")._LOSSES
    yield
    registered.pop("quartic")
    sys.modules.pop("losses.quartic")


def test_names_are_unique_and_safe():
    with pytest.raises(ValueError, match=r"'l2' is already registered by losses\.regression\.L2"):
        register_loss("l2")(loss_class("l3"))
    for name in ("", "L2", "-l2", "l2/x", "l 2"):
        with pytest.raises(ValueError, match="must match"):
            register_loss(name)


def test_unknown_names_are_answered_with_the_closest():
    with pytest.raises(ValueError, match=r"unknown loss 'shrinkge'.*l2, l3.*did you mean 'shrinkage'"):
        build_loss("shrinkge")
    with pytest.raises(TypeError, match=r"no argument 'gama' \(did you mean 'gamma'\?\).*\(gamma: float"):
        build_loss("focal-regression", gama=2)
    with pytest.raises(ValueError, match="setting must be one of"):
        list_losses("regression")
