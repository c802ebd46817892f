"""The network as it runs: the same numbers as the one that is trained, in fewer operations."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager

import torch
from monai.networks.nets.efficientnet import MBConvBlock
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from napari_cortex_decoder.decoder.engine.openvino_encoder import Encode, openvino_encoder
from napari_cortex_decoder.decoder.engine.recurrence import ProjectedHead
from napari_cortex_decoder.decoder.networks import Cnn, CnnRnn, Encoder
from napari_cortex_decoder.decoder.tensors import tensors_digest

_CPU_PIXELS = 16 * 128**2
"""Pixels that PyTorch encodes at once on a CPU: so few that a layer's output stays in its cache."""


class InferenceNetwork(nn.Module):
    """A copy of a network, rearranged to run fast; equal to it up to rounding.

    - Batch normalisation is folded into the convolution before it, even padding into the one
      after it, and images lie in memory channels last.
    - What the first recurrent layer does to each image alone is done once an image: see
      `ProjectedHead`. Where there are none, it is the classifier's product.
    - On a CPU OpenVINO encodes, after `accelerate`.
    """

    def __init__(self, network: Cnn | CnnRnn) -> None:
        super().__init__()
        weights = {k: v for k, v in network.cnn.state_dict().items() if not k.startswith("_fc.")}
        self.encoder_hash = tensors_digest(weights)
        self.half_precision = False
        self._accelerated: Encode | None = None
        self._unfolded = (network.cnn,)  # in a tuple it is no part of this
        self._encoder: Encoder | None = None
        self.project: nn.Linear
        self._head: nn.Module
        if isinstance(network, CnnRnn):
            head = ProjectedHead(network.head)
            self.project, self._head = head.project, head
        else:
            self.project, self._head = copy.deepcopy(network.cnn._fc), _OnlyImage()
        self.eval().requires_grad_(False)

    @property
    def encoder(self) -> Encoder:
        """The encoder, which is made when it is first wanted: cached features need none."""
        if self._encoder is None:
            with torch.inference_mode(False):  # else it could never pass gradients on
                folded = _fold(copy.deepcopy(self._unfolded[0]).eval()).requires_grad_(False)
                self._encoder = folded.to(
                    self.project.weight.device, memory_format=torch.channels_last
                )
        return self._encoder

    def accelerate(self, image_size: tuple[int, int]) -> None:
        """Let OpenVINO encode, where it can; takes seconds, and nothing changes where it cannot.

        It has no gradients: PyTorch goes on encoding images that want one.
        """
        self._accelerated = openvino_encoder(self._encode, self.encoder_hash, image_size)

    def features(self, images: Tensor) -> Tensor:
        """Encode normalised images, shape (n, 3, y, x), to shape (n, 1280)."""
        if images.device.type != "cpu":
            return self._encode(images)
        if self._accelerated is not None and not images.requires_grad:
            return self._accelerated(images)
        at_once = max(1, _CPU_PIXELS // images[0, 0].numel())
        return torch.cat([self._encode(part) for part in images.split(at_once)])

    def encode(self, images: Tensor) -> Tensor:
        """Return what the recurrent layers take, shape (n, inputs), for each of `features`."""
        inputs: Tensor = self.project(self.features(images))
        return inputs

    def classify(self, windows: Tensor) -> Tensor:
        """Return logits, shape (n, n_logits), of windows of inputs, shape (n, length, inputs)."""
        logits: Tensor = self._head(windows)
        return logits

    def _encode(self, images: Tensor) -> Tensor:
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(images.device.type, torch.float16, enabled=self.half_precision):
            features: Tensor = self.encoder.features(images)
        return features.float()


def steady_cudnn() -> AbstractContextManager[None]:
    """Let cuDNN neither round to 10-bit mantissas (TF32) nor choose its algorithms by the clock."""
    return torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )


class _OnlyImage(nn.Module):
    """Windows of one image, whose logits are there already."""

    def forward(self, windows: Tensor) -> Tensor:
        return windows.squeeze(1)


def _fold(encoder: Encoder) -> Encoder:
    """Fold batch normalisation and padding into the convolutions, in place."""
    _fuse(encoder, "_conv_stem", "_bn0")
    _fuse(encoder, "_conv_head", "_bn1")
    for block in encoder.modules():
        if isinstance(block, MBConvBlock):
            if block.expand_ratio != 1:
                _fuse(block, "_expand_conv", "_bn0")
            _fuse(block, "_depthwise_conv", "_bn1")
            _fuse(block, "_project_conv", "_bn2")
            padding = block._depthwise_conv_padding
            if isinstance(padding, nn.ConstantPad2d) and len(set(padding.padding)) == 1:
                block._depthwise_conv.padding = (padding.padding[0],) * 2
                block._depthwise_conv_padding = nn.Identity()
    return encoder


def _fuse(owner: nn.Module, convolution: str, normalization: str) -> None:
    fused = fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, normalization))
    setattr(owner, convolution, fused)
    setattr(owner, normalization, nn.Identity())
