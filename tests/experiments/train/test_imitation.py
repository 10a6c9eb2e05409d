"""The share of a teacher's variance that a student leaves unexplained."""

import numpy as np
import pytest
import torch
from torch import nn

from experiments.train.imitation import Imitation, feature_deviation
from tracker.backbones import Backbone


class Linear(Backbone):
    """Two blocks of channels: a fixed linear map of 4x4 patches."""

    stride, blocks = 4, (2, 3)

    def __init__(self, seed):
        super().__init__()
        self.map = nn.Conv2d(3, 5, 4, stride=4, bias=False)
        nn.init.normal_(self.map.weight, generator=torch.Generator().manual_seed(seed))

    def forward(self, images):
        return self.map(images)


def images(seed, count=6):
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed)) * 255


def test_deviation_is_numpy_s_over_all_cells():
    teacher, batches = Linear(0), [images(1), images(2)]
    cells = torch.cat([teacher(batch).detach() for batch in batches]).double().numpy()
    found = feature_deviation(teacher, batches)[:, 0, 0].numpy()
    np.testing.assert_allclose(found, cells.std(axis=(0, 2, 3)), rtol=1e-5)


def test_a_student_that_equals_the_teacher_leaves_nothing():
    shares = Imitation(Linear(0), [images(1)])(images(2), Linear(0)(images(2)))
    assert shares.shape == (6, 2)
    assert float(shares.max()) == 0


def test_a_student_that_says_the_mean_leaves_everything():
    teacher = Linear(0)
    seen = images(1, 64)
    mean = teacher(seen).detach().mean((0, 2, 3), keepdim=True)
    shares = Imitation(teacher, [seen])(seen, mean.expand(64, 5, 4, 4))
    assert shares.mean(0).tolist() == pytest.approx([1, 1], rel=1e-4)


def test_only_the_student_learns():
    student, images_ = Linear(1), images(2)
    imitation = Imitation(Linear(0), [images(1)])
    imitation(images_, student(images_)).mean().backward()
    assert student.map.weight.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in imitation.parameters())


def test_a_student_of_another_form_is_refused():
    student = Linear(1)
    student.blocks = (5,)
    with pytest.raises(ValueError, match=r"\(4, \(2, 3\)\).*\(4, \(5,\)\)"):
        Imitation(Linear(0), [images(1)]).check(student)
    with pytest.raises(ValueError, match="at least one batch"):
        Imitation(Linear(0), [])
