"""Datasets by name: the benchmarks of the field, any folder in OTB's layout, and a synthetic one.

Nothing is downloaded. Every text file of boxes is read and written as 1-based, the convention of the field.
"""

from functools import partial
from pathlib import Path

from data.datasets.base import DATASETS, Dataset, Loader, check_subset, collect
from data.datasets.clip import Clip
from data.datasets.otb import OTB_LAYOUT, find_otb, read_otb, write_otb
from data.synthetic.sequence import ATTRIBUTES, synthetic_sequence

_ALIASES = {"otb100": "otb2015"}
_SYNTHETIC_LENGTH = 60
_CHALLENGES = ((), *((attribute,) for attribute in ATTRIBUTES))


def load_dataset(name: str, root: str | Path, subset: str | None = None) -> Dataset:
    """Read a dataset by its registered name.

    Args:
        name: One of `DATASETS`, or ``otb100``.
        root: Folder of the dataset; for ``synthetic`` the folder it is rendered into the first time.
        subset: One of the dataset's own, e.g. ``val`` of ``got10k``; None for its usual one.

    Returns:
        The sequences that can be used; ``missing`` names those of the official list that the root does not hold,
        ``broken`` those that are inconsistent.

    Raises:
        ValueError: The dataset or subset is unknown.
        FileNotFoundError: The root does not exist or holds none of the dataset's sequences.
    """
    (_, loader), root = find_dataset(name), Path(root).absolute()
    if name == "synthetic":
        root.mkdir(parents=True, exist_ok=True)
    if not root.is_dir():
        raise FileNotFoundError(f"dataset root of {name} does not exist: {root}")
    return loader(root, subset)


def find_dataset(name: str) -> tuple[str, Loader]:
    """Return the registered name of a dataset (``otb2015`` for ``otb100``) and its loader.

    Raises:
        ValueError: The dataset is unknown.
    """
    registered = _ALIASES.get(name, name)
    return registered, DATASETS[registered]


@DATASETS.register("folder")
def load_folder(root: Path, subset: str | None) -> Dataset:
    """Read any tree of folders in OTB's layout, whatever their names."""
    check_subset("folder", subset, ("all",))
    readers = {folder.name: partial(read_otb, folder) for folder in find_otb(root)}
    return collect("folder", "folder", root, readers, layout=OTB_LAYOUT)


@DATASETS.register("synthetic")
def load_synthetic(root: Path, subset: str | None) -> Dataset:
    """Read one plain sequence and one for each of OTB's attributes; those that do not exist yet are rendered."""
    check_subset("synthetic", subset, ("all",))
    names = ["_".join(["synthetic", *attributes]) for attributes in _CHALLENGES]
    readers = {
        name: partial(_rendered, root / name, seed, attributes)
        for seed, (name, attributes) in enumerate(zip(names, _CHALLENGES, strict=True))
    }
    return collect("synthetic", "synthetic", root, readers, len(readers), layout=OTB_LAYOUT)


def _rendered(folder: Path, seed: int, attributes: tuple[str, ...]) -> list[Clip]:
    if not folder.exists():
        write_otb(synthetic_sequence(seed, _SYNTHETIC_LENGTH, attributes=attributes), folder, ".jpg")
    return read_otb(folder)
