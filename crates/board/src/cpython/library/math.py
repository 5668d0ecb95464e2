"""CPython's `math`: the board's, and what it lacks."""

from _board_math import *
from operator import index as _index

import _board_math as _board

tau = 6.283185307179586
inf, nan = float("inf"), float("nan")


def _whole(number, name):
    try:
        number = _index(number)
    except TypeError:
        raise TypeError("'%s' object cannot be interpreted as an integer" % type(number).__name__) from None
    if number < 0:
        raise ValueError("%s() not defined for negative values" % name)
    return number


def factorial(number, /):
    result = 1
    for factor in range(2, _whole(number, "factorial") + 1):
        result *= factor
    return result


def gcd(*numbers):
    result = 0
    for number in numbers:
        number = abs(_index(number))
        while number:
            result, number = number, result % number
    return result


def lcm(*numbers):
    result = 1
    for number in numbers:
        number = abs(_index(number))
        if not number:
            return 0
        result = result // gcd(result, number) * number
    return result


def isqrt(number, /):
    number = _index(number)
    if number < 0:
        raise ValueError("isqrt() argument must be nonnegative")
    if number == 0:
        return 0
    guess = 1 << ((number.bit_length() + 1) // 2)
    while True:
        better = (guess + number // guess) // 2
        if better >= guess:
            return guess
        guess = better


def perm(n, k=None, /):
    n = _index(n)
    if k is None:
        return factorial(n)
    k = _index(k)
    if n < 0 or k < 0:
        raise ValueError("%s must be a non-negative integer" % ("n" if n < 0 else "k"))
    result = 1
    for factor in range(n - k + 1, n + 1) if k <= n else (0,):
        result *= factor
    return result


def comb(n, k, /):
    n, k = _index(n), _index(k)
    if n < 0 or k < 0:
        raise ValueError("%s must be a non-negative integer" % ("n" if n < 0 else "k"))
    return perm(n, min(k, n - k)) // factorial(min(k, n - k)) if k <= n else 0


def prod(iterable, /, *, start=1):
    for factor in iterable:
        start *= factor
    return start


def fsum(seq, /):
    """Shewchuk's: the sum of partial sums that do not overlap has no error."""
    partials = []
    for x in seq:
        x, place = float(x), 0
        for y in partials:
            if abs(x) < abs(y):
                x, y = y, x
            high = x + y
            low = y - (high - x)
            if low:
                partials[place] = low
                place += 1
            x = high
        partials[place:] = [x]
    return _rounded(partials)


def _rounded(partials):
    if not partials:
        return 0.0
    high = partials.pop()
    while partials:
        x, y = high, partials.pop()
        high = x + y
        low = y - (high - x)
        if low:
            if partials and (low < 0) == (partials[-1] < 0):
                twice = low * 2
                if twice == (high + twice) - high:
                    high += twice
            break
    return high


def sumprod(p, q, /):
    return sum(a * b for a, b in zip(p, q, strict=True))


def hypot(*coordinates):
    largest = max((abs(float(x)) for x in coordinates), default=0.0)
    if largest == 0.0 or isinf(largest):
        return largest
    return largest * sqrt(fsum((x / largest) ** 2 for x in coordinates))


def dist(p, q, /):
    if len(p) != len(q):
        raise ValueError("both points must have the same number of dimensions")
    return hypot(*(a - b for a, b in zip(p, q)))


def isclose(a, b, *, rel_tol=1e-09, abs_tol=0.0):
    if rel_tol < 0 or abs_tol < 0:
        raise ValueError("tolerances must be non-negative")
    if a == b:
        return True
    if isinf(a) or isinf(b):
        return False
    return abs(a - b) <= max(rel_tol * max(abs(a), abs(b)), abs_tol)


def sqrt(x, /):
    x = float(x)
    if x < 0:
        raise ValueError("expected a nonnegative input, got %r" % x)
    return _board.sqrt(x)


def _positive(x):
    if x <= 0:
        raise ValueError("expected a positive input" + ("" if isinstance(x, int) else ", got %r" % x))
    return x


def log(x, base=None, /):
    value = _large(_positive(x))
    return value if base is None else value / _large(_positive(base))


def _large(x):
    if isinstance(x, int) and x.bit_length() > 1000:
        shift = x.bit_length() - 64
        return _board.log(x >> shift) + shift * _board.log(2)
    return _board.log(x)


def log2(x, /):
    if isinstance(_positive(x), int) and x & (x - 1) == 0:
        return float(x.bit_length() - 1)
    return _large(x) / _board.log(2) if isinstance(x, int) and x.bit_length() > 1000 else _board.log2(x)


def log10(x, /):
    return _large(x) / _board.log(10) if isinstance(x, int) and x.bit_length() > 1000 else _board.log10(_positive(x))


def log1p(x, /):
    if x <= -1:
        raise ValueError("expected argument value > -1, got %r" % float(x))
    rounded = 1.0 + x
    return x if rounded == 1.0 else _board.log(rounded) * x / (rounded - 1.0)


def cbrt(x, /):
    x = float(x)
    if x == 0.0 or isinf(x) or isnan(x):
        return x
    root = copysign(abs(x) ** (1 / 3), x)
    return root - (root * root * root - x) / (3 * root * root)


def exp2(x, /):
    return 2.0 ** x


def remainder(x, y, /):
    x, y = float(x), float(y)
    if y == 0.0 or isinf(x):
        raise ValueError("math domain error")
    if isinf(y):
        return x
    left = fmod(abs(x), abs(y))
    other = abs(y) - left
    if left > other or (left == other and fmod((abs(x) - left) / 2, abs(y)) != 0):
        left = -other
    return copysign(1.0, x) * left


def ulp(x, /):
    x = abs(float(x))
    if isinf(x) or isnan(x):
        return x
    return max(ldexp(1.0, frexp(x)[1] - 53), 5e-324)


def _integral(name, rounded):
    def function(x, /):
        own = getattr(type(x), "__%s__" % name, None)
        return own(x) if own else rounded(float(x))

    function.__name__ = function.__qualname__ = name
    return function


ceil, floor, trunc = (_integral(name, getattr(_board, name)) for name in ("ceil", "floor", "trunc"))
