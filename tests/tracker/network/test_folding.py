"""Folding changes the time of a network, not its numbers."""

import copy

import pytest
import torch
from torch import nn

from tracker.backbones.mobile import Mobile
from tracker.network.box_head import BoxHead
from tracker.network.folding import fold_norms


def lively(net):
    """A network whose normalisations have seen something, in evaluation mode."""
    torch.manual_seed(3)
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
            if part.affine:
                nn.init.uniform_(part.weight, 0.5, 2)
                nn.init.normal_(part.bias)
    return net.eval().requires_grad_(False)


def test_a_backbone_says_the_same_without_its_norms():
    net = lively(Mobile())
    folded = copy.deepcopy(net)
    fold_norms(folded)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in folded.modules())
    images = torch.rand(1, 3, 64, 96) * 255
    torch.testing.assert_close(folded(images), net(images), rtol=1e-3, atol=1e-3)


def test_a_box_head_keeps_only_the_norm_that_no_convolution_comes_before():
    head = lively(BoxHead(12, 8))
    folded = copy.deepcopy(head)
    fold_norms(folded)
    assert [name for name, part in folded.named_modules() if isinstance(part, nn.BatchNorm2d)] == [
        "standardise"
    ]
    template, search = torch.randn(2, 1, 12, 32, 32).unbind()
    box = torch.tensor([[100.0, 90, 60, 70]])
    one, two = head(head.start(template, box), search), folded(folded.start(template, box), search)
    torch.testing.assert_close(two.bbox, one.bbox, rtol=1e-3, atol=1e-2)
    torch.testing.assert_close(two.logit, one.logit, rtol=1e-3, atol=1e-3)


def test_in_training_it_is_refused():
    with pytest.raises(ValueError, match="evaluation mode"):
        fold_norms(Mobile())
