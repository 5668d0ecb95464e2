# Named tuples and ordered dicts; the deque is native.
from _deque import deque


def namedtuple(name, fields):
    if isinstance(fields, str):
        fields = fields.split()
    elif not isinstance(fields, (list, tuple)):
        raise TypeError("object isn't a tuple or list")
    fields = tuple(fields)

    def __new__(cls, *args, **kwargs):
        count = len(args) + len(kwargs)
        if count != len(fields):
            raise TypeError("function takes %d positional arguments but %d were given" % (len(fields), count))
        values = list(args)
        for field in fields[len(args) :]:
            if field not in kwargs:
                raise TypeError("unexpected keyword argument")
            values.append(kwargs[field])
        return tuple.__new__(cls, values)

    def __repr__(self):
        return name + "(" + ", ".join("%s=%r" % pair for pair in zip(fields, self)) + ")"

    members = {"__slots__": (), "__new__": __new__, "__repr__": __repr__}
    for at, field in enumerate(fields):
        members[field] = property(lambda self, at=at: self[at])
    return type(name, (tuple,), members)


class OrderedDict(dict):
    def popitem(self):
        for last in reversed(self):
            return last, self.pop(last)
        raise KeyError("popitem(): dictionary is empty")

    def __eq__(self, other):
        if isinstance(other, OrderedDict):
            return dict.__eq__(self, other) and list(self) == list(other)
        return dict.__eq__(self, other)

    __hash__ = None

    def __repr__(self):
        return "OrderedDict(" + dict.__repr__(self) + ")"
