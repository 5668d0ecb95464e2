"""Numbers as bytes; the formats are the interpreter's."""

from _struct import calcsize, error, pack, unpack

__all__ = ["calcsize", "pack", "pack_into", "unpack", "unpack_from", "iter_unpack", "Struct", "error"]


def _place(length, offset, size, packing):
    if offset < 0:
        if offset + length < 0:
            raise error("offset %d out of range for %d-byte buffer" % (offset, length))
        if -offset < size:
            words = "no space to pack" if packing else "not enough data to unpack"
            raise error("%s %d bytes at offset %d" % (words, size, offset))
        return offset + length
    if offset + size > length:
        call, doing = ("pack_into", "packing") if packing else ("unpack_from", "unpacking")
        raise error(
            "%s requires a buffer of at least %d bytes for %s %d bytes at offset %d (actual buffer size is %d)"
            % (call, offset + size, doing, size, offset, length)
        )
    return offset


def unpack_from(format, /, buffer, offset=0):
    view, size = memoryview(buffer).cast("B"), calcsize(format)
    place = _place(len(view), offset, size, False)
    return unpack(format, view[place : place + size])


def pack_into(format, buffer, offset, /, *values):
    view, size = memoryview(buffer).cast("B"), calcsize(format)
    place = _place(len(view), offset, size, True)
    view[place : place + size] = pack(format, *values)


def iter_unpack(format, buffer, /):
    view, size = memoryview(buffer).cast("B"), calcsize(format)
    if size == 0:
        raise error("cannot iteratively unpack with a struct of length 0")
    if len(view) % size:
        raise error("iterative unpacking requires a buffer of a multiple of %d bytes" % size)
    return (unpack(format, view[place : place + size]) for place in range(0, len(view), size))


class Struct:
    def __init__(self, format):
        self.format = format.decode() if isinstance(format, bytes) else format
        self.size = calcsize(format)

    def pack(self, *values):
        return pack(self.format, *values)

    def unpack(self, buffer, /):
        return unpack(self.format, buffer)

    def pack_into(self, buffer, offset, /, *values):
        pack_into(self.format, buffer, offset, *values)

    def unpack_from(self, /, buffer, offset=0):
        return unpack_from(self.format, buffer, offset)

    def iter_unpack(self, buffer, /):
        return iter_unpack(self.format, buffer)

    def __repr__(self):
        return "Struct(%r)" % self.format


def _clearcache():
    """Nothing is cached."""
