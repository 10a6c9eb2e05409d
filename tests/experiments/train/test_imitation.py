"""The share of a teacher's variance that a student leaves unexplained."""

import numpy as np
import pytest
import torch
from torch import nn

from experiments.train.imitation import UNUSED_WEIGHT, Imitation, feature_deviations
from tracker.backbones import Backbone, Stage


class Linear(Backbone):
    """Two blocks of channels: a fixed linear map of 4x4 patches."""

    stride, blocks = 4, (2, 3)

    def __init__(self, seed):
        super().__init__()
        self.map = nn.Conv2d(3, 5, 4, stride=4, bias=False)
        nn.init.normal_(self.map.weight, generator=torch.Generator().manual_seed(seed))

    def forward(self, images):
        return self.map(images)


class OnTheWay(Linear):
    """The same, whose first block is only on the way to the second."""

    def stages(self, images):
        first, second = self(images).split(self.blocks, dim=1)
        return [Stage(first, False), Stage(second, True)]


class Saying(Backbone):
    """A student that says the same features of any image."""

    stride, blocks = 4, (2, 3)

    def __init__(self, features):
        super().__init__()
        self.features = features

    def forward(self, images):
        return self.features.expand(len(images), -1, 4, 4)


def images(seed, count=6):
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed)) * 255


def test_deviations_are_numpys_over_all_cells():
    teacher, batches = Linear(0), [images(1), images(2)]
    cells = torch.cat([teacher(batch).detach() for batch in batches]).double().numpy()
    found = torch.cat(feature_deviations(teacher, batches))[:, 0, 0].numpy()
    np.testing.assert_allclose(found, cells.std(axis=(0, 2, 3)), rtol=1e-5)


def test_a_student_that_equals_the_teacher_leaves_nothing():
    loss, shares = Imitation(Linear(0), [images(1)])(Linear(0), images(2))
    assert loss.tolist() == [0] * 6
    assert shares.tolist() == [0, 0]


def mean_of(seen):
    return Saying(Linear(0)(seen).detach().mean((0, 2, 3))[None, :, None, None])


def test_a_student_that_says_the_mean_leaves_everything():
    seen = images(1, 64)
    loss, shares = Imitation(Linear(0), [seen])(mean_of(seen), seen)
    assert shares.tolist() == pytest.approx([1, 1], rel=1e-4)
    assert float(loss.mean()) == pytest.approx(2, rel=1e-4)


def test_a_layer_on_the_way_counts_less_and_is_no_share():
    seen = images(1, 64)
    loss, shares = Imitation(OnTheWay(0), [seen])(mean_of(seen), seen)
    assert len(shares) == 1
    assert float(loss.mean()) == pytest.approx(1 + UNUSED_WEIGHT, rel=1e-4)


def test_only_the_student_learns():
    student, imitation = Linear(1), Imitation(Linear(0), [images(1)])
    imitation(student, images(2))[0].mean().backward()
    assert student.map.weight.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in imitation.parameters())


def test_a_student_of_another_form_is_refused():
    student = Linear(1)
    student.blocks = (5,)
    with pytest.raises(ValueError, match=r"\(2, 4, 4\).*got \[\(5, 4, 4\)\]"):
        Imitation(Linear(0), [images(1)])(student, images(2))
    with pytest.raises(ValueError, match="at least one batch"):
        Imitation(Linear(0), [])


class TwoLayers(Backbone):
    """Patches, and a linear map of what is said of them; both are shown."""

    stride, blocks = 4, (3,)

    def __init__(self, first, second):
        super().__init__()
        self.first, self.second = Linear(first).map, nn.Conv2d(5, 3, 1)
        nn.init.normal_(self.second.weight, generator=torch.Generator().manual_seed(second))
        nn.init.zeros_(self.second.bias)

    def stages(self, images, instead=None):
        first = self.first(images)
        return [Stage(first, False), Stage(self.second(instead(0, first) if instead else first), True)]


@pytest.mark.parametrize(("forced", "count"), [(0.0, 0), (0.5, 3), (1.0, 6)])
def test_a_layer_of_a_forced_image_sees_what_the_teachers_layer_before_says(forced, count):
    """The student's second layer is the teacher's and its first is not, so that forced images have no error in it."""
    teacher, student, seen = TwoLayers(0, 0), TwoLayers(1, 0), images(2)
    imitation = Imitation(teacher, [images(1)])
    loss, shares = imitation(student, seen, forced)
    deviations = feature_deviations(teacher, [images(1)])
    errors = [
        ((ours.features - theirs.features) / deviation).square().mean((1, 2, 3))
        for ours, theirs, deviation in zip(
            student.stages(seen), teacher.stages(seen), deviations, strict=True
        )
    ]
    expected = UNUSED_WEIGHT * errors[0] + torch.where(torch.arange(6) < count, 0.0, errors[1])
    torch.testing.assert_close(loss, expected)
    assert float(shares) == pytest.approx(float(errors[1].detach()[count:].sum()) / 6, rel=1e-4)
