"""Leaving the network, for the process that is about to run a truss.

Linux lets any process move into a user namespace of its own and, there, into an empty network
namespace: no interface but a loopback that nobody else is on. The pipe and the socket that
the process was given stay what they are.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from pathlib import Path

_NEW_USER = 0x10000000
_NEW_NETWORK = 0x40000000
_GET_FLAGS = 0x8913
_SET_FLAGS = 0x8914
_UP = 0x1
_REQUEST = "16sH22x"
"""`struct ifreq`: the interface's name, its flags, padding."""


def leave_the_network() -> str | None:
    """Cut this process off; gives why that was not possible, or None.

    Only while the process has one thread. After a failure the process may be halfway and
    should end.
    """
    if not sys.platform.startswith("linux"):
        return f"{sys.platform} has no network namespaces"
    user, group = os.geteuid(), os.getegid()
    refused = _unshare(_NEW_USER | _NEW_NETWORK)
    try:
        if refused is None:
            _keep_identity(user, group)
        elif (refused := _unshare(_NEW_NETWORK)) is not None:
            return refused
        _raise_loopback()
    except OSError as problem:
        return f"{problem.strerror} ({problem.filename or 'loopback'})"
    return None


def _unshare(flags: int) -> str | None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) == 0:
        return None
    return f"unshare: {os.strerror(ctypes.get_errno())}"


def _keep_identity(user: int, group: int) -> None:
    """Be the same user in the new namespace: without a mapping no file could be written."""
    process = Path("/proc/self")
    (process / "setgroups").write_text("deny")
    (process / "uid_map").write_text(f"{user} {user} 1")
    (process / "gid_map").write_text(f"{group} {group} 1")


def _raise_loopback() -> None:
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        asked = fcntl.ioctl(probe, _GET_FLAGS, struct.pack(_REQUEST, b"lo", 0))
        _, flags = struct.unpack(_REQUEST, asked)
        fcntl.ioctl(probe, _SET_FLAGS, struct.pack(_REQUEST, b"lo", flags | _UP))
