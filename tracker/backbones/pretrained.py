"""Networks with published weights: sources of their tensors, and the form of their input."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from tracker.backbones.weights import download_weights, own_tensors, read_weights


class ImageInput(nn.Module):
    """Converts RGB images in [0, 255] to the input of a published network, as a part of its ``state_dict``.

    Args:
        order: indices of R, G, B in the order of the input.
        mean: mean to subtract from each channel, in the new order.
        deviation: divisor of each channel, in the new order.
    """

    order: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, order: Sequence[int], mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("order", torch.tensor(order))
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).view(3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Convert RGB ``images`` float32 ``(B, 3, H, W)`` in [0, 255] to the network's input of the same shape."""
        return (images[:, self.order] - self.mean) / self.deviation


def torchvision_input() -> ImageInput:
    """Make the input of torchvision's networks: RGB in [0, 1], standardised by ImageNet's mean and deviation."""
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return ImageInput((0, 1, 2), [255 * value for value in mean], [255 * value for value in deviation])


def caffe_input(mean: Sequence[float]) -> ImageInput:
    """Make the input of Caffe's networks: BGR in [0, 255] less a mean in the order BGR."""
    return ImageInput((2, 1, 0), mean, (1.0, 1.0, 1.0))


def pretrained_tensors(weights: str | Path | None, url: str) -> dict[str, Tensor]:
    """Read a backbone's tensors from a weights file or a checkpoint of ``train``; None downloads the published ones."""
    return download_weights(url) if weights is None else own_tensors(read_weights(weights))


def with_input(tensors: dict[str, Tensor], form: ImageInput) -> dict[str, Tensor]:
    """Add the ``form`` of the input to ``tensors``, unless they contain one, as those of a checkpoint do."""
    return {f"input.{name}": tensor for name, tensor in form.state_dict().items()} | tensors
