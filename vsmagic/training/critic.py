"""The critic of adversarial training: tells made pictures from true ones, patch by patch.

What it learns to look at serves twice: a network may be asked to fool it (relativistic, as A. Jolicoeur-Martineau,
'The relativistic discriminator', 2018), and to make what looks alike to its inner layers ('feature matching',
T. Salimans and others, 'Improved techniques for training GANs', 2016), which needs no other network to compare by.
"""

import itertools
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

_WIDTHS = (32, 64, 96, 128)


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What a critic thinks of made pictures beside true ones."""

    doubt: Tensor
    """How surely it takes the true ones for the truer; falls as it is fooled."""
    unlikeness: Tensor
    """Mean difference of what its inner layers see, relative to what they see in the true ones."""


class Critic(nn.Module):
    """Luma ``[n, 1, h, w]`` in, one opinion for every 8x8 pixels out; above 0 is true."""

    def __init__(self) -> None:
        super().__init__()
        planes = (1, *_WIDTHS)
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(before, after, 4 if number else 3, stride=2 if number else 1, padding=1))
            for number, (before, after) in enumerate(itertools.pairwise(planes))
        )
        self.last = spectral_norm(nn.Conv2d(_WIDTHS[-1], 1, 3, padding=1))

    @classmethod
    def begin(cls, seed: int) -> Self:
        """Return an untrained one; its weights follow from the seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            return cls()

    def forward(self, luma: Tensor) -> list[Tensor]:
        """Return what every inner layer sees, and the opinion last."""
        seen = []
        for layer in self.layers:
            luma = functional.leaky_relu(layer(luma), 0.2)
            seen.append(luma)
        return [*seen, self.last(luma)]

    def mistakes(self, made: Tensor, true: Tensor) -> Tensor:
        """How wrong the critic is: the loss that it learns from."""
        ours, theirs = self(made)[-1], self(true)[-1]
        return functional.softplus(ours.mean() - theirs).mean() + functional.softplus(ours - theirs.mean()).mean()

    def opinion(self, made: Tensor, true: Tensor) -> Opinion:
        """What the network that makes the pictures learns from."""
        with torch.no_grad():
            *theirs, other = self(true)
        *ours, verdict = self(made)
        doubt = functional.softplus(other.mean() - verdict).mean() + functional.softplus(other - verdict.mean()).mean()
        unlike = [(a - b).abs().mean() / (b.abs().mean() + 1e-6) for a, b in zip(ours, theirs, strict=True)]
        return Opinion(doubt=doubt, unlikeness=torch.stack(unlike).mean())
