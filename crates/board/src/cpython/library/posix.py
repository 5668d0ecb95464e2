"""What `os` of CPython is made of: the board's files, and of a Linux system what has a meaning on a virtual board."""

import _board_os
import errno
import sys
from _stat import S_IFDIR, S_IFLNK, S_IFREG, S_ISDIR, S_ISLNK, S_ISREG
from types import SimpleNamespace as _Namespace

error = OSError
environ = {
    b"HOME": b"/", b"LANG": b"C.UTF-8", b"LOGNAME": b"root", b"PATH": b"/usr/bin:/bin", b"PWD": b"/",
    b"SHELL": b"/bin/sh", b"USER": b"root",
}
F_OK, R_OK, W_OK, X_OK = 0, 4, 2, 1
O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND = 0, 1, 2, 64, 128, 512, 1024
EX_OK = 0

_WORDS = {
    errno.EPERM: "Operation not permitted", errno.ENOENT: "No such file or directory", errno.EINTR:
    "Interrupted system call", errno.EIO: "Input/output error", errno.EBADF: "Bad file descriptor", errno.EAGAIN:
    "Resource temporarily unavailable", errno.ENOMEM: "Cannot allocate memory", errno.EACCES: "Permission denied",
    errno.EEXIST: "File exists", errno.ENODEV: "No such device", errno.ENOTDIR: "Not a directory", errno.EISDIR:
    "Is a directory", errno.EINVAL: "Invalid argument", errno.EMFILE: "Too many open files", errno.ENOSPC:
    "No space left on device", errno.EPIPE: "Broken pipe", errno.ENOTEMPTY: "Directory not empty", errno.EADDRINUSE:
    "Address already in use", errno.ENETUNREACH: "Network is unreachable", errno.ECONNABORTED:
    "Software caused connection abort", errno.ECONNRESET: "Connection reset by peer", errno.EISCONN:
    "Transport endpoint is already connected", errno.ENOTCONN: "Transport endpoint is not connected",
    errno.ETIMEDOUT: "Connection timed out", errno.ECONNREFUSED: "Connection refused", errno.EHOSTUNREACH:
    "No route to host", errno.EALREADY: "Operation already in progress", errno.EINPROGRESS: "Operation now in progress",
}


def strerror(code):
    return _WORDS.get(code) or "Unknown error %d" % code


def fspath(path):
    if isinstance(path, bytes):
        return path.decode()
    if isinstance(path, str):
        return path
    try:
        path = type(path).__fspath__(path)
    except AttributeError:
        raise TypeError("expected str, bytes or os.PathLike object, not " + type(path).__name__) from None
    return path.decode() if isinstance(path, bytes) else path


def named(call, path, *more):
    """Calls a function of the board; its error has a text and the name of the file, as CPython's have."""
    try:
        return call(path, *more)
    except OSError as raised:
        number = raised.args[0]
    raise OSError(number, strerror(number), path, *([None, more[0]] if call is _board_os.rename else []))


class stat_result(tuple):
    """The ten numbers, with names."""

    n_fields, n_sequence_fields = 10, 10

    def __new__(cls, fields):
        return super().__new__(cls, fields)

    def __repr__(self):
        names = ("mode", "ino", "dev", "nlink", "uid", "gid", "size", "atime", "mtime", "ctime")
        return "os.stat_result(%s)" % ", ".join("st_%s=%d" % pair for pair in zip(names, self))

    st_mode, st_ino, st_dev, st_nlink, st_uid, st_gid, st_size, st_atime, st_mtime, st_ctime = (
        property(lambda self, place=place: self[place]) for place in range(10)
    )
    st_atime_ns, st_mtime_ns, st_ctime_ns = (
        property(lambda self, place=place: self[place] * 10 ** 9) for place in (7, 8, 9)
    )


class terminal_size(tuple):
    columns, lines = property(lambda self: self[0]), property(lambda self: self[1])


def get_terminal_size(fd=1):
    return terminal_size((80, 24))


def stat(path, *, dir_fd=None, follow_symlinks=True):
    kind, *_, size, accessed, modified, changed = named(_board_os.stat, fspath(path))
    mode = kind | (0o755 if kind == S_IFDIR else 0o644)
    return stat_result((mode, abs(hash(fspath(path))), 1, 1, 0, 0, size, accessed, modified, changed))


lstat = stat


def access(path, mode, *, dir_fd=None, effective_ids=False, follow_symlinks=True):
    try:
        stat(path)
        return True
    except OSError:
        return False


def listdir(path="."):
    return named(_board_os.listdir, fspath(path))


class DirEntry:
    def __init__(self, folder, name, kind):
        self.name, self._kind = name, kind
        self.path = name if folder == "." else folder.rstrip("/") + "/" + name

    def is_dir(self, *, follow_symlinks=True):
        return S_ISDIR(self._kind)

    def is_file(self, *, follow_symlinks=True):
        return S_ISREG(self._kind)

    def is_symlink(self):
        return False

    def is_junction(self):
        return False

    def stat(self, *, follow_symlinks=True):
        return stat(self.path)

    def inode(self):
        return self.stat().st_ino

    def __fspath__(self):
        return self.path

    def __repr__(self):
        return "<DirEntry %r>" % self.name


class _Entries:
    def __init__(self, entries):
        self._entries = entries

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._entries)

    def close(self):
        self._entries = iter(())

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        self.close()


def scandir(path="."):
    path = fspath(path)
    entries = list(named(_board_os.ilistdir, path))
    return _Entries(iter([DirEntry(path, entry[0], entry[1]) for entry in entries]))


def mkdir(path, mode=0o777, *, dir_fd=None):
    named(_board_os.mkdir, fspath(path))


def rmdir(path, *, dir_fd=None):
    if not S_ISDIR(stat(path).st_mode):
        raise NotADirectoryError(errno.ENOTDIR, strerror(errno.ENOTDIR), path)
    named(_board_os.rmdir, fspath(path))


def remove(path, *, dir_fd=None):
    if S_ISDIR(stat(path).st_mode):
        raise IsADirectoryError(errno.EISDIR, strerror(errno.EISDIR), path)
    named(_board_os.remove, fspath(path))


unlink = remove


def rename(src, dst, *, src_dir_fd=None, dst_dir_fd=None):
    named(_board_os.rename, fspath(src), fspath(dst))


replace = rename


def getcwd():
    return _board_os.getcwd()


def getcwdb():
    return getcwd().encode()


def chdir(path):
    named(_board_os.chdir, fspath(path))


def urandom(size):
    return _board_os.urandom(size)


def getpid():
    return 1


def getppid():
    return 0


def getuid():
    return 0


geteuid = getgid = getegid = getuid


def getlogin():
    return "root"


def cpu_count():
    return 4


def umask(mask):
    return 0o022


def chmod(path, mode, *, dir_fd=None, follow_symlinks=True):
    stat(path)


def utime(path, times=None, *, ns=None, dir_fd=None, follow_symlinks=True):
    stat(path)


def register_at_fork(*, before=None, after_in_child=None, after_in_parent=None):
    """Nothing forks here."""


def isatty(fd):
    return fd in (0, 1, 2)


def putenv(name, value):
    """`os.environ` is all that there is of the environment."""


unsetenv = putenv


def device_encoding(fd):
    return "utf-8"


def get_inheritable(fd):
    return False


class uname_result(tuple):
    sysname, nodename, release, version, machine = (
        property(lambda self, place=place: self[place]) for place in range(5)
    )

    def __repr__(self):
        names = ("sysname", "nodename", "release", "version", "machine")
        return "posix.uname_result(%s)" % ", ".join("%s=%r" % pair for pair in zip(names, self))


def uname():
    return uname_result(("Linux", "linux", "6.12.0", "#1 SMP", "aarch64"))


def _exit(status):
    raise SystemExit(status)


def _create_environ():
    return environ


def _path_normpath(path):
    """`os.path.normpath`, which CPython has in C."""
    text = path.decode() if isinstance(path, bytes) else path
    if not text:
        return type(path)(b".") if isinstance(path, bytes) else "."
    root = "//" if text.startswith("//") and not text.startswith("///") else "/" if text.startswith("/") else ""
    parts = []
    for part in text.split("/"):
        if part in ("", "."):
            continue
        if part != ".." or (not root and not parts) or (parts and parts[-1] == ".."):
            parts.append(part)
        elif parts:
            parts.pop()
    text = root + "/".join(parts) or "."
    return text.encode() if isinstance(path, bytes) else text


_have_functions = []


def _absent(name, why):
    def absent(*args, **kwargs):
        raise NotImplementedError("os.%s: a virtual board %s" % (name, why))

    absent.__name__ = absent.__qualname__ = name
    return absent


for _name in ("system", "fork", "forkpty", "execv", "execve", "kill", "killpg", "posix_spawn", "waitpid", "wait"):
    globals()[_name] = _absent(_name, "starts no programs of the machine that it runs on")
for _name in ("open", "close", "read", "write", "lseek", "ftruncate", "dup", "dup2", "fsync", "fstat", "pipe", "link",
              "symlink", "readlink", "chown"):
    globals()[_name] = _absent(_name, "has files by name only, and no links")
del _name
