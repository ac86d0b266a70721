"""Calls the library with nothing but ctypes: `by_hand.py LIBRARY DATABASE`."""
import ctypes
import json
import sys

PROGRESS = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)


class JobOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("progress_fn", PROGRESS),
        ("progress_user_data", ctypes.c_void_p),
        ("cancel", ctypes.c_void_p),
    ]


library = ctypes.CDLL(sys.argv[1])
library.expmig_status_name.restype = ctypes.c_char_p
library.expmig_error_message.restype = ctypes.c_char_p
library.expmig_error_message.argtypes = [ctypes.c_void_p]
error = ctypes.c_void_p()


def ok(status):
    if status:
        raise RuntimeError(f"{library.expmig_status_name(status).decode()}: {library.expmig_error_message(error).decode()}")


database, manager, text = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
ok(library.expmig_database_open(sys.argv[2].encode(), None, ctypes.byref(database), ctypes.byref(error)))
ok(library.expmig_manager_new(database, None, ctypes.byref(manager), ctypes.byref(error)))
ok(library.expmig_experiment_list(manager, ctypes.byref(text), ctypes.byref(error)))
titles = [one["title"] for one in json.loads(ctypes.string_at(text))["experiments"]]
library.expmig_string_free(text)
assert titles == ["Digits classification", "Wine cultivar classification", "Breast cancer diagnosis"], titles

calls = []
options = JobOptions()
ok(library.expmig_job_options_init(ctypes.byref(options), ctypes.c_size_t(ctypes.sizeof(options))))
options.progress_fn = PROGRESS(lambda progress, user_data: calls.append(progress) or 0)
digest = (ctypes.c_uint8 * 32)()
ok(library.expmig_experiment_digest(manager, ctypes.c_int64(1), ctypes.byref(options), digest, ctypes.byref(error)))
assert len(calls) >= 2 and any(digest)

try:
    ok(library.expmig_experiment_digest(manager, ctypes.c_int64(99), None, digest, ctypes.byref(error)))
    raise SystemExit("experiment 99 exists")
except RuntimeError as failure:
    assert str(failure).startswith("NOT_FOUND: "), failure
library.expmig_error_free(error)
library.expmig_manager_free(manager)
library.expmig_database_close(database)
print("works")
