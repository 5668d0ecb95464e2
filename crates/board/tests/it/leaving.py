class Quiet:
    def __enter__(self): return self
    def __exit__(self, *e): print('exit', e[0] is not None); return True
class Loud(Quiet):
    def __exit__(self, *e): print('left', e[0] is not None)
def a():
    try:
        with Quiet():
            raise ValueError
        print('after')
        raise KeyError
    except KeyError:
        print('key')
    raise OSError(1)
def b():
    for i in range(3):
        try:
            with Quiet():
                if i: return 'in'
                else: raise ValueError
            print('went on')
        finally:
            print('finally', i)
    return 'out'
def c(n):
    for i in range(n):
        for j in range(n):
            try:
                print(i, j)
            finally:
                try:
                    try:
                        print('2')
                    finally:
                        try:
                            1 / 0
                        finally:
                            print('3')
                            break
                finally:
                    print('4')
                    break
    return 'c'
def d():
    for i in range(2):
        try:
            pass
        finally:
            try:
                try:
                    print(i)
                finally:
                    try:
                        1 / 0
                    finally:
                        return 42
            finally:
                print('continue')
                continue
    return 'd'
def e(x):
    try:
        try:
            raise ValueError
        except ValueError as v:
            return 'inner'
        finally:
            if x: return 'swallowed'
            print('no')
    finally:
        print('done')
def f():
    while True:
        try:
            try:
                raise ValueError
            finally:
                try:
                    break
                except:
                    print('never')
        finally:
            print('f')
    return 'f'
def g():
    try:
        yield 1
        yield 2
    finally:
        try:
            with Loud():
                return
        finally:
            print('g')
def h():
    try:
        return [x for x in range(3)]
    finally:
        print([y * 2 for y in range(2)], (lambda: 'l')())
        def inner(): return 'i'
        print(inner())
def k():
    with Quiet():
        while True:
            with Loud():
                return 1
    print('never')
def m():
    for i in range(3):
        with Quiet():
            with Quiet():
                if i == 1: continue
                if i == 2: break
                raise KeyError
            raise OSError(i)
        print('m', i)
    try:
        raise KeyError
    except KeyError:
        return 'm'
def n():
    try:
        try:
            1 / 0
        finally:
            return 'n'
    except ZeroDivisionError:
        print('never')
for call in a, b, lambda: c(2), d, lambda: e(0), lambda: e(1), f, lambda: list(g()), h, k, m, n:
    try:
        print(call())
    except OSError as error:
        print('OSError', error.args[0])
for i in range(2):
    try:
        print('top', i)
    finally:
        continue
def p(n):
    for i in range(n):
        try:
            for j in range(3):
                with Loud():
                    if j == 1 and i == 0: continue
                    if i == 1: break
                    if i == 2: return [z for z in 'r']
            else:
                print('else')
            if i == 0: continue
            print('body', i)
        except ValueError:
            return 'v'
        finally:
            print([y for y in range(i)])
    return 'end'
def q():
    while True:
        try:
            try:
                raise ValueError
            except ValueError:
                break
            finally:
                print((lambda: 'lambda')())
        finally:
            print({k: 1 for k in 'q'})
            def deep():
                try:
                    return 1
                finally:
                    class C: x = 5
                    print(C.x)
            print(deep())
            continue_ = 1
    return 'q'
def r():
    try:
        return 'one'
    finally:
        for t in range(2):
            if [u for u in range(t)]: return 'two'
for call in lambda: p(2), lambda: p(4), q, r:
    print(call())
