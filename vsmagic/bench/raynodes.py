"""A Ray cluster of several nodes on this machine, for measuring and for tests: real raylets, each a node of its own."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

_STORE_BYTES = 80_000_000  # about the least that Ray accepts
_VARIABLES = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Without this, gRPC ends one in some ten processes that the head starts for a client.
    "GRPC_ENABLE_FORK_SUPPORT": "0",
    # Ray's workers give way to everything else on the machine, which would be measured.
    "RAY_worker_niceness": "0",
}
_READY = "block forever"
_START_SECONDS = 120
_POLL_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class RayNode:
    """One node: everything that one ``ray start`` runs."""

    process: subprocess.Popen[bytes]
    address: str

    def processes(self) -> list[Any]:
        """Return all its processes, as psutil has them."""
        import psutil

        try:
            own = psutil.Process(self.process.pid)
            return [own, *own.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """End all of it at once, as a power cut would."""
        import psutil

        found = self.processes()
        for each in found:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(found, timeout=10)
        self.process.wait()


class LocalCluster:
    """A head, to which nodes are added; all of it is gone when the ``with`` block is left."""

    def __init__(self, *, cpus: int = 0, environment: Mapping[str, str] | None = None) -> None:
        """Make a cluster that starts when it is entered.

        Args:
            cpus: that the head offers.
            environment: its variables, beside those of this process.
        """
        self._cpus = cpus
        self._environment = environment or {}
        self._folder = Path()
        self._nodes: list[RayNode] = []
        self._port, self._client = _free_port(), _free_port()

    @property
    def address(self) -> str:
        """For ``--workers``."""
        return f"ray://127.0.1.1:{self._client}"

    @property
    def head(self) -> RayNode:
        """The node that was started first."""
        return self._nodes[0]

    def add(
        self, *, cpus: int = 1, prefix: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> RayNode:
        """Start one more node and wait until the cluster has it.

        Args:
            cpus: that it offers.
            prefix: command that starts it, such as ``taskset -c 0``.
            environment: its variables, beside those of this process.
        """
        options = [f"--address=127.0.1.1:{self._port}", f"--num-cpus={cpus}"]
        return self._start(options, prefix, environment or {})

    def _start(self, options: Sequence[str], prefix: Sequence[str], environment: Mapping[str, str]) -> RayNode:
        # Raylets that start at the same moment take the same sockets, so each is waited for.
        address = f"127.0.1.{len(self._nodes) + 1}"
        said = self._folder / f"{address}.txt"
        # It ends in order with the process that started it, however that ends.
        line = [
            "setpriv",
            "--pdeathsig",
            "TERM",
            *prefix,
            sys.executable,
            "-m",
            "ray.scripts.scripts",
            "start",
            "--block",
            *options,
        ]
        line += [f"--node-ip-address={address}", f"--object-store-memory={_STORE_BYTES}", "--disable-usage-stats"]
        with said.open("wb") as file:
            process = _popen(line, {**os.environ, **_VARIABLES, **environment}, file)
        node = RayNode(process=process, address=address)
        self._nodes.append(node)
        self._await(node, said)
        return node

    def _await(self, node: RayNode, said: Path) -> None:
        end = time.monotonic() + _START_SECONDS
        while _READY not in (words := said.read_text(errors="replace")):
            if node.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"Ray did not start at {node.address}: {words[-2000:]}")
            time.sleep(_POLL_SECONDS)

    def __enter__(self) -> Self:
        # The names of its sockets are long, and a socket's path has no more than 107 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))
        options = ["--head", f"--port={self._port}", f"--ray-client-server-port={self._client}"]
        options += [f"--num-cpus={self._cpus}", "--include-dashboard=false", f"--temp-dir={self._folder / 't'}"]
        try:
            self._start(options, (), self._environment)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End all nodes, the head last."""
        for node in reversed(self._nodes):
            node.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def _popen(line: Sequence[str], variables: Mapping[str, str], said: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        line, env=variables, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
    )


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.1.1", 0))
        port: int = one.getsockname()[1]
        return port
