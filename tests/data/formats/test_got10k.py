"""The layout read by GOT-10k's own toolkit."""

import numpy as np

from data.formats import write_tracks
from tests.material.tracks import make_tracks


def test_got10ks_toolkit_reads_its_layout(tmp_path):
    from got10k.datasets import GOT10k

    tracks = make_tracks()
    write_tracks(tmp_path / "val", "got10k", tracks)
    for folder in (tmp_path / "val").iterdir():
        if folder.is_dir():
            for frame in range(12):
                (folder / f"{frame + 1:08d}.jpg").touch()
    dataset = GOT10k(tmp_path, subset="val", return_meta=True)
    images, boxes, meta = dataset["car"]
    assert len(images) == len(boxes) == 12
    believed = tracks[0].present
    np.testing.assert_allclose(boxes[:10][believed], tracks[0].bboxes[believed] + (1, 1, 0, 0), atol=1e-4)
    assert meta["absence"].tolist() == [*(~believed).astype(int), 1, 1]
    assert meta["cover"].tolist() == [*(8 * believed), 0, 0]
    assert meta["object_class"] == "vehicle"
    assert meta["resolution"] == "(160, 120)"
