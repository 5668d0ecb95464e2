"""Imports by name. What finds modules is the board's own."""

import sys
from importlib import machinery


def import_module(name, package=None):
    if name.startswith("."):
        if not package:
            raise TypeError("the 'package' argument is required to perform a relative import for %r" % name)
        level = len(name) - len(name.lstrip("."))
        base = package.split(".")[: len(package.split(".")) - level + 1]
        name = ".".join(base + [name[level:]]) if name[level:] else ".".join(base)
    __import__(name)
    return sys.modules[name]


def reload(module):
    name = module.__name__
    if sys.modules.pop(name, None) is None:
        raise ImportError("module %s not in sys.modules" % name, name=name)
    try:
        fresh = import_module(name)
    except BaseException:
        sys.modules[name] = module
        raise
    module.__dict__.update(fresh.__dict__)
    sys.modules[name] = module
    return module


def invalidate_caches():
    """Nothing is cached."""
