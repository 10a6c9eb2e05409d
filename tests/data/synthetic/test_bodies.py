"""Bodies: box, coverage and texture against closed forms."""

import numpy as np
import pytest

from data.synthetic.bodies import Body, Pose


class TestBody:
    @pytest.mark.parametrize("angle", [0.0, 0.4, np.pi / 2, -2.0])
    @pytest.mark.parametrize("centre", [(50.0, 40.0), (50.3, 40.85)])
    def test_an_ellipse_has_the_box_and_area_of_the_formula(self, angle, centre):
        a, b = 21.0, 13.0
        body = Body((a, b), np.full((8, 8, 3), 200, np.float32))
        pose = Pose(*centre, angle=angle)
        half_w, half_h = (
            np.hypot(a * np.cos(angle), b * np.sin(angle)),
            np.hypot(a * np.sin(angle), b * np.cos(angle)),
        )
        expected = (centre[0] - half_w + 0.5, centre[1] - half_h + 0.5, 2 * half_w, 2 * half_h)
        np.testing.assert_allclose(body.bbox(pose), expected, atol=2e-3)
        mask = body.coverage((100, 80), [pose])
        assert mask.sum() == pytest.approx(np.pi * a * b, rel=2e-3)
        columns, rows = mask.sum(axis=0), mask.sum(axis=1)
        assert columns @ np.arange(100) / mask.sum() == pytest.approx(centre[0], abs=0.01)
        assert rows @ np.arange(80) / mask.sum() == pytest.approx(centre[1], abs=0.01)

    def test_a_square_on_pixel_borders_covers_exactly_its_box(self):
        """Pixels 10…29 and 20…39: x 10, y 20, w 20, h 20 in the 0-based rule."""
        body = Body((10.0, 10.0), np.full((8, 8, 3), 255, np.float32), roundness=60.0)
        pose = Pose(19.5, 29.5)
        np.testing.assert_allclose(body.bbox(pose), [10, 20, 20, 20], atol=1e-3)
        covered = body.coverage((60, 60), [pose]) > 0.5
        assert covered[20:40, 12:28].all()
        assert covered[22:38, 10:30].all()
        assert not covered[:, :10].any()
        assert not covered[:, 30:].any()
        assert not covered[:20].any()
        assert not covered[40:].any()

    def test_scale_and_shift_act_on_the_box_as_written(self):
        body = Body((8.0, 6.0), np.zeros((8, 8, 3), np.float32), 3.0, (0.05, -0.04), (1.0, 2.0))
        x, y, w, h = body.bbox(Pose(0, 0))
        np.testing.assert_allclose(
            body.bbox(Pose(7.25, -3.5, scale=2.0)),
            [7.25 + 2 * (x - 0.5) + 0.5, -3.5 + 2 * (y - 0.5) + 0.5, 2 * w, 2 * h],
        )

    def test_the_texture_is_where_the_body_is(self):
        texture = np.zeros((40, 80, 3), np.float32)
        texture[:20, :, 0] = texture[20:, :, 2] = 250  # red above, blue below
        body = Body((20.0, 20.0), texture)
        upright, turned = (np.zeros((60, 60, 3), np.uint8) for _ in range(2))
        body.draw(upright, [Pose(30, 30)])
        body.draw(turned, [Pose(30, 30, angle=np.pi / 2)])  # clockwise: what was above is on the right
        assert upright[20, 30, 0] > 150 > 20 > upright[20, 30, 2]
        assert upright[40, 30, 2] > 120 > 20 > upright[40, 30, 0]
        assert turned[30, 40, 0] > 120 > 20 > turned[30, 40, 2]
        assert turned[30, 20, 2] > 120 > 20 > turned[30, 20, 0]
