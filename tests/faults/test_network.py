"""Nothing goes out: the watch sees what does, and what would is not among it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from helpers.network_watch import look_up
from napari_cortex_decoder import child
from napari_cortex_decoder.errors import RecordingError

Reached = Callable[[], list[dict[str, object]]]

LOOKUP = "import socket; socket.getaddrinfo('example.org', 443)"


def addresses(attempts: list[dict[str, object]]) -> list[object]:
    return [attempt["address"] for attempt in attempts]


@pytest.mark.parametrize(
    "ask",
    [
        lambda: socket.getaddrinfo("example.org", 443),
        lambda: socket.gethostbyname("example.org"),
        lambda: socket.create_connection(("192.0.2.1", 443)),
        lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"use", ("192.0.2.1", 53)),
        lambda: socket.socket(socket.AF_INET6).connect(("2001:db8::1", 443)),
    ],
)
def test_another_machine_cannot_be_asked_for(ask: Callable[[], object], reached: Reached) -> None:
    with pytest.raises(PermissionError, match="may not reach"):
        ask()
    assert len(reached()) == 1


def test_a_thread_that_swallows_its_errors_is_noted_as_well(reached: Reached) -> None:
    def report() -> None:
        with suppress(OSError):
            socket.getaddrinfo("example.org", 443)

    thread = threading.Thread(target=report)
    thread.start()
    thread.join()
    assert addresses(reached()) == ["example.org"]


def test_a_program_that_a_test_starts_is_watched_too(reached: Reached) -> None:
    ended = subprocess.run([sys.executable, "-c", LOOKUP], capture_output=True, check=False)
    assert ended.returncode == 1
    assert addresses(reached()) == ["example.org"]


def test_a_process_in_which_the_program_reads_files_is_watched_too(reached: Reached) -> None:
    with pytest.raises(RecordingError, match=r"may not reach example\.org"):
        child.call(look_up, Path("example.org"), what="a name")
    assert addresses(reached()) == ["example.org"]


def test_this_machine_itself_may_be_asked(reached: Reached, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
    socket.getaddrinfo("localhost", 80)
    name = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(name)
    assert not reached()


@pytest.mark.parametrize(
    "content",
    [
        f"def test_one():\n    try:\n        {LOOKUP}\n    except OSError:\n        pass\n",
        "import subprocess, sys\n"
        f'def test_one():\n    subprocess.run([sys.executable, "-c", "{LOOKUP}"])\n',
    ],
    ids=["itself", "through a program"],
)
def test_a_test_that_reaches_out_fails(content: str, tmp_path: Path, reached: Reached) -> None:
    (tmp_path / "test_one.py").write_text(content)
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "helpers.network_watch",
            "--rootdir",
            tmp_path,
            ".",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "another machine was asked for" in ended.stdout and "example.org" in ended.stdout
    assert not reached()


def test_encoding_with_openvino_tells_nobody(tmp_path: Path, reached: Reached) -> None:
    pytest.importorskip("openvino_telemetry")
    program = (
        "import sys, torch\n"
        "from napari_cortex_decoder.decoder.engine.openvino_encoder import openvino_encoder\n"
        "encode = lambda images: images.mean(dim=(2, 3)).repeat(1, 4)\n"
        "torch.set_num_threads(1)\n"
        "assert openvino_encoder(encode, 'digest', (32, 32)) is not None\n"
        "assert 'openvino_telemetry' not in sys.modules\n"
        "import openvino_telemetry  # who wants it may have it\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HOME": str(tmp_path), "CI": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert not reached()
    assert not list(tmp_path.rglob("*intel*")), "OpenVINO's settings of this user are not touched"
