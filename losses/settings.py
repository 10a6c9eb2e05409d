"""What losses of each setting take and compare: a response and a label become logits, a density, a prediction."""

from torch import Tensor

LOGIT_SCALE, LOGIT_BIAS = 10.0, -5.0
"""Logits of a response, ``scale · response + bias``, at the start: the sigmoid is one half where the response is."""


def in_the_setting(
    setting: str,
    response: Tensor,
    label: Tensor,
    scale: Tensor | float = LOGIT_SCALE,
    bias: Tensor | float = LOGIT_BIAS,
) -> tuple[Tensor, Tensor]:
    """Convert response and label ``(B, 1, h, w)`` to what a loss of this setting takes."""
    if setting == "regress":
        return response, label
    if setting == "spatial":
        return scale * response, label / label.sum((2, 3), keepdim=True).clamp_min(1e-6)
    return scale * response + bias, label / label.amax((2, 3), keepdim=True).clamp_min(1e-6)


def predicted(setting: str, score: Tensor) -> Tensor:
    """Convert a score ``(B, 1, h, w)`` to the prediction that a loss of this setting compares with the label."""
    if setting == "regress":
        return score
    return score.sigmoid() if setting == "binary" else score.flatten(1).softmax(1).view_as(score)


def easy_background_share(
    loss: Tensor, prediction: Tensor, label: Tensor, easy: float = 0.1, background: float = 0.05
) -> float:
    """Share of a loss that comes from locations with ``label < background`` and an error below ``easy``.

    NaN if the loss has one value per map (setting ``spatial``) or is 0.
    """
    if loss.shape != label.shape:
        return float("nan")
    is_easy = (label < background) & ((prediction - label).abs() < easy)
    return float((loss * is_easy).sum() / loss.sum())
