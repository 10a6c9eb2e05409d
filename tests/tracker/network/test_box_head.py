"""The box head: cells, distances and overlaps against geometry, the loss against closed forms, and that it learns."""

import math

import pytest
import torch

from tracker.network.box_head import BoxHead, BoxMap, box_loss, cell_centers, distances, overlaps


def test_cells_are_where_their_pixels_are():
    centers = cell_centers((2, 3), 16, torch.zeros(1))
    assert centers[1, 2].tolist() == [2 * 16 + 7.5, 16 + 7.5]
    assert centers.shape == (2, 3, 2)


def test_distances_go_to_the_edges_of_the_box():
    # A box of one pixel reaches half a pixel from its middle; one of 4x2 at (10, 20) covers 9.5..13.5, 19.5..21.5.
    assert distances(torch.tensor([3.0, 5.0]), torch.tensor([3.0, 5.0, 1.0, 1.0])).tolist() == [0.5] * 4
    found = distances(torch.tensor([11.0, 20.0]), torch.tensor([10.0, 20.0, 4.0, 2.0]))
    assert found.tolist() == [1.5, 0.5, 2.5, 1.5]


@pytest.mark.parametrize(
    ("other", "iou", "giou"),
    [
        ((0, 0, 4, 4), 1, 1),
        ((2, 0, 4, 4), 8 / 24, 8 / 24),
        ((6, 0, 4, 4), 0, -8 / 40),
        ((1, 1, 2, 2), 4 / 16, 4 / 16),
    ],
)
def test_overlaps_are_those_of_rectangles(other, iou, giou):
    found = overlaps(torch.tensor([0.0, 0, 4, 4]), torch.tensor(other, dtype=torch.float32))
    assert [float(value) for value in found] == pytest.approx([iou, giou])


def said(bbox, logit, cells=8, stride=16):
    boxes = torch.tensor(bbox).view(1, 4, 1, 1).expand(1, 4, cells, cells)
    return BoxMap(boxes.clone().requires_grad_(), torch.full((1, 1, cells, cells), logit), stride)


def test_the_loss_of_a_true_box_is_what_is_left_of_the_doubt():
    true = torch.tensor([[40.0, 40.0, 48.0, 48.0]])
    # IoU 1 is wanted at the middle, 0 outside: -log σ(2) and -log(1 - σ(2)).
    doubt = math.log1p(math.exp(-2)) + math.log1p(math.exp(2))
    assert box_loss(said([40.0, 40.0, 48.0, 48.0], 2.0), true).item() == pytest.approx(doubt, rel=1e-5)


def test_the_loss_of_a_box_twice_as_wide():
    true = torch.tensor([[40.0, 40.0, 48.0, 48.0]])
    expected = (1 - 0.5) + 0.5 * math.log(2) + 2 * math.log(2)  # GIoU 1/2; cross-entropy of σ(0) twice
    assert box_loss(said([40.0, 40.0, 96.0, 48.0], 0.0), true).item() == pytest.approx(expected, rel=1e-5)


def scenes(count, seed):
    """Bright rectangles of each pair's own colour on noise: template in the middle, search anywhere."""
    generator = torch.Generator().manual_seed(seed)
    color = torch.randn(count, 6, 1, 1, generator=generator)
    template, search = 0.3 * torch.randn(2, count, 6, 32, 32, generator=generator)
    size = torch.randint(6, 12, (count, 2), generator=generator)
    first, second = torch.zeros(2, count, 4)
    for k, (w, h) in enumerate(size.tolist()):
        x, y = (int(torch.randint(4, 28 - side, (), generator=generator)) for side in (w, h))
        for features, bbox, left, top in (
            (template, first, 16 - w // 2, 16 - h // 2),
            (search, second, x, y),
        ):
            features[k, :, top : top + h, left : left + w] += color[k]
            bbox[k] = torch.tensor([left, top, w, h]) * 8.0
    return template, first, search, second


def test_it_learns_to_see_the_extent_of_what_the_template_shows():
    torch.manual_seed(0)
    head = BoxHead(6, 8, hidden=16, width=32, depth=2)
    optimiser = torch.optim.AdamW(head.parameters(), lr=5e-3)
    for step in range(60):
        template, first, search, second = scenes(16, step)
        loss = box_loss(head(head.start(template, first), search), second)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    head.eval()
    template, first, search, second = scenes(32, 1000)
    with torch.no_grad():
        found = head(head.start(template, first), search)
    middle = ((second[:, :2] + second[:, 2:] / 2 - 8) / 16).round().long()
    boxes = found.bbox[torch.arange(32), :, middle[:, 1], middle[:, 0]]
    assert overlaps(boxes, second)[0].mean() > 0.7
    # Overlap is expected where the target is, and nowhere else.
    at_middle = found.logit[torch.arange(32), 0, middle[:, 1], middle[:, 0]].sigmoid()
    assert at_middle.mean() > 3 * found.logit.sigmoid().mean()


def test_maps_without_a_middle_are_refused():
    head = BoxHead(6, 8)
    bbox = torch.tensor([[64.0, 64.0, 64.0, 64.0]])
    for cells in (26, 12):  # 13 cells of the head, and 6
        with pytest.raises(ValueError, match="even number of cells of 16 pixels, at least 8, got"):
            head.start(torch.zeros(1, 6, cells, cells), bbox)


def test_boxes_scale_with_the_target():
    """A target twice as large in crop pixels has a box twice as large for the same features."""
    torch.manual_seed(0)
    head = BoxHead(6, 8).eval()
    features = torch.randn(1, 6, 32, 32)
    sizes = []
    with torch.no_grad():
        for side in (32.0, 64.0):
            template = head.start(features, torch.tensor([[128 - side / 2, 128 - side / 2, side, side]]))
            template = template._replace(extent=torch.zeros_like(template.extent))
            sizes.append(head(template, features).bbox[:, 2:])
    torch.testing.assert_close(sizes[1], 2 * sizes[0])
