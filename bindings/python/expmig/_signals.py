"""Exchanges Python's signal handlers for a while, without changing anything else about a signal."""
from __future__ import annotations

import signal
from ctypes import PyDLL, create_string_buffer
from typing import Any

# It holds the GIL, and a struct sigaction is only kept, never read: there is room for that of any C library.
_sigaction = PyDLL(None).sigaction
ROOM = 1024


def exchange(number: int, handler: Any) -> None:
    """Puts a handler in the place of another that is Python code. How the system delivers the signal stays as it is: signal.signal would
    forget SA_RESTART, which signal.siginterrupt and asyncio set, and a handler of C that was put in front of Python's."""
    delivery = create_string_buffer(ROOM)
    if _sigaction(number, None, delivery):
        raise OSError(f"sigaction does not know signal {number}")
    try:
        signal.signal(number, handler)
    finally:
        _sigaction(number, delivery, None)
