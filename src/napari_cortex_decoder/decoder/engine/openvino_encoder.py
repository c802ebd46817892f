"""The encoder on a CPU through OpenVINO (extra ``fast``): the same numbers in less time."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_LOG = logging.getLogger(__name__)

_TOLERANCE = 1e-3
"""By how much features may differ from PyTorch's, relative to their SD; rounding makes 1e-5."""

_AT_ONCE_PIXELS = 4 * 128**2
"""Pixels that one thread encodes at once: so few that a layer's output stays in its cache."""

_KEPT = 2
"""Compiled encoders kept in memory: a session changes decoders, but not many."""

Encode = Callable[[Tensor], Tensor]

_compiled: dict[tuple[str, tuple[int, int], int], Encode | None] = {}


def openvino_encoder(encode: Encode, digest: str, image_size: tuple[int, int]) -> Encode | None:
    """Compile an encoder, unless this process has done so before; None where that cannot be.

    Takes seconds, most of them to trace the network; computes on as many threads as PyTorch does,
    each with images of its own, so that none waits for another within a layer. It gives the
    features, shape (n, 1280), of images, shape (n, 3, y, x), float32, on the CPU. None if OpenVINO
    is not installed, cannot take the encoder, or gives other numbers: the log says which. `digest`
    tells encoders apart.
    """
    openvino = _openvino()
    if openvino is None:
        return None
    key = digest, image_size, torch.get_num_threads()
    if key not in _compiled:
        while len(_compiled) >= _KEPT:
            _compiled.pop(next(iter(_compiled)))
        _compiled[key] = _compile(openvino, encode, image_size)
    return _compiled[key]


@cache
def _openvino() -> ModuleType | None:
    try:
        with _untold():
            import openvino
            import openvino.frontend
            import openvino.frontend.pytorch.ts_decoder
    except ImportError as reason:
        _LOG.warning(
            "OpenVINO cannot be loaded (%s): PyTorch encodes, at about two thirds of its speed. "
            "pip install 'napari-cortex-decoder[fast]' brings it.",
            reason,
        )
        return None
    module: ModuleType = openvino
    return module


@contextmanager
def _untold() -> Iterator[None]:
    """Keep OpenVINO from telling its maker that it was imported, and by whom, as it does unasked.

    It has a stand-in of its own for where `openvino_telemetry` is not installed; what of it is
    imported meanwhile keeps that, and the settings of this user are not touched.
    """
    found = sys.modules.get("openvino_telemetry")
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["openvino_telemetry"]
        if found is not None:
            sys.modules["openvino_telemetry"] = found


class _Module(nn.Module):
    """A function as the module that is traced."""

    def __init__(self, encode: Encode) -> None:
        super().__init__()
        self._encode = encode

    def forward(self, images: Tensor) -> Tensor:
        return self._encode(images)


def _compile(openvino: ModuleType, encode: Encode, image_size: tuple[int, int]) -> Encode | None:
    example = torch.randn(2, 3, *image_size, generator=torch.Generator().manual_seed(0))
    settings = {
        "NUM_STREAMS": torch.get_num_threads(),
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "INFERENCE_PRECISION_HINT": "f32",  # else bf16 where the CPU has it
    }
    try:
        # Not `openvino.convert_model`, which is the same but wants to report its use.
        frontend = openvino.frontend.FrontEndManager().load_by_framework("pytorch")
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # tracing, which OpenVINO needs, is full of them
            expected = encode(example)  # before it is traced: what a first call prepares is not
            traced = openvino.frontend.pytorch.ts_decoder.TorchScriptPythonDecoder(
                _Module(encode), example_input=example, trace_kwargs={"check_trace": False}
            )
        model = frontend.convert(frontend.load(traced))
        model.reshape([-1, 3, *image_size])
        compiled = openvino.Core().compile_model(model, "CPU", settings)
    except (RuntimeError, ValueError, TypeError, openvino.frontend.GeneralFailure) as reason:
        _LOG.warning("OpenVINO cannot take the encoder (%s): PyTorch encodes.", reason)
        return None

    requests = openvino.AsyncInferQueue(compiled)
    at_once = max(1, _AT_ONCE_PIXELS // (image_size[0] * image_size[1]))
    in_use = threading.Lock()

    def infer(images: Tensor) -> Tensor:
        pixels = images.contiguous().numpy()
        features = np.empty((len(images), expected.shape[1]), np.float32)

        def keep(request: Any, rows: slice) -> None:
            features[rows] = request.get_output_tensor(0).data

        with in_use:
            requests.set_callback(keep)
            for start in range(0, len(images), at_once):
                rows = slice(start, start + at_once)
                requests.start_async([pixels[rows]], rows, share_inputs=True)
            requests.wait_all()
        return torch.from_numpy(features)

    difference = float((infer(example) - expected).abs().max() / expected.std())
    if not difference < _TOLERANCE:
        _LOG.warning(
            "OpenVINO's features differ by %.1g SD on this processor: PyTorch encodes.", difference
        )
        return None
    return infer
