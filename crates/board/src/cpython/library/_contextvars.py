"""Context variables, one context for each thread and each task."""

import _thread

_current = _thread._local()
_missing = object()


def _context():
    try:
        return _current.context
    except AttributeError:
        _current.context = Context()
        return _current.context


class Context:
    def __init__(self):
        self._values, self._before = {}, None

    def run(self, callable, *args, **kwargs):
        if self._before is not None:
            raise RuntimeError("cannot enter context: %r is already entered" % self)
        self._before = (getattr(_current, "context", None),)
        _current.context = self
        try:
            return callable(*args, **kwargs)
        finally:
            _current.context = self._before[0] or Context()
            self._before = None

    def copy(self):
        copy = Context()
        copy._values = self._values.copy()
        return copy

    def __getitem__(self, variable):
        return self._values[variable]

    def get(self, variable, default=None):
        return self._values.get(variable, default)

    def __contains__(self, variable):
        return variable in self._values

    def __iter__(self):
        return iter(self._values)

    def __len__(self):
        return len(self._values)

    def keys(self):
        return self._values.keys()

    def values(self):
        return self._values.values()

    def items(self):
        return self._values.items()


class Token:
    MISSING = _missing

    def __init__(self, context, variable, old):
        self._context, self.var, self.old_value, self._used = context, variable, old, False

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        self.var.reset(self)


class ContextVar:
    def __init__(self, name, *, default=_missing):
        self.name, self._default = name, default

    def get(self, default=_missing):
        value = _context()._values.get(self, _missing)
        for value in (value, default, self._default):
            if value is not _missing:
                return value
        raise LookupError(self)

    def set(self, value):
        context = _context()
        token = Token(context, self, context._values.get(self, _missing))
        context._values[self] = value
        return token

    def reset(self, token):
        if token._used:
            raise RuntimeError("%r has already been used once" % token)
        if token.var is not self:
            raise ValueError("%r was created by a different ContextVar" % token)
        token._used = True
        if token.old_value is _missing:
            token._context._values.pop(self, None)
        else:
            token._context._values[self] = token.old_value

    def __class_getitem__(cls, item):
        return cls

    def __repr__(self):
        return "<ContextVar name=%r at %#x>" % (self.name, id(self))


def copy_context():
    return _context().copy()
