"""Resets backend connections through the C ABI.

    reset.py ID...      resets the backends with these resource ids
    reset.py < FILE     resets a fleet: one resource id a line, however many

Who is calling and where to comes from the environment (AZURE_ACCESS_TOKEN, AZURE_CLIENT_ID, ...; see README.md).
APIM_BACKEND_CONNECTION_LIBRARY names the shared library; without it the system's search path is used.
Exit code: 0 when every reset was accepted, 1 when one was not, 2 when nothing could be done.
"""

import ctypes
import json
import os
import sys
from ctypes import POINTER, byref, c_int32, c_size_t, c_uint32, c_uint64, c_void_p

ABI_VERSION = 2
OK, PENDING, DONE, READY = 0, 1, 2, 3
RESULT, FATAL = 1, 4


class Library:
    """The functions that are needed here, with their types: ctypes takes every argument for an int otherwise."""

    NAMES = {
        "linux": "libapim_backend_connection.so",
        "darwin": "libapim_backend_connection.dylib",
        "win32": "apim_backend_connection.dll",
    }
    # Text goes in as bytes and a length.
    TEXT = [ctypes.c_char_p, c_size_t]
    FUNCTIONS = {
        "abi_version": (c_uint32, []),
        "buffer_data": (c_void_p, [c_void_p]),
        "buffer_length": (c_size_t, [c_void_p]),
        "buffer_free": (None, [c_void_p]),
        "session_new": (c_int32, TEXT + TEXT + [POINTER(c_void_p), POINTER(c_void_p)]),
        "session_submit": (c_int32, [c_void_p] + TEXT + [c_uint32]),
        "session_finish": (c_int32, [c_void_p]),
        "session_next": (c_int32, [c_void_p, c_uint32, POINTER(c_uint32), POINTER(c_uint64), POINTER(c_void_p)]),
        "session_progress": (c_int32, [c_void_p, POINTER(c_void_p)]),
        "session_free": (None, [c_void_p]),
    }

    def __init__(self):
        path = os.environ.get("APIM_BACKEND_CONNECTION_LIBRARY") or self.NAMES[sys.platform]
        library = ctypes.CDLL(path)
        for name, (result, arguments) in self.FUNCTIONS.items():
            function = getattr(library, "apimbc_" + name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)
        if self.abi_version() != ABI_VERSION:
            raise RuntimeError(f"{path} has ABI {self.abi_version()}, this program needs {ABI_VERSION}")

    def take_json(self, buffer):
        """The buffer's JSON; frees the buffer."""
        try:
            return json.loads(ctypes.string_at(self.buffer_data(buffer), self.buffer_length(buffer)))
        finally:
            self.buffer_free(buffer)


class Session:
    """One session of the engine. Leaving the `with` block cancels what is left and frees it."""

    def __init__(self, library, **options):
        self.library = library
        self.handle = c_void_p()
        error = c_void_p()
        text = json.dumps(options).encode()
        # No environment of its own: the session takes the process's.
        if library.session_new(text, len(text), None, 0, byref(self.handle), byref(error)) != OK:
            raise RuntimeError(library.take_json(error)["message"] if error else "the library gives no session")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.library.session_free(self.handle)

    def submit(self, **item):
        """Hands one item over; yields the events that had to be taken first."""
        text = json.dumps(item).encode()
        while True:
            status = self.library.session_submit(self.handle, text, len(text), 1000)
            if status not in (OK, PENDING, READY):
                raise RuntimeError(f"the item was not taken: status {status}")
            if status != OK:
                yield from self.events(0)
            if status != PENDING:
                return

    def finish(self):
        """Says that no more items come; yields the remaining events."""
        self.library.session_finish(self.handle)
        yield from self.events(1000, until=DONE)

    def events(self, timeout_ms, until=PENDING):
        kind, number, event = c_uint32(), c_uint64(), c_void_p()
        while True:
            # A short wait each time, so that Ctrl+C is noticed in between.
            status = self.library.session_next(self.handle, timeout_ms, byref(kind), byref(number), byref(event))
            if status == OK:
                yield kind.value, number.value, self.library.take_json(event)
            elif status in (until, DONE):
                return
            elif status != PENDING:
                raise RuntimeError(f"no events: status {status}")

    def progress(self):
        progress = c_void_p()
        if self.library.session_progress(self.handle, byref(progress)) != OK:
            raise RuntimeError("the session tells no progress")
        return self.library.take_json(progress)


def show(events):
    for kind, number, event in events:
        if kind == RESULT:
            reason = event["error"]["message"] if event["outcome"] == "failed" else event["outcome"]
            print(f"item {number}: {reason}", file=sys.stderr)
        elif kind == FATAL:
            print(f"fatal: {event['error']['message']}", file=sys.stderr)


def main(ids):
    # Without events for what went well, a fleet of any size costs no work here.
    with Session(Library(), successEvents=False) as session:
        for backend in ids or filter(None, map(str.strip, sys.stdin)):
            show(session.submit(id=backend))
        show(session.finish())
        progress = session.progress()
    submitted, succeeded = progress["submitted"], progress["succeeded"]
    print(f"{succeeded} of {submitted} resets accepted")
    return 0 if succeeded == submitted else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, RuntimeError) as error:
        print(f"reset.py: {error}", file=sys.stderr)
        sys.exit(2)
