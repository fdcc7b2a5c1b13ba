"""Connects to a Ray cluster and tells in one sentence why that failed; Ray's own words stay in the debug log."""

import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any

from vsmagic.errors import EncodeError, OptionError, SetupError, reason

log = logging.getLogger(__name__)

_CLIENT = "ray://"
_PORT = 10001
_SECONDS = 10
_ATTEMPTS = 3
_HERE = ("ray", "ray:auto")
_START = "start it with: ray start --head --ray-client-server-port=10001, or correct the address"


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Connect to a cluster, and give the module ``ray``.

    Args:
        address: ``ray://HOST[:PORT]``, or ``ray`` for RAY_ADDRESS or a cluster on this machine.

    Raises:
        SetupError: Ray is missing, or is another one than that of the cluster.
        EncodeError: no cluster answers.
        OptionError: the address is none.
    """
    ray = _ray()
    address = _resolved(address)
    if address.startswith(_CLIENT):
        _reach(address)
    _connect(ray, address)
    try:
        yield ray
    finally:
        with suppress(Exception):  # whatever it is, the connection is gone
            ray.shutdown()


def lost(address: str, error: BaseException) -> EncodeError:
    """Return what to raise when the cluster is gone in the middle of the job."""
    return EncodeError(f"{address}: the connection to the Ray cluster is lost ({reason(error)}).")


def _ray() -> Any:
    # What is told to every process that Ray starts has to be told before it is imported.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # would send the working folder to every node
    missing = [name for name in ("ray", "grpc") if find_spec(name) is None]  # grpc is its client's
    if missing:
        raise SetupError(
            f"a Ray cluster as --workers needs {' and '.join(missing)}, not installed here; "
            "install with: python -m pip install 'vsmagic[cluster]'"
        )
    import ray

    _hush()
    return ray


def _hush() -> None:
    """Take Ray's own lines from stderr into our debug log."""
    theirs = logging.getLogger("ray")
    theirs.handlers = [_Debug()]
    theirs.propagate = False


class _Debug(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log.debug("ray: %s", record.getMessage())


def _resolved(address: str) -> str:
    """Return the address as Ray takes it."""
    if address in _HERE:
        address = os.environ.get("RAY_ADDRESS") or "auto"
    elif not address.startswith(_CLIENT):
        raise _wrong(address)
    if not address.startswith(_CLIENT):
        return address
    host, _, port = address.removeprefix(_CLIENT).rpartition(":")
    if not host:
        host, port = port, str(_PORT)
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise _wrong(address)
    return f"{_CLIENT}{host}:{port}"


def _wrong(address: str) -> OptionError:
    return OptionError(
        f"{address!r} is no Ray cluster; expected ray://HOST:PORT, such as ray://render1:10001, or ray for the one in "
        "RAY_ADDRESS or on this machine."
    )


def _reach(address: str) -> None:
    """Raise EncodeError at once when nothing listens there; Ray itself would try for half a minute."""
    host, _, port = address.removeprefix(_CLIENT).rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _SECONDS).close()
    except OSError as error:
        raise EncodeError(f"{address}: no Ray cluster answers ({error.strerror or error}); {_START}.") from error


def _connect(ray: Any, address: str) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            with _as_it_was():
                ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
        except ConnectionAbortedError as error:
            # A race in Ray's proxy now and then ends the process that it starts for a client (ray issue 63202).
            log.debug("ray did not accept the client: %s", error)
            if attempt == _ATTEMPTS - 1:
                raise _refused(address, error) from error
        except (RuntimeError, OSError, ValueError, ray.exceptions.RayError) as error:
            raise _refused(address, error) from error
        else:
            return


@contextmanager
def _as_it_was() -> Iterator[None]:
    """Keep what Ray changes in this process: warnings that are shown, and the handler of SIGTERM."""
    former: Callable[..., Any] | int | None = signal.getsignal(signal.SIGTERM)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        _hush()
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, former)


def _refused(address: str, error: BaseException) -> EncodeError | SetupError:
    words = " ".join(str(error).split())
    if "ersion mismatch" in words or "The cluster was started with" in words:
        return SetupError(
            f"{address}: this machine and the Ray cluster have other versions of Ray or Python ({words.rstrip('.')}); "
            "install the same on both."
        )
    return EncodeError(f"{address}: the Ray cluster cannot be used ({words.rstrip('.') or type(error).__name__}).")
