"""A filter of system calls (seccomp): who is inside a sandbox makes no user namespace.

In one of its own a program has every right over the kernel's rarer parts, where most ways out of a container began.
"""

import ctypes
import errno
import os
import platform
import struct
from contextlib import suppress

from clary.sandbox.kernel import NEW_USER

# The number of seccomp(2), then for each kind of program that the machine runs: AUDIT_ARCH_*, unshare, clone, clone3.
_MACHINES = {
    "x86_64": (317, [(0xC000003E, 272, 56, 435), (0x40000003, 310, 120, 435)]),
    "aarch64": (277, [(0xC00000B7, 97, 220, 435), (0x40000028, 337, 120, 435)]),
}
_SET_FILTER, _ALLOW_SPECULATION = 1, 4  # without the second one old kernels slow the program down
_LOAD, _AND, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # in struct seccomp_data
_X32 = 0x40000000  # marks the calls of another ABI of x86_64, which have the same numbers here
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def forbid_user_namespaces() -> None:
    """For this process and all that it starts, for good; needs no_new_privs.

    A kernel without seccomp is let be, and so is a kind of machine that isn't listed.
    """
    if platform.machine() not in _MACHINES:
        return
    number, kinds = _MACHINES[platform.machine()]
    rows = [row for kind in kinds for row in _rows(*kind)] + [_row(_RETURN, _ERROR | errno.ENOSYS)]
    program = _Program(len(rows), b"".join(rows))
    libc = ctypes.CDLL(None, use_errno=True)
    with suppress(OSError):
        if libc.syscall(ctypes.c_long(number), _SET_FILTER, _ALLOW_SPECULATION, ctypes.byref(program)) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _rows(architecture: int, unshare: int, clone: int, clone3: int) -> list[bytes]:
    """What looks at the calls of one kind of program. clone3's flags can't be seen: its callers fall back to clone."""
    return [
        _row(_LOAD, _ARCHITECTURE),
        _row(_EQUAL, architecture, no=11),
        _row(_LOAD, _NUMBER),
        _row(_AND, ~_X32 & 0xFFFFFFFF),
        _row(_EQUAL, clone3, yes=7),
        _row(_EQUAL, unshare, yes=2),
        _row(_EQUAL, clone, yes=1),
        _row(_RETURN, _ALLOW),
        _row(_LOAD, _FIRST_ARGUMENT),
        _row(_ANY_BIT, NEW_USER, no=1),
        _row(_RETURN, _ERROR | errno.EPERM),
        _row(_RETURN, _ALLOW),
        _row(_RETURN, _ERROR | errno.ENOSYS),
    ]


def _row(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)
