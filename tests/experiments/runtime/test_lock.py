"""One writer a folder: the second is told, and the lock goes with its holder."""

import pytest

from experiments.runtime.lock import holding


def test_a_second_writer_is_told_and_the_folder_is_free_again(tmp_path):
    folder = tmp_path / "new" / "run"
    with holding(folder, "another run"):
        second = holding(tmp_path / "new" / ".." / "new" / "run", "another run")  # the same by another name
        with pytest.raises(RuntimeError, match=r"another run is writing into .*run: wait for it"):
            second.__enter__()
        with holding(tmp_path / "new" / "other", "another run"):
            pass
    with holding(folder, "another run"):
        assert not folder.exists()  # only who writes makes it
    assert not any(folder.parent.iterdir())


def test_an_error_inside_frees_it(tmp_path):
    with pytest.raises(ValueError, match="wrong"), holding(tmp_path / "run", "another run"):
        raise ValueError("wrong")
    assert not any(tmp_path.iterdir())
    with holding(tmp_path / "run", "another run"):
        pass
