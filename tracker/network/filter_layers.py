"""Regression filters as differentiable layers, from features to response, for training.

The layers minimise the objective of ``tracker/filters`` for one sample, ``|Σ_c x_c ⋆ w_c − y|² + λ |w|²``, in
batches, and gradients pass through the solution. λ is learned with the features; the tracker takes it where its filter
is the one that trained (``tracker/presets/trained.py``).
"""

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn

from data.registry import Registry
from tracker.checks import positive, whole
from tracker.conjugate_gradient import conjugate_gradient


class FilterLayer(nn.Module):
    """Fits a filter to a template's features and returns its response on a search region.

    Args:
        regularisation: initial λ > 0, in units of squared features.
    """

    def __init__(self, regularisation: float) -> None:
        super().__init__()
        self.log_regularisation = nn.Parameter(
            torch.tensor(math.log(positive("regularisation", regularisation)))
        )

    def forward(self, template: Tensor, label: Tensor, mask: Tensor, search: Tensor) -> Tensor:
        """Fit to the templates and return responses float32 ``(B, 1, h, w)``, zero displacement at ``(h//2, w//2)``.

        Autocast is ignored: sums over maps and quotients of spectra need float32.

        Args:
            template: features ``(B, C, h, w)``, windowed.
            label: label of the template, ``(B, 1, h, w)``, centred.
            mask: 1 on the target's box in the middle of the map, else 0, ``(B, 1, h, w)``.
            search: features ``(B, C, h, w)``, windowed.
        """
        with torch.autocast(template.device.type, enabled=False):
            spectrum = torch.fft.rfft2(template.float())
            wanted = torch.fft.rfft2(torch.fft.ifftshift(label.float(), dim=(-2, -1)))
            conjugate_filter = self.solve(spectrum, wanted, mask.float())
            product = (torch.fft.rfft2(search.float()) * conjugate_filter).sum(1, keepdim=True)
            return torch.fft.fftshift(torch.fft.irfft2(product, s=search.shape[-2:]), dim=(-2, -1))

    @abstractmethod
    def solve(self, template: Tensor, label: Tensor, mask: Tensor) -> Tensor:
        """Complex conjugate of the filter's spectrum, of spectra ``(B, C, h, w//2+1)`` and ``(B, 1, h, w//2+1)``."""


FILTER_LAYERS: Registry[type[FilterLayer]] = Registry("filter layer", "tracker.network")


@FILTER_LAYERS.register("ridge")
class RidgeLayer(FilterLayer):
    """The closed form for filters as large as the map: ``W* = X* Y / (Σ_c |X_c|² + λ)`` at each frequency.

    Valmadre et al., CVPR 2017; Wang et al., DCFNet, 2017.
    """

    def __init__(self, regularisation: float = 1e3) -> None:
        super().__init__(regularisation)

    def solve(self, template: Tensor, label: Tensor, mask: Tensor) -> Tensor:
        """See ``FilterLayer``; the mask is not used."""
        energy = template.abs().square().sum(1, keepdim=True)
        return template.conj() * (label / (energy + self.log_regularisation.exp()))


@FILTER_LAYERS.register("spatial")
class SpatialLayer(FilterLayer):
    """A filter confined to the target's box, fitted by unrolled steps of conjugate gradient.

    The quadratic objective is its own Gauss-Newton approximation, so that each step has the exact optimal length
    (Bhat et al., DiMP, ICCV 2019, section 3.2, with this objective; Hestenes and Stiefel 1952).

    Args:
        regularisation: initial λ > 0.
        iterations: number of unrolled steps.
    """

    def __init__(self, regularisation: float = 0.4, iterations: int = 6) -> None:
        super().__init__(regularisation)
        self.iterations = whole("iterations", iterations, 1)

    def solve(self, template: Tensor, label: Tensor, mask: Tensor) -> Tensor:
        """See ``FilterLayer``."""
        size, ridge = mask.shape[-2:], self.log_regularisation.exp()

        def correlate(responses: Tensor) -> Tensor:
            return torch.fft.irfft2(template * responses.conj(), s=size) * mask

        def normal(filter_: Tensor) -> Tensor:
            response = (template * torch.fft.rfft2(filter_).conj()).sum(1, keepdim=True)
            return correlate(response) + ridge * filter_

        solution = conjugate_gradient(
            normal, correlate(label), None, self.iterations, batched=True, smallest=1e-12
        )
        return torch.fft.rfft2(solution).conj()
