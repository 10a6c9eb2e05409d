"""Published convolutional networks in ONNX files, run by ONNX Runtime."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracker.backbones.base import BACKBONES, Backbone
from tracker.backbones.cells import place_cells
from tracker.backbones.weights import onnx_file

if TYPE_CHECKING:
    import onnx

MAX_STRIDE = 16
"""Largest stride used: coarser levels cannot locate a target in a search region."""

_PROBE = 8 * MAX_STRIDE
"""Side of the image with which strides are measured; every level has a whole number of cells on it."""


@BACKBONES.register("onnx8")
class OnnxNetwork(Backbone):
    """The outputs of strides up to 16 of an ONNX file, side by side on a map of stride 8; nothing is trained.

    Frozen features of EfficientNet-Lite0, ShuffleNetV2, NanoTrack's backbone or any other network whose outputs are
    maps. It takes RGB in [0, 255], or BGR if the file's ``doc_string`` says so; any other preparation of the image
    must be part of the graph.

    Args:
        weights: the ``.onnx`` file.

    Raises:
        ValueError: no file was given, or it is damaged or has no map of a stride up to 16 among its outputs.
        FileNotFoundError: there is no such file.
        ModuleNotFoundError: the package ``onnx`` or ``onnxruntime`` is missing.
    """

    stride = 8
    takes_weights = True

    def __init__(self, weights: str | Path | None = None) -> None:
        super().__init__()
        if weights is None:
            raise ValueError("backbone onnx needs a file: give weights='FILE.onnx' (--weights FILE.onnx)")
        file = Path(weights)
        self._session, self._reversed = _open(file)
        self._image = self._session.get_inputs()[0].name
        names = [output.name for output in self._session.get_outputs()]
        shapes = [level.shape for level in self._run(names, np.zeros((1, 3, _PROBE, _PROBE), np.float32))]
        strides = {name: _PROBE // shape[-1] for name, shape in zip(names, shapes, strict=True)}
        self.levels = {name: stride for name, stride in strides.items() if stride <= MAX_STRIDE}
        if not self.levels:
            raise ValueError(
                f"weights {file} must have an output of stride {MAX_STRIDE} or less, got {strides}"
            )
        self.blocks = tuple(
            shape[1] for name, shape in zip(names, shapes, strict=True) if name in self.levels
        )

    def forward(self, images: Tensor) -> Tensor:
        """Extract features float32 ``(B, C, H/stride, W/stride)`` of RGB images ``(B, 3, H, W)`` in [0, 255]."""
        size = images.shape[-2] // self.stride, images.shape[-1] // self.stride
        array = images.detach().cpu().numpy()
        array = np.ascontiguousarray(array[:, ::-1]) if self._reversed else array
        # One by one: files are often exported for a batch of one.
        found = [self._run(list(self.levels), array[index : index + 1]) for index in range(len(array))]
        levels = [
            torch.from_numpy(np.concatenate(level)).to(images.device) for level in zip(*found, strict=True)
        ]
        placed = [
            place_cells(level, stride, self.stride, size)
            for level, stride in zip(levels, self.levels.values(), strict=True)
        ]
        return torch.cat(placed, dim=1)

    def _run(self, names: list[str], image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        levels: list[NDArray[np.float32]] = self._session.run(names, {self._image: image})
        return levels


@BACKBONES.register("onnx")
class OnnxStride4(OnnxNetwork):
    """`OnnxNetwork` on a map of stride 4, the stride of fHOG and colour."""

    stride = 4


def _open(file: Path) -> tuple[Any, bool]:
    """Open a session that runs the file's network on one thread; also return whether it takes BGR."""
    with onnx_file(file, "a network's weights") as model:
        _free_size(model)
        return inference_session(model), "BGR" in f"{model.doc_string} {model.graph.doc_string}"


def inference_session(model: "onnx.ModelProto") -> Any:
    """Make a session of ONNX Runtime on one thread: maps are small, and threads would wait for one another."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # a map of another size than the example's is no reason to warn
    providers = ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=providers)


def _free_size(model: "onnx.ModelProto") -> None:
    """Allow images of any height and width; remove the shapes that depend on them."""
    for place, name in ((2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[place].dim_param = name
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
