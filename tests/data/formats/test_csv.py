"""The table as pandas reads it."""

import numpy as np
import pytest

from data.formats import write_tracks
from tests.material.tracks import make_tracks


def test_pandas_reads_the_table(tmp_path):
    pandas = pytest.importorskip("pandas")
    tracks = make_tracks()
    (file,) = write_tracks(tmp_path, "csv", tracks)
    table = pandas.read_csv(file)
    car = table[table["name"] == "car"]
    np.testing.assert_allclose(car[["x", "y", "w", "h"]], tracks[0].bboxes, atol=1e-4)
    assert car["lost"].tolist() == tracks[0].lost.astype(int).tolist()
    assert not table["name"].str.startswith("=").any()
