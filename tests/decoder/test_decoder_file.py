from __future__ import annotations

import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from waves import make_recording

from napari_cortex_decoder.decoder import CnnRnnConfig, Decoder, load_decoder
from napari_cortex_decoder.decoder.file import METADATA_KEY, read_config, read_decoder
from napari_cortex_decoder.errors import DecoderError


@pytest.fixture(scope="module")
def file(decoder: Decoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("decoder") / "waves.safetensors"
    decoder.save(path)
    return path


def with_header(file: Path, out: Path, change: Callable[[dict], object]) -> Path:
    """Copy a decoder file with another header in front of the same tensors."""
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    out.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    return out


def with_config(file: Path, out: Path, **changes: object) -> Path:
    def change(header: dict) -> None:
        config = json.loads(header["__metadata__"][METADATA_KEY])
        header["__metadata__"][METADATA_KEY] = json.dumps(config | changes)

    return with_header(file, out, change)


def with_tensors(file: Path, out: Path, change: Callable[[dict], object]) -> Path:
    """Copy a decoder file with other tensors under the same configuration."""
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, out, {METADATA_KEY: read_config(file).model_dump_json()})
    return out


def refusal(path: Path) -> str:
    """The one sentence with which both ways to read a file refuse it."""
    with pytest.raises(DecoderError) as raised:
        load_decoder(path)
    sentence = str(raised.value)
    assert str(path) in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_a_saved_decoder_comes_back_the_same(decoder: Decoder, file: Path) -> None:
    again = load_decoder(file)
    assert again.config == decoder.config
    assert again.hash == decoder.hash
    for name, tensor in decoder.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name]), name
    recording = make_recording(20)
    np.testing.assert_array_equal(
        again.decode(recording, "cpu").probability, decoder.decode(recording, "cpu").probability
    )


def test_the_same_decoder_gives_the_same_bytes(decoder: Decoder, file: Path, tmp_path) -> None:
    decoder.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == file.read_bytes()


def test_half_precision_halves_the_file_and_is_single_again_in_memory(
    decoder: Decoder, file: Path, tmp_path: Path
) -> None:
    small = tmp_path / "half.safetensors"
    decoder.save(small, half_precision=True)
    assert small.stat().st_size < 0.53 * file.stat().st_size
    again = load_decoder(small)
    assert again.hash != decoder.hash
    assert all(p.dtype == torch.float32 for p in again.network.parameters())
    recording = make_recording(30)
    np.testing.assert_allclose(
        again.decode(recording, "cpu").probability,
        decoder.decode(recording, "cpu").probability,
        atol=5e-3,
    )


def test_the_header_alone_is_read_without_torch(file: Path) -> None:
    code = (
        "import sys; from napari_cortex_decoder.decoder.file import read_config\n"
        "assert read_config(sys.argv[1]).behaviors == ('rest', 'run')\n"
        "assert not {'torch', 'monai'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(file)], check=True)


def test_a_file_of_a_later_version_asks_for_an_update(file: Path, tmp_path: Path) -> None:
    later = with_config(file, tmp_path / "later.safetensors", format_version=99, new_thing=1)
    assert "format version 99" in refusal(later)
    assert "update" in refusal(later)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"behaviors": ["rest", "rest"]}, "repeat"),
        ({"behaviors": ["rest", "=cmd()"]}, "behaviors.1"),
        ({"behaviors": ["rest", "two\nlines"]}, "behaviors.1"),
        ({"frame_rate": -1}, "frame_rate"),
        ({"window": {"past": 10**9}}, "window.past"),
        ({"preprocessing": {"image_size": [100, 100]}}, "multiples of 32"),
        ({"preprocessing": {"channel_offsets": [1, 0, -1]}}, "increase"),
        ({"unknown_field": 1}, "unknown_field"),
    ],
)
def test_an_impossible_configuration_is_named(
    file: Path, tmp_path: Path, changes: dict, named: str
) -> None:
    assert named in refusal(with_config(file, tmp_path / "odd.safetensors", **changes))


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read as Linux tells it")
def test_a_huge_network_in_a_small_file_takes_no_memory(file: Path, tmp_path: Path) -> None:
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    liar = with_config(file, tmp_path / "liar.safetensors", hidden_size=4096, n_layers=8)
    assert "tensor" in refusal(liar)  # as said, it would need 3 GB
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_a_tensor_larger_than_the_file_takes_no_memory(file: Path, tmp_path: Path) -> None:
    def claim(header: dict) -> None:
        header["cnn._fc.weight"] |= {"shape": [10**6, 10**6], "data_offsets": [0, 4 * 10**12]}

    assert "whole .safetensors" in refusal(with_header(file, tmp_path / "l.safetensors", claim))


@pytest.mark.parametrize("length", [2**63, 10**8, 10**4])
def test_a_header_longer_than_the_file_takes_no_memory(tmp_path: Path, length: int) -> None:
    path = tmp_path / "long.safetensors"
    path.write_bytes(struct.pack("<Q", length) + b'{"a":' * 10)
    assert "whole .safetensors" in refusal(path)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_truncated_file_is_refused_wherever_it_ends(
    file: Path, tmp_path: Path, data: st.DataObject
) -> None:
    size = file.stat().st_size
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(file.read_bytes()[: data.draw(st.integers(0, size - 1))])
    refusal(cut)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(position=st.integers(0, 40_000), value=st.integers(0, 255))
def test_a_damaged_header_is_refused_or_does_no_harm(
    file: Path, tmp_path: Path, position: int, value: int
) -> None:
    content = bytearray(file.read_bytes())
    content[position] = value
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(content)
    try:
        load_decoder(damaged)
    except DecoderError as error:
        assert "\n" not in str(error)


class Bomb:
    """Pickled, it writes a file when it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    path = tmp_path / "bomb.safetensors"
    path.write_bytes(pickle.dumps(Bomb(tmp_path / "harm")))
    assert "pickle" in refusal(path)
    torch.save(Bomb(tmp_path / "harm"), path)
    assert "zip" in refusal(path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("first", [0x80, 0x50])
def test_a_header_whose_length_looks_like_another_format_is_read(
    file: Path, tmp_path: Path, first: int
) -> None:
    def fill(header: dict) -> None:
        header["__metadata__"]["filling"] = ""
        missing = (first - len(json.dumps(header).encode())) % 256
        header["__metadata__"]["filling"] = " " * missing

    path = with_header(file, tmp_path / "odd.safetensors", fill)
    assert path.read_bytes()[0] == first
    assert load_decoder(path).config == read_config(file)


def test_other_files_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "notes.safetensors"
    text.write_text("speed at last\n")
    assert "whole .safetensors" in refusal(text)
    archive = tmp_path / "z.safetensors"
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("a", "b")
    assert "zip" in refusal(archive)
    (tmp_path / "empty.safetensors").touch()
    refusal(tmp_path / "empty.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    assert "not a file" in refusal(tmp_path / "folder.safetensors")
    assert "does not exist" in refusal(tmp_path / "nowhere.safetensors")


def test_tensors_that_are_no_decoder_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(3)}, path)
    assert "no decoder" in refusal(path)
    with pytest.raises(DecoderError, match="no decoder"):
        read_config(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.pop("head.linear_out.bias"), "lacks tensor head.linear_out.bias"),
        (lambda t: t.update(extra=torch.zeros(1)), "unexpected tensor extra"),
        (
            lambda t: t.update({"cnn._fc.bias": torch.zeros(2)}),
            r"cnn._fc.bias has shape (2,), the architecture needs (1,)",
        ),
        (
            lambda t: t.update({"cnn._fc.bias": torch.zeros(1, dtype=torch.float64)}),
            "cnn._fc.bias is stored as F64",
        ),
        (lambda t: t["head.rnn.weight_hh_l1"][3].fill_(np.nan), "head.rnn.weight_hh_l1 holds NaN"),
    ],
    ids=["missing", "unexpected", "shape", "type", "nan"],
)
def test_every_tensor_is_accounted_for(
    file: Path, tmp_path: Path, change: Callable[[dict], object], said: str
) -> None:
    assert said in refusal(with_tensors(file, tmp_path / "t.safetensors", change))


def test_weights_that_are_not_finite_are_not_saved(
    small_config: CnnRnnConfig, file: Path, tmp_path: Path
) -> None:
    _, network, _ = read_decoder(file)
    network.head.linear_out.weight.data[0, 0] = 1e6
    broken = Decoder(small_config, network, name="broken")
    with pytest.raises(DecoderError, match=r"half precision: tensor head\.linear_out\.weight"):
        broken.save(tmp_path / "b.safetensors", half_precision=True)
    assert not list(tmp_path.iterdir())
