"""Losses by name: new files, names and answers to wrong ones."""

import pytest

from losses import build_loss, list_losses, register_loss
from losses.registry import loss_class


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
