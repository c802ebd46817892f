"""Logistic regression with a prior whose mean is the base: what a head learns from few labels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from napari_cortex_decoder.arrays import Bools, Floats, Ints
from napari_cortex_decoder.scoring.auc import auc_of_logits
from napari_cortex_decoder.tuning.epoch import Epoch

EPOCHS = 8
_STEPS = 4  # of the optimizer in an epoch
_PULL = 0.03  # of each unit's weight to 0, in units of the mean loss
_PULL_BASE, _PULL_SHIFT = 1e-2, 1e-3  # of the base's logit to what it is, and of the shift to 0


class HeadRegression:
    """Logistic regression on the base's logits and units, with a prior whose mean is the base.

    `inputs`, shape (n, n_logits + units), are logits of the base, then units of mean 0 and SD 1.
    """

    def __init__(self, inputs: Floats, labels: Ints, n_logits: int) -> None:
        self._base = torch.from_numpy(inputs[:, :n_logits])
        self._units = torch.from_numpy(inputs[:, n_logits:])
        self._labels = torch.from_numpy(labels)

    def fit(
        self,
        learning: Bools,
        deciding: Bools | None,
        fold: int,
        tell: Callable[[Epoch], None],
    ) -> tuple[tuple[float, Floats, Floats], list[float]]:
        """Fit on some rows; give gain, shift and weights, and the losses on others, by epoch."""
        learns = torch.from_numpy(learning)
        gain = torch.ones(1, dtype=torch.float64, requires_grad=True)
        shift = torch.zeros(self._base.shape[1], dtype=torch.float64, requires_grad=True)
        weights = torch.zeros(
            self._base.shape[1], self._units.shape[1], dtype=torch.float64, requires_grad=True
        )
        optimizer = torch.optim.LBFGS(
            [gain, shift, weights], max_iter=_STEPS, line_search_fn="strong_wolfe"
        )

        def logits(rows: Tensor) -> Tensor:
            return gain * self._base[rows] + shift + self._units[rows] @ weights.T

        def loss(rows: Tensor) -> Tensor:
            read, labels = logits(rows), self._labels[rows]
            if read.shape[1] == 1:
                return functional.binary_cross_entropy_with_logits(read[:, 0], labels.double())
            return functional.cross_entropy(read, labels)

        def step() -> Tensor:
            optimizer.zero_grad()
            whole: Tensor = (
                loss(learns)
                + _PULL * (weights**2).sum()
                + _PULL_BASE * ((gain - 1) ** 2).sum()
                + _PULL_SHIFT * (shift**2).sum()
            )
            whole.backward()
            return whole

        losses: list[float] = []

        @torch.no_grad()
        def report(epoch: int) -> None:
            decided: tuple[float | None, float | None] = None, None
            if deciding is not None:
                rows = torch.from_numpy(deciding)
                losses.append(float(loss(rows)))
                decided = (
                    losses[-1],
                    auc_of_logits(logits(rows).numpy(), self._labels[rows].numpy()),
                )
            tell(Epoch(fold, epoch, EPOCHS, float(loss(learns)), *decided))

        report(0)
        for epoch in range(1, EPOCHS + 1):
            optimizer.step(step)
            report(epoch)
        return (float(gain.detach()), shift.detach().numpy(), weights.detach().numpy()), losses
