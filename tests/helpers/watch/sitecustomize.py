"""Any address but this machine's own is refused and noted, in every Python that finds this file.

Python imports `sitecustomize` by itself when it starts, so that the folder of this file in
`PYTHONPATH` is enough for the programs that tests start; the tests' own process imports it by name.
"""

import json
import os
import sys
from pathlib import Path

NOTES = "CORTEX_DECODER_TEST_NETWORK"
"""Variable that names the file in which each attempt becomes a line of JSON."""

_HERE = ("", "localhost", "0.0.0.0", "::", "::1")
_LOOKUPS = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
_CALLS = ("socket.connect", "socket.sendto", "socket.sendmsg")


def _address(event, arguments):
    if event in _LOOKUPS:
        return arguments[0]
    if event in _CALLS:
        family, address = arguments[0].family.name, arguments[1]
        if family in ("AF_INET", "AF_INET6") and isinstance(address, tuple):
            return address[0]
    return None


def watch(event, arguments):
    """Refuse to look up or talk to another machine, and note who wanted to."""
    if not event.startswith("socket.") or not (notes := os.environ.get(NOTES)):
        return
    address = _address(event, arguments)
    name = address.decode(errors="replace") if isinstance(address, bytes) else address
    if name is None or name in _HERE or name.startswith("127."):
        return
    test = os.environ.get("PYTEST_CURRENT_TEST", "no test")
    line = json.dumps({"event": event, "address": name, "test": test, "program": sys.argv[:2]})
    with Path(notes).open("a") as file:
        file.write(line + "\n")
    raise PermissionError(f"tests may not reach {name} ({event})")


sys.addaudithook(watch)
