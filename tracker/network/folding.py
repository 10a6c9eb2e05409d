"""Folding of batch normalisation into convolutions, which saves time in tracking."""

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_norms(module: nn.Module) -> None:
    """Fold each batch normalisation into the convolution declared just before it, in place.

    Modules must apply their parts in the order of declaration, as those of ``tracker/backbones/mobile.py`` and
    ``tracker/network/box_head.py`` do. A folded module cannot be trained.

    Raises:
        ValueError: the module is in training mode, in which normalisation depends on the batch.
    """
    if module.training:
        raise ValueError("batch normalisation can only be folded in evaluation mode: call eval() first")
    before: tuple[str, nn.Module] | None = None
    for name, part in list(module.named_children()):
        if isinstance(part, nn.BatchNorm2d) and before is not None and _fits(before[1], part):
            setattr(module, before[0], fuse_conv_bn_eval(before[1], part))  # type: ignore[type-var]
            setattr(module, name, nn.Identity())
        before = name, part
        fold_norms(part)


def _fits(part: nn.Module, norm: nn.BatchNorm2d) -> bool:
    return isinstance(part, nn.Conv2d) and part.out_channels == norm.num_features and norm.affine
