"""Digests under CPython's names."""

from _board_hashes import new as _new

algorithms_available = {"md5", "sha1", "sha224", "sha256", "sha384", "sha512"}
algorithms_guaranteed = algorithms_available


def new(name, data=b"", *, usedforsecurity=True, string=b""):
    digest = _new(name.lower().replace("-", ""))
    digest.update(data or string)
    return digest


def _named(name):
    def begin(data=b"", *, usedforsecurity=True, string=b""):
        return new(name, data, string=string)

    begin.__name__ = begin.__qualname__ = "openssl_" + name
    return begin


md5, sha1, sha224, sha256, sha384, sha512 = (
    _named(name) for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
)


def pbkdf2_hmac(hash_name, password, salt, iterations, dklen=None):
    import hmac

    length = dklen or new(hash_name).digest_size
    key, block = b"", 1
    while len(key) < length:
        part = hmac.digest(password, salt + block.to_bytes(4, "big"), hash_name)
        mixed = int.from_bytes(part, "big")
        for _ in range(iterations - 1):
            part = hmac.digest(password, part, hash_name)
            mixed ^= int.from_bytes(part, "big")
        key += mixed.to_bytes(len(part), "big")
        block += 1
    return key[:length]


def file_digest(fileobj, digest, /):
    state = new(digest) if isinstance(digest, str) else digest()
    while piece := fileobj.read(1 << 16):
        state.update(piece)
    return state
