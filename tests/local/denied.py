"""`python denied.py COMMAND…`: run a command where new user namespaces are refused, as container runtimes refuse them.

The refusal is the kernel's own (a seccomp filter answering EPERM to unshare and clone with CLONE_NEWUSER), not a stand-in
for the `unshare` program. x86-64 Linux only.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

_CLONE_NEWUSER = 0x10000000
_LOAD, _IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _ERRNO, _EPERM, _ENOSYS = 0x7FFF0000, 0x00050000, 1, 38
_UNSHARE, _CLONE, _CLONE3 = 272, 56, 435
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER_MODE = 38, 22, 2

# code, steps when true, steps when false, operand
_PROGRAM = (
    (_LOAD, 0, 0, 0),  # the system call's number
    (_IF_EQUAL, 4, 0, _UNSHARE),
    (_IF_EQUAL, 3, 0, _CLONE),
    (_IF_EQUAL, 1, 0, _CLONE3),
    (_RETURN, 0, 0, _ALLOW),
    (_RETURN, 0, 0, _ERRNO | _ENOSYS),  # clone3 hides its flags in memory: callers fall back to clone
    (_LOAD, 0, 0, 16),  # the first argument: the flags
    (_IF_ANY_BIT, 0, 1, _CLONE_NEWUSER),
    (_RETURN, 0, 0, _ERRNO | _EPERM),
    (_RETURN, 0, 0, _ALLOW),
)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def is_possible() -> bool:
    return sys.platform == "linux" and platform.machine() == "x86_64"


def deny_user_namespaces() -> None:
    """For this process and all it starts; cannot be undone."""
    libc = ctypes.CDLL(None, use_errno=True)
    filters = b"".join(struct.pack("HBBI", *step) for step in _PROGRAM)
    program = _Program(len(_PROGRAM), filters)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.prctl(
        _SET_SECCOMP, _FILTER_MODE, ctypes.byref(program), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "the seccomp filter was refused")


if __name__ == "__main__":
    deny_user_namespaces()
    os.execvp(sys.argv[1], sys.argv[1:])
