"""Counts taken from labels, and the losses that are built from them."""

import pytest
import torch

from losses import build_loss, build_map_loss, count_labels, list_losses
from losses.registry import loss_class, map_settings


def peaks(*places, size=(2, 3)):
    """Maps with one peak each, at these (row, column), soft around it."""
    maps = torch.full((len(places), 1, *size), 0.1)
    for number, (row, column) in enumerate(places):
        maps[number, 0, row, column] = 0.9
    return maps


def test_a_location_counts_how_often_the_peak_was_there():
    batches = [peaks((0, 0), (1, 2)), peaks((1, 2), (1, 2)), torch.zeros(4, 1, 2, 3)]
    assert count_labels(batches, "spatial").tolist() == [1, 1, 1, 1, 1, 3]
    assert count_labels([peaks((0, 0), (0, 0))], "spatial").tolist() == [2, 1, 1, 1, 1, 1]


@pytest.mark.parametrize("setting", ["binary", "regress"])
def test_background_and_foreground(setting):
    assert count_labels([peaks((0, 0)), peaks((1, 1), (0, 2))], setting).tolist() == [15, 3]
    assert count_labels([torch.zeros(1, 1, 2, 3)], setting).tolist() == [6, 1]


def test_classes():
    assert count_labels([torch.tensor([0, 3]), torch.tensor([1, 0])], "class").tolist() == [2, 1, 1, 1]
    assert count_labels([torch.tensor([0])], "class", classes=3).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("batches", "setting", "message"),
    [
        ([], "spatial", "at least one batch"),
        ([torch.zeros(2, 3)], "spatial", r"\(N, 1, H, W\), got \(2, 3\)"),
        ([torch.zeros(1, 1, 2, 3), torch.zeros(1, 1, 3, 3)], "spatial", "one size, got 6 and 9"),
        ([torch.zeros(3)], "class", "whole numbers"),
        ([torch.zeros(3)], "classes", "setting must be one of"),
    ],
)
def test_wrong_labels_are_refused(batches, setting, message):
    with pytest.raises(ValueError, match=message):
        count_labels(batches, setting)
    with pytest.raises(ValueError, match="below classes = 2, got 4"):
        count_labels([torch.tensor([4])], "class", classes=2)


@pytest.mark.parametrize("name", ["cdt", "seql"])
def test_a_map_loss_counts_for_itself(name):
    labels = peaks((0, 0), (0, 0), (0, 0), (1, 1))
    loss = build_map_loss(name, lambda: [labels], gamma=0.5)
    assert loss.setting == "spatial"
    assert loss.counts.tolist() == [3, 1, 1, 1, 1, 1]
    given = build_loss(name, counts=[3, 1, 1, 1, 1, 1], gamma=0.5, setting="spatial").eval()
    logits = torch.randn(4, 1, 2, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(loss.eval()(logits, labels), given(logits, labels))


def test_labels_are_only_read_by_a_loss_that_counts():
    def unreadable():
        raise AssertionError

    assert build_map_loss("l2", unreadable).setting == "regress"
    assert build_map_loss("cdt", unreadable, counts=[1, 2, 3]).counts.tolist() == [1, 2, 3]
    assert build_map_loss("influence-balanced", unreadable).counts is None
    with pytest.raises(TypeError, match="needs the argument 'counts'"):
        build_map_loss("cdt")
    with pytest.raises(ValueError, match="setting must be one of 'binary'"):
        build_map_loss("focal", setting="class")


def test_every_loss_trains_a_map_or_says_where_it_works():
    label = peaks((0, 0), (1, 2))
    only_classes = {name for name in list_losses() if loss_class(name).settings == ("class",)}
    assert only_classes == {"ce", "class-balanced", "eql"}
    for name in only_classes:
        with pytest.raises(ValueError, match=rf"^loss '{name}' cannot train .* build_loss\('{name}', .*$"):
            map_settings(name)
    for name in set(list_losses()) - only_classes:
        loss = build_map_loss(name, lambda: [label])
        response = torch.linspace(-1, 1, 12).reshape(2, 1, 2, 3).requires_grad_()
        given = {"features": torch.ones(2, 4, 2, 3)} if loss.needs_features else {}
        loss.set_step(0)
        (slope,) = torch.autograd.grad(loss(response, label, **given), response)
        assert slope.isfinite().all()
        assert slope.any()
