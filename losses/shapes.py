"""Checks of the inputs of each setting. They widen half precision to float32 and zero the ignored samples.

Half precision is widened because autocast promotes the built-in losses to float32, but not a hand-written
chain of pointwise operations. Samples with ``mask == 0`` become zeros, so that they may hold anything (a
NaN, an ignore index) and their gradient is exactly 0.
"""

from torch import Tensor

Inputs = tuple[Tensor, Tensor, Tensor | None]


def widen(tensor: Tensor) -> Tensor:
    """Convert float16 and bfloat16 to float32; return float32 and float64 unchanged."""
    return tensor if tensor.element_size() >= 4 else tensor.float()


def prepare_maps(prediction: Tensor, target: Tensor, mask: Tensor | None) -> Inputs:
    """Check ``regress`` and ``binary`` inputs, usually maps ``(N, 1, H, W)``: every element is a sample.

    The mask has the prediction's shape, a shape that expands to it, or ``(N,)``: one weight for each map.
    """
    prediction = _checked_prediction(prediction)
    if target.shape != prediction.shape:
        raise ValueError(
            f"target must have the prediction's shape {_show(prediction)}, got {_show(target)}: "
            "shapes are never broadcast"
        )
    target = target.to(prediction.dtype)
    if mask is None:
        return prediction, target, None
    mask = _expanded(mask, prediction)
    ignored = mask == 0
    return prediction.masked_fill(ignored, 0), target.masked_fill(ignored, 0), mask


def prepare_classes(logits: Tensor, target: Tensor, mask: Tensor | None) -> Inputs:
    """Check ``class`` inputs: logits ``(N, K)``, class indices ``(N,)`` or soft targets ``(N, K)``, mask ``(N,)``."""
    logits = _checked_prediction(logits)
    if logits.ndim != 2 or logits.shape[1] < 2:
        raise ValueError(f"logits must have the shape (N, K) with K >= 2 classes, got {_show(logits)}")
    if target.shape == logits.shape:
        target = target.to(logits.dtype)
    elif target.shape != logits.shape[:1]:
        raise ValueError(
            f"target must hold {logits.shape[0]} class indices (N,) or soft targets {_show(logits)}, "
            f"got {_show(target)}"
        )
    elif target.is_floating_point() or target.is_complex():
        raise TypeError(f"class indices must be whole numbers, got {target.dtype}: use target.long()")
    else:
        target = target.long()
    if mask is None:
        return logits, target, None
    mask = _sample_mask(mask, logits)
    ignored = mask == 0
    rows = ignored.unsqueeze(1)
    target = target.masked_fill(ignored if target.ndim == 1 else rows, 0)
    return logits.masked_fill(rows, 0), target, mask


def prepare_density(logits: Tensor, density: Tensor, mask: Tensor | None) -> Inputs:
    """Check ``spatial`` inputs: logits and a non-negative density ``(N, 1, H, W)``, mask ``(N,)``.

    Returns logits and normalised density ``(N, H W)``: the locations are the classes of one sample. An
    all-zero density (no target) becomes uniform; give such a map the mask 0 to leave it out.
    """
    logits = _checked_prediction(logits)
    if logits.ndim != 4 or logits.shape[1] != 1 or logits[0].numel() < 2:
        raise ValueError(f"logits must be maps (N, 1, H, W) of at least 2 locations, got {_show(logits)}")
    if density.shape != logits.shape:
        raise ValueError(f"density must have the logits' shape {_show(logits)}, got {_show(density)}")
    logits, density = logits.flatten(1), density.to(logits.dtype).flatten(1)
    if mask is not None:
        mask = _sample_mask(mask.flatten(1).squeeze(1) if mask.ndim > 1 else mask, logits)
        ignored = (mask == 0).unsqueeze(1)
        logits, density = logits.masked_fill(ignored, 0), density.masked_fill(ignored, 0)
    total = density.sum(1, keepdim=True)
    absent = total == 0
    density = density.masked_fill(absent, 1 / density.shape[1]) / total.masked_fill(absent, 1)
    return logits, density, mask


def expand_mask(mask: Tensor, loss: Tensor) -> Tensor:
    """Expand a mask of samples ``(N,)`` or of elements to the shape of the unreduced loss."""
    return mask.reshape(mask.shape + (1,) * (loss.ndim - mask.ndim)).expand_as(loss)


def check_classes(logits: Tensor, counts: Tensor) -> None:
    """Raise ``ValueError`` unless there is one count for each logit of a row."""
    if logits.shape[1] != len(counts):
        raise ValueError(
            f"counts must hold one number for each of the {logits.shape[1]} classes, got {len(counts)}"
        )


def _checked_prediction(prediction: Tensor) -> Tensor:
    if not prediction.is_floating_point():
        raise TypeError(f"prediction must be a floating-point tensor, got {prediction.dtype}")
    if prediction.numel() == 0:
        raise ValueError(f"prediction must hold at least one sample, got the empty shape {_show(prediction)}")
    return widen(prediction)


def _expanded(mask: Tensor, prediction: Tensor) -> Tensor:
    whole_maps = mask.shape == prediction.shape[:1]
    fits = mask.ndim == prediction.ndim and all(
        have in (1, want) for have, want in zip(mask.shape, prediction.shape, strict=True)
    )
    if not (whole_maps or fits):
        raise ValueError(
            f"mask must have the prediction's shape {_show(prediction)}, one that expands to it, or one "
            f"weight a map, shape {tuple(prediction.shape[:1])}, got {_show(mask)}"
        )
    return expand_mask(mask.to(prediction.dtype), prediction)


def _sample_mask(mask: Tensor, logits: Tensor) -> Tensor:
    if mask.shape != logits.shape[:1]:
        raise ValueError(f"mask must hold one weight a sample, shape ({logits.shape[0]},), got {_show(mask)}")
    return mask.to(logits.dtype)


def _show(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))
