"""A tracker in one ONNX file: what it learned off line as a graph, and in the metadata what it is built from."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from data.files import write_bytes
from tracker.backbones import BACKBONES, Backbone, build_backbone
from tracker.backbones.base import parts_of, side_by_side
from tracker.backbones.weights import onnx_file
from tracker.correlation import CorrelationFilterTracker
from tracker.filters import FILTERS
from tracker.network.box_head import BoxHead
from tracker.network.onnx_engine import OnnxBackbone, OnnxBoxHead, export, learned_part, told_of_head
from tracker.presets.base import check_device
from tracker.presets.correlation import assemble
from tracker.settings import describe

if TYPE_CHECKING:
    import onnx

SUFFIX = ".onnx"

METADATA = "tracker"
"""Key of the metadata in the file: one JSON text. ``features`` lists the parts of the features by their registered
names, ``LEARNED`` for the graph's; ``backbone`` and ``head`` describe what is in the graph; ``settings`` is what
``load_tracker`` takes, ``filter`` among it."""

KIND, LEARNED = "an exported tracker", "learned"

REDUCTION = "reduction"
"""Name of the learned reduction among the graph's tensors; no node uses it."""


def save_tracker(tracker: CorrelationFilterTracker, file: str | Path) -> None:
    """Write a tracker's backbone, reduction and box head as ONNX, and what it is built from as metadata.

    Args:
        tracker: with ``runtime="torch"``, on the CPU.
        file: where to write, ending in ``.onnx``; replaced at once, when it is complete.

    Raises:
        ValueError: nothing or too much of the features is learned, the filter starts from a learned one, or the
            name of the file is another.
        ModuleNotFoundError: the package ``onnx`` is missing.
    """
    try:
        from onnx import helper, numpy_helper
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"exporting needs the package onnx: pip install onnx ({error})") from None
    if Path(file).suffix != SUFFIX:
        raise ValueError(f"an exported tracker's file must end in {SUFFIX}, got {file}")
    extractor, head = tracker.extractor, tracker.box.head if tracker.box else None
    place, told = learned_part(extractor.backbone), tracker.settings()
    if place is None or not isinstance(head, BoxHead | None) or told["filter"].get("initial") is not None:
        raise ValueError(
            "a tracker can be exported that has runtime='torch', one learned part among its features and a filter "
            f"that starts from zero, got {told['extractor']}"
        )
    parts = parts_of(extractor.backbone)
    model = export(parts[place], head, extractor.backbone.channels, tracker.search.crop_size)
    if extractor.reduction is not None:
        tensor = numpy_helper.from_array(extractor.reduction.detach().numpy(), REDUCTION)
        model.graph.initializer.append(tensor)
    told = {
        "features": [LEARNED if part is parts[place] else _features(part) for part in parts],
        "backbone": describe(parts[place]),
        "head": told_of_head(head),
        "settings": _flat(told) | {"filter": _name(FILTERS, type(tracker.model))},
    }
    helper.set_model_props(model, {METADATA: json.dumps(told)})
    write_bytes(file, model.SerializeToString())


def load_exported(
    file: str | Path, *, device: str | torch.device = "cpu", **settings: Any
) -> CorrelationFilterTracker:
    """Build the tracker of a file that ``save_tracker`` wrote; ONNX Runtime runs its graph.

    Args:
        file: ``….onnx``.
        device: the CPU.
        settings: what is to differ from those of the file; see ``load_tracker``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged or no exported tracker, a setting does not fit, or the device is no CPU.
        ModuleNotFoundError: ``onnx`` or ``onnxruntime`` is missing.
    """
    if "backbone" in settings:
        raise ValueError(
            f"exported tracker {file} has features of its own, got {settings['backbone']!r} as well"
        )
    if check_device(device).type != "cpu" or settings.pop("runtime", "auto") == "torch":
        raise ValueError(
            f"exported tracker {file} is for ONNX Runtime on a CPU: leave device and runtime out"
        )
    with onnx_file(Path(file), KIND) as model:
        told = _metadata(model)
        learned = OnnxBackbone(model, told["backbone"])
        parts = [learned if name == LEARNED else build_backbone(name) for name in told["features"]]
        head = OnnxBoxHead(model, told["head"]) if told["head"] else None
        settings = {**told["settings"], **settings}
        filter = settings.pop("filter")
    backbone, reduction = side_by_side(parts).eval(), _reduction(model)
    return assemble(backbone, filter, device, settings, reduction=reduction, box_head=head)


def _metadata(model: "onnx.ModelProto") -> dict[str, Any]:
    """What `save_tracker` wrote beside a graph; raises ``ValueError`` or onnx's errors for any other file."""
    import onnx

    onnx.checker.check_model(model)
    if any(tensor.external_data for tensor in model.graph.initializer):
        raise ValueError("its tensors lie in other files")
    (text,) = [entry.value for entry in model.metadata_props if entry.key == METADATA]
    return dict(json.loads(text))


def _reduction(model: "onnx.ModelProto") -> torch.Tensor | None:
    from onnx import numpy_helper

    found = [numpy_helper.to_array(each) for each in model.graph.initializer if each.name == REDUCTION]
    return torch.from_numpy(found[0].copy()) if found else None


def _features(backbone: Backbone) -> str:
    """The name by which ``build_backbone`` knows features."""
    return "+".join(_name(BACKBONES, type(part)) for part in parts_of(backbone))


def _name(registry: Any, entry: type) -> str:
    return next(name for name in registry if registry[name] is entry)


def _flat(told: dict[str, Any]) -> dict[str, Any]:
    """All settings of a tracker's parts by their names, as ``load_tracker`` takes them."""
    box = told["box"]["box"] if told["box"] else {}
    parts = (told["filter"], told["search"], told["motion"], told["scale"], told["learning"], box)
    found = {name: value for part in parts for name, value in part.items() if name != "class"}
    return {"max_channels": told["extractor"]["max_channels"], **found}
