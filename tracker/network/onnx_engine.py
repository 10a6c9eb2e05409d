"""ONNX Runtime as the engine of what is learned off line: backbone and box head as one graph, and run."""

import io
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from tracker.backbones.base import Backbone, parts_of, side_by_side
from tracker.backbones.onnx import inference_session
from tracker.network.box_head import BoxHead, BoxMap, Template, check_template
from tracker.settings import describe

if TYPE_CHECKING:
    import onnx

OPSET = 17

RUNTIMES = ("auto", "onnx", "torch")
"""What runs the learned parts; auto is ONNX Runtime on a CPU where it is installed, else torch."""

_TEMPLATE = tuple(f"template_{name}" for name in Template._fields)
_BOXES = ("bbox", "logit")


def chosen_runtime(runtime: str, device: torch.device, backbone: Backbone) -> str:
    """``"onnx"`` or ``"torch"``: what a name of ``RUNTIMES`` means for this backbone on this machine.

    Raises:
        ValueError: another name, or ONNX Runtime for a device that is no CPU or for features without weights.
        ModuleNotFoundError: ONNX Runtime was asked for and is not installed.
    """
    if runtime not in RUNTIMES:
        raise ValueError(f"runtime must be one of {', '.join(RUNTIMES)}, got {runtime!r}")
    lacking = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    possible = device.type == "cpu" and learned_part(backbone) is not None
    if runtime == "auto":
        return "onnx" if possible and not lacking else "torch"
    if runtime == "onnx" and not possible:
        raise ValueError(
            "runtime 'onnx' is for device cpu and features one part of which has weights, got "
            f"device {device} and {type(backbone).__name__}: leave the runtime out"
        )
    if runtime == "onnx" and lacking:
        raise ModuleNotFoundError(f"runtime 'onnx' needs {', '.join(lacking)}: pip install onnx onnxruntime")
    return runtime


class OnnxSession:
    """Runs in ONNX Runtime the part of a graph between the tensors of some names."""

    def __init__(self, model: "onnx.ModelProto", inputs: Sequence[str], outputs: Sequence[str]) -> None:
        from onnx.utils import Extractor

        self._session = inference_session(Extractor(model).extract_model(list(inputs), list(outputs)))
        self._inputs, self._outputs = tuple(inputs), list(outputs)

    def __call__(self, *inputs: Tensor) -> list[Tensor]:
        """The outputs, of float32 tensors."""
        # Contiguous: ONNX Runtime takes an array in Fortran's order for one in C's.
        arrays = (np.ascontiguousarray(each.numpy()) for each in inputs)
        found = self._session.run(self._outputs, dict(zip(self._inputs, arrays, strict=True)))
        return [torch.from_numpy(each) for each in found]


class OnnxBackbone(Backbone):
    """A backbone that ONNX Runtime runs.

    Args:
        model: graph with the input ``images`` and the output ``features``.
        told: settings of the backbone that was exported.
    """

    def __init__(self, model: "onnx.ModelProto", told: dict[str, Any]) -> None:
        super().__init__()
        self.stride, self.blocks = int(told["stride"]), tuple(map(int, told["blocks"]))
        self.told = told
        self._session = OnnxSession(model, ["images"], ["features"])

    def settings(self) -> dict[str, Any]:
        """Those of the backbone that was exported, and what runs it."""
        return {**self.told, "runtime": "onnx"}

    def forward(self, images: Tensor) -> Tensor:
        """Features float32 ``(B, channels, H/stride, W/stride)`` of RGB images ``(B, 3, H, W)`` in [0, 255]."""
        return self._session(images)[0]


class OnnxBoxHead:
    """A box head that ONNX Runtime runs; used as ``BoxHead`` is.

    Args:
        model: graph with a box head's inputs and outputs.
        told: settings of the head that was exported, ``stride`` and ``patch`` among them.
    """

    def __init__(self, model: "onnx.ModelProto", told: dict[str, Any]) -> None:
        self.told, self.stride, self._patch = told, int(told["stride"]), int(told["patch"])
        self._start = OnnxSession(model, ["seen", "template_bbox"], _TEMPLATE)
        self._look = OnnxSession(model, ["seen", *Template._fields], _BOXES)

    def settings(self) -> dict[str, Any]:
        """Those of the head that was exported, and what runs it."""
        return {**self.told, "runtime": "onnx"}

    def start(self, features: Tensor, bbox: Tensor) -> Template:
        """As ``BoxHead.start``."""
        check_template(features.shape[-2] // self._patch, features.shape[-1] // self._patch, self.stride)
        return Template(*self._start(features, bbox))

    def __call__(self, template: Template, features: Tensor) -> BoxMap:
        """As ``BoxHead.forward``."""
        bbox, logit = self._look(features, *template)
        return BoxMap(bbox, logit, self.stride)


def learned_part(backbone: Backbone) -> int | None:
    """Index of the one part of a backbone that has weights, 0 for the whole; None if none or several have."""
    found = [
        index for index, part in enumerate(parts_of(backbone)) if next(part.parameters(), None) is not None
    ]
    return found[0] if len(found) == 1 else None


_engines: dict[str, tuple[OnnxBackbone, OnnxBoxHead | None]] = {}
"""By what they run: an export takes a third of a second, and what it gives never changes. The newest four."""


def on_onnx(backbone: Backbone, head: BoxHead | None, side: int) -> tuple[Backbone, OnnxBoxHead | None]:
    """The same features and box head with what was learned in ONNX Runtime.

    Args:
        backbone: on the CPU; one of its parts has weights.
        head: takes its features; or None.
        side: of a crop in pixels.
    """
    parts, place = parts_of(backbone), learned_part(backbone)
    assert place is not None
    told = describe(parts[place]), told_of_head(head)
    key = json.dumps(told)
    if key not in _engines:
        while len(_engines) >= 4:
            _engines.pop(next(iter(_engines)))
        model = export(parts[place], head, backbone.channels, side)
        _engines[key] = OnnxBackbone(model, told[0]), None if head is None else OnnxBoxHead(model, told[1])
    parts[place], found = _engines[key]
    return side_by_side(parts), found


def told_of_head(head: BoxHead | None) -> dict[str, Any]:
    """What a box head tells of itself, with its stride and the cells it makes one of; nothing of None."""
    return {} if head is None else {**describe(head), "stride": head.stride, "patch": head.patch}


class _Graph(nn.Module):
    """All that is exported, in one call."""

    def __init__(self, backbone: Backbone, head: BoxHead | None) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, images: Tensor, *boxes: Tensor) -> tuple[Tensor, ...]:
        features = self.backbone(images)
        if self.head is None:
            return (features,)
        seen, template_bbox, *template = boxes
        started, said = self.head.start(seen, template_bbox), self.head(Template(*template), seen)
        return (features, *started, *(getattr(said, name) for name in _BOXES))


def export(backbone: Backbone, head: BoxHead | None, channels: int, side: int) -> "onnx.ModelProto":
    """A graph of a backbone and a box head, for any batch and any size of image.

    Inputs are ``images`` (RGB in [0, 255]), with a head ``seen`` (the ``features`` of template or search crop),
    ``template_bbox`` and the fields of ``Template``; outputs ``features``, the fields of ``Template`` after
    ``template_``, ``bbox`` and ``logit``. What depends on no input that is given need not be asked for.

    Args:
        backbone: on the CPU.
        head: takes its features, perhaps beside others'; or None.
        channels: of the features that the head takes.
        side: of a crop in pixels.
    """
    import onnx

    images = torch.zeros(2, 3, side, side)
    examples, inputs, outputs = [images], ["images"], ["features"]
    if head is not None:
        cells = side // backbone.stride
        seen = torch.zeros(2, channels, cells, cells)
        bbox = torch.tensor([[side * 0.4, side * 0.4, side * 0.2, side * 0.2]]).repeat(2, 1)
        with torch.no_grad():
            examples += [seen, bbox, *head.start(seen, bbox)]
        inputs += ["seen", "template_bbox", *Template._fields]
        outputs += [*_TEMPLATE, *_BOXES]
    axes = {name: {0: "batch"} for name in inputs + outputs}
    for name, place in (
        ("images", "image"),
        ("features", "map"),
        ("seen", "map"),
        *((n, "box") for n in _BOXES),
    ):
        if name in axes:
            axes[name] |= {2: f"{place}_height", 3: f"{place}_width"}
    file = io.BytesIO()
    # eval(): the exporter leaves the mode behind in which it found the outermost module.
    graph = _Graph(backbone, head).eval()
    with torch.no_grad(), _quiet():
        torch.onnx.export(
            graph,
            tuple(examples),
            file,  # type: ignore[arg-type]  # torch's stubs know of paths only
            input_names=inputs,
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,  # the other exporter takes seconds and packages of its own
        )
    return onnx.load_from_string(file.getvalue())


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's warnings: sizes that Python looks at are checks, and the exporter's age is known."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
