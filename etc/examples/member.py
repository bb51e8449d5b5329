#!/usr/bin/env python3
"""A member of a group, in Python: python3 member.py GROUP [TAG [QUALITY=WORDS...]]

The library is libmembership.so.0, or what $LIBMEMBERSHIP names. The loop shows how to poll a member together with other
descriptors; it ends with the membership, or on standard input's end, upon which it leaves. A quality of service, as in
"monitor=fixed 1s x 3", counts if this creates the group; what its creator chose, each member is told at its first view.
"""

import ctypes
import os
import select
import sys

lib = ctypes.CDLL(os.environ.get("LIBMEMBERSHIP", "libmembership.so.0"))

# Handles are pointers, for which the default, int, is too small.
for function, result, *arguments in [
    ("ms_options_new", ctypes.c_void_p),
    ("ms_options_tag", ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t),
    ("ms_options_quality", ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p),
    ("ms_options_free", None, ctypes.c_void_p),
    ("ms_last_error", ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t),
    ("ms_join", ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p),
    ("ms_member_fd", ctypes.c_int, ctypes.c_void_p),
    ("ms_member_next", ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p),
    ("ms_member_leave", ctypes.c_int, ctypes.c_void_p),
    ("ms_member_free", None, ctypes.c_void_p),
    ("ms_event_text", ctypes.c_size_t, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t),
    ("ms_event_view", ctypes.c_void_p, ctypes.c_void_p),
    ("ms_event_is_last", ctypes.c_int, ctypes.c_void_p),
    ("ms_event_free", None, ctypes.c_void_p),
    ("ms_event_is_first", ctypes.c_int, ctypes.c_void_p),
    ("ms_view_quality", ctypes.c_size_t, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t),
    ("ms_view_rank", ctypes.c_uint32, ctypes.c_void_p),
    ("ms_view_count", ctypes.c_size_t, ctypes.c_void_p),
    ("ms_view_peer", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t),
    ("ms_peer_id", ctypes.c_size_t, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t),
]:
    getattr(lib, function).restype = result
    getattr(lib, function).argtypes = arguments


class Failure(Exception):
    """What the library says went wrong."""


def text(function, *handle):
    """The string that a function with a buffer writes."""
    buffer = ctypes.create_string_buffer(512)
    function(*handle, buffer, len(buffer))
    return buffer.value.decode()


def checked(result):
    if result < 0:
        raise Failure(text(lib.ms_last_error))
    return result


class Member:
    """A member of a group; it leaves, or fails with its process."""

    def __init__(self, group, tag=b"", quality=()):
        options, self.handle = lib.ms_options_new(), ctypes.c_void_p()
        try:
            checked(lib.ms_options_tag(options, tag, len(tag)))
            for name, words in quality:
                checked(lib.ms_options_quality(options, name.encode(), words.encode()))
            checked(lib.ms_join(group.encode(), options, ctypes.byref(self.handle)))
        finally:
            lib.ms_options_free(options)

    def fileno(self):
        return lib.ms_member_fd(self.handle)

    def leave(self):
        checked(lib.ms_member_leave(self.handle))

    def events(self):
        """What there is to be told now: the words, the roster if it changed, our rank in it, and whether it is the last."""
        event = ctypes.c_void_p()
        while checked(lib.ms_member_next(self.handle, 0, ctypes.byref(event))):
            view = lib.ms_event_view(event)
            peers = [lib.ms_view_peer(view, rank) for rank in range(lib.ms_view_count(view))]
            roster = [text(lib.ms_peer_id, peer) for peer in peers]
            last, words = bool(lib.ms_event_is_last(event)), text(lib.ms_event_text, event)
            if lib.ms_event_is_first(event):
                words += f", monitor {text(lib.ms_view_quality, view, b'monitor')}"
            yield words, roster, lib.ms_view_rank(view), last
            lib.ms_event_free(event)
            if last:
                return

    def close(self):
        lib.ms_member_free(self.handle)
        self.handle = None


def main():
    group, tag, *quality = sys.argv[1:] + [""] * (3 - len(sys.argv))
    member = Member(group, tag.encode(), [word.split("=", 1) for word in quality])
    watched = [member, sys.stdin]
    while True:
        ready, _, _ = select.select(watched, [], [])
        if sys.stdin in ready and not sys.stdin.readline():
            watched = [member]
            member.leave()
        for words, roster, rank, last in member.events():
            print(words, roster, rank, flush=True)
            if last:
                member.close()
                return


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"{sys.argv[1]}: {failure}")
