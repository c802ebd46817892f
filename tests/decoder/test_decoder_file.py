from __future__ import annotations

import importlib.util
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

from helpers.waves import make_recording
from napari_cortex_decoder.compute import CPU
from napari_cortex_decoder.decoder import (
    CnnRnnConfig,
    Decoder,
    ImageDecoder,
    TraceDecoder,
    load_decoder,
    make_decoder,
)
from napari_cortex_decoder.decoder.file import (
    LENDER_KEY,
    METADATA_KEY,
    read_config,
    read_decoder,
)
from napari_cortex_decoder.decoder.networks import build_network
from napari_cortex_decoder.errors import DecoderError

TOOL = Path(__file__).parents[2] / "tools/share_encoder.py"
spec = importlib.util.spec_from_file_location("share_encoder", TOOL)
assert spec is not None and spec.loader is not None
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)
save_sharing_encoder = tool.save_sharing_encoder


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
        again.decode(recording, compute=CPU).probability,
        decoder.decode(recording, compute=CPU).probability,
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
        again.decode(recording, compute=CPU).probability,
        decoder.decode(recording, compute=CPU).probability,
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
    broken = make_decoder(small_config, network, name="broken")
    with pytest.raises(DecoderError, match=r"half precision: tensor head\.linear_out\.weight"):
        broken.save(tmp_path / "b.safetensors", half_precision=True)
    assert not list(tmp_path.iterdir())


# --- decoders that take their encoder from a bundled one ----------------------------------------


@pytest.fixture
def lender(decoder: Decoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Decoder:
    """A bundled decoder, in half precision."""
    folder = tmp_path / "bundled"
    folder.mkdir()
    decoder.save(folder / "lender.safetensors", half_precision=True)
    monkeypatch.setattr("napari_cortex_decoder.decoder.file.BUNDLED", folder)
    return load_decoder("lender")


@pytest.fixture
def borrower(lender: Decoder, tmp_path: Path) -> Path:
    config = lender.config.model_copy(update={"hidden_size": 8})
    network = build_network(config)
    network.cnn.load_state_dict(lender.network.cnn.state_dict())
    path = tmp_path / "borrower.safetensors"
    save_sharing_encoder(make_decoder(config, network.eval(), name="b"), path, "lender")
    return path


def test_a_decoder_that_shares_an_encoder_is_small_and_whole_once_loaded(
    lender: Decoder, borrower: Path, tmp_path: Path
) -> None:
    assert borrower.stat().st_size < 200_000
    decoder = load_decoder(borrower)
    assert decoder.config.hidden_size == read_config(borrower).hidden_size == 8
    for name, tensor in lender.network.cnn.state_dict().items():
        assert torch.equal(tensor, decoder.network.cnn.state_dict()[name]), name

    decoder.save(tmp_path / "whole.safetensors")
    whole = load_decoder(tmp_path / "whole.safetensors")
    (tmp_path / "bundled" / "lender.safetensors").unlink()
    recording = make_recording(20)
    np.testing.assert_array_equal(
        load_decoder(tmp_path / "whole.safetensors").decode(recording, compute=CPU).probability,
        whole.decode(recording, compute=CPU).probability,
    )
    assert "does not have; update" in refusal(borrower)


def test_another_encoder_than_the_one_that_is_meant_is_refused(
    lender: Decoder, borrower: Path, tmp_path: Path
) -> None:
    network = build_network(lender.config)
    with pytest.raises(DecoderError, match="encoder from the bundled decoder 'lender', but"):
        save_sharing_encoder(
            make_decoder(lender.config, network, name="x"), tmp_path / "x.safetensors", "lender"
        )
    make_decoder(lender.config, network, name="x").save(tmp_path / "bundled" / "lender.safetensors")
    assert "is another one" in refusal(borrower)


@pytest.mark.parametrize(
    ("said", "because"),
    [
        ({"bundled": "../borrower", "sha256": "0" * 64}, "does not have"),
        ({"bundled": "/etc/passwd", "sha256": "0" * 64}, "does not have"),
        ({"bundled": "lender", "sha256": "0" * 64}, "another one"),
        ({"bundled": "lender"}, "sha256"),
        ({"bundled": "lender", "sha256": "0" * 64, "path": "x"}, "path"),
        ([], "whose encoder"),
    ],
    ids=str,
)
def test_a_header_cannot_send_us_elsewhere_for_its_encoder(
    borrower: Path, tmp_path: Path, said: object, because: str
) -> None:
    def change(header: dict) -> None:
        header["__metadata__"][LENDER_KEY] = json.dumps(said)

    assert because in refusal(with_header(borrower, tmp_path / "odd.safetensors", change))


def test_a_file_with_an_encoder_of_its_own_may_not_borrow_one(
    lender: Decoder, file: Path, tmp_path: Path
) -> None:
    def change(header: dict) -> None:
        header["__metadata__"][LENDER_KEY] = json.dumps({"bundled": "lender", "sha256": "0" * 64})

    assert "unexpected tensor cnn." in refusal(
        with_header(file, tmp_path / "o.safetensors", change)
    )


@pytest.mark.parametrize(
    ("name", "kind"), [("run-rest", ImageDecoder), ("run-rest-areas", TraceDecoder)]
)
def test_a_decoder_is_of_the_kind_that_its_file_says(name: str, kind: type) -> None:
    assert isinstance(load_decoder(name), kind)
