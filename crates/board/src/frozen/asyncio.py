# asyncio of a board: tasks over one queue of what is due when, and streams over select.poll.
#
# A task that runs has nothing waiting for it in the queue. To wait, it puts itself somewhere that will wake it (the
# queue, a list of waiters, the poller), says in `_place` where that is, and yields once.

import sys
import time

_TICKS_MAX = time.ticks_add(0, -1)
# The longest sleep that the ticks of a board can tell from one that is over.
_LONGEST = _TICKS_MAX // 2
# How often a wait looks for what came from a callback. The poller and the clock do not end for those.
_LOOK_MS = 10


class CancelledError(BaseException):
    pass


class TimeoutError(Exception):
    pass


# ---- time and the queue

_clock = 0
_ticks = time.ticks_ms()


def _now():
    # Milliseconds that do not wrap, so that they compare as numbers.
    global _clock, _ticks
    ticks = time.ticks_ms()
    _clock += max(time.ticks_diff(ticks, _ticks), 0)
    _ticks = ticks
    return _clock


class TaskQueue:
    # A binary heap of [due, order, task]. An entry whose task has another one is passed over.
    def __init__(self):
        self._heap = []
        self._order = 0

    def push(self, task, due=None):
        heap = self._heap
        self._order += 1
        entry = [_now() if due is None else due, self._order, task]
        task._entry = entry
        heap.append(entry)
        at = len(heap) - 1
        while at and entry < heap[(at - 1) >> 1]:
            heap[at] = heap[(at - 1) >> 1]
            at = (at - 1) >> 1
        heap[at] = entry

    def peek(self):
        heap = self._heap
        while heap and heap[0][2]._entry is not heap[0]:
            self._take()
        return heap[0] if heap else None

    def pop(self):
        entry = self.peek()
        self._take()
        entry[2]._entry = None
        return entry[2]

    def remove(self, task):
        task._entry = None

    def _take(self):
        heap = self._heap
        last = heap.pop()
        if not heap:
            return
        at, child = 0, 1
        while child < len(heap):
            if child + 1 < len(heap) and heap[child + 1] < heap[child]:
                child += 1
            if last < heap[child]:
                break
            heap[at] = heap[child]
            at, child = child, 2 * child + 1
        heap[at] = last


_queue = TaskQueue()
cur_task = None


# ---- tasks


class Task:
    def __init__(self, coro):
        self.coro = coro
        self._entry = None  # in the queue
        self._place = None  # what else it waits for: has `_forget(task)`
        self._throw = None  # raised in it when it runs next
        self._waiters = []
        self._gathered = False
        self._done = False
        self._result = None
        self._error = None
        self._unseen = False  # it failed, and nobody has been told

    def done(self):
        return self._done

    def cancel(self):
        if self._done:
            return False
        if self is cur_task:
            raise RuntimeError("can't cancel self")
        # Who waits for a task is cancelled by what that task raises then.
        while isinstance(self._place, Task):
            self = self._place
            if self is cur_task:
                raise RuntimeError("can't cancel self")
        if self._place is not None:
            self._place._forget(self)
            self._place = None
        if self._throw is None:
            self._throw = CancelledError()
        if self._entry is None or self._entry[0] > _now():
            _queue.push(self)
        return True

    def _forget(self, waiter):
        if waiter in self._waiters:
            self._waiters.remove(waiter)

    def _finish(self, result, error):
        self._done = True
        self._result = result
        self._error = error
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            _wake(waiter)
        if error is not None and not waiters and not isinstance(error, CancelledError):
            # Somebody who runs before this comes up may still ask.
            self._unseen = True
            _queue.push(self)

    def _outcome(self):
        self._unseen = False
        if self._error is not None:
            raise self._error
        return self._result

    def __iter__(self):
        if not self._done:
            if self._gathered:
                raise RuntimeError("can't wait")
            self._waiters.append(cur_task)
            cur_task._place = self
            yield
        return self._outcome()


def _wake(task):
    task._place = None
    _queue.push(task)


def _task_of(awaitable):
    return awaitable if isinstance(awaitable, Task) else create_task(awaitable)


def create_task(coro):
    if not hasattr(coro, "send"):
        raise TypeError("coroutine expected")
    task = Task(coro)
    _queue.push(task)
    return task


def current_task():
    if cur_task is None:
        raise RuntimeError("no running event loop")
    return cur_task


def sleep_ms(ms):
    if ms > _LONGEST:
        raise OverflowError("ticks interval overflow")
    _queue.push(cur_task, _now() + max(0, ms))
    yield


def sleep(seconds):
    return sleep_ms(int(seconds * 1000))


# ---- the loop


def _run(main):
    # Until `main` is done, or the loop is stopped.
    global cur_task
    try:
        while True:
            _wait_for_work(main)
            task = _queue.pop()
            if task is _stopper:
                return None
            if task._done:
                if task._unseen:
                    task._unseen = False
                    _report(task)
                continue
            cur_task = task
            _step(task)
            if task is main and task._done:
                if task._unseen:
                    _queue.remove(task)
                return task._outcome()
    finally:
        cur_task = None


def _step(task):
    try:
        throw, task._throw = task._throw, None
        if throw is None:
            task.coro.send(None)
        else:
            task.coro.throw(throw)
    except StopIteration as stop:
        task._finish(stop.value, None)
    except (CancelledError, Exception) as error:
        task._finish(None, error)


def _wait_for_work(main):
    # Comes back when the first of the queue is due.
    while True:
        for flag in _flags[:]:
            flag._look()
        first = _queue.peek()
        wait = _LOOK_MS if first is None else max(first[0] - _now(), 0)
        if wait and (first is None or _flags or main is None):
            wait = min(wait, _LOOK_MS)
        if _io.waiters:
            _io.wait(wait)
        elif wait:
            time.sleep_ms(wait)
        first = _queue.peek()
        if first is not None and first[0] <= _now():
            return


class _Stopper:
    _entry = None
    _done = True


_stopper = _Stopper()
_handler = None


def _report(task):
    Loop.call_exception_handler(
        {"message": "Task exception wasn't retrieved", "exception": task._error, "future": task}
    )


def run_until_complete(main):
    return _run(_task_of(main))


def run(coro):
    return run_until_complete(create_task(coro))


class Loop:
    def create_task(coro):
        return create_task(coro)

    def run_forever():
        _run(None)

    def run_until_complete(awaitable):
        return run_until_complete(awaitable)

    def stop():
        if _stopper._entry is None:
            _queue.push(_stopper)

    def close():
        pass

    def set_exception_handler(handler):
        global _handler
        _handler = handler

    def get_exception_handler():
        return _handler

    def default_exception_handler(loop, context):
        print(context["message"], file=sys.stderr)
        print("future:", context["future"], "coro=", context["future"].coro, file=sys.stderr)
        sys.print_exception(context["exception"], sys.stderr)

    def call_exception_handler(context):
        (_handler or Loop.default_exception_handler)(Loop, context)


def get_event_loop(runq_len=0, waitq_len=0):
    return Loop


def new_event_loop():
    global _queue, _io, _flags
    _queue = TaskQueue()
    _io = _IO()
    _flags = []
    _stopper._entry = None
    return Loop


# ---- waiting for tasks


class _Gather:
    # Wakes the one who gathers when all are done, or one has failed that may not.
    def __init__(self, owner, tasks, all_of_them):
        self.owner = owner
        self.tasks = tasks
        self.all_of_them = all_of_them

    def _forget(self, _owner):
        pass

    def over(self):
        failed = any(task._done and task._error is not None for task in self.tasks)
        return all(task._done for task in self.tasks) or (failed and not self.all_of_them)


def gather(*awaitables, return_exceptions=False):
    tasks = [_task_of(awaitable) for awaitable in awaitables]
    for task in tasks:
        if not task._done and (task._waiters or task._gathered):
            raise RuntimeError("can't gather")
    for task in tasks:
        task._gathered = True
    group = _Gather(cur_task, tasks, return_exceptions)
    try:
        while not group.over():
            for task in tasks:
                if not task._done and cur_task not in task._waiters:
                    task._waiters.append(cur_task)
            cur_task._place = group
            yield
    except CancelledError:
        for task in tasks:
            task.cancel()
        raise
    finally:
        for task in tasks:
            task._gathered = False
            task._forget(cur_task)
    return _results(tasks, return_exceptions)


def _results(tasks, return_exceptions):
    results = []
    failed = None
    for task in tasks:
        task._unseen = False
        if task._error is not None and failed is None:
            failed = task._error
        results.append(task._result if task._error is None else task._error)
    if failed is not None and not return_exceptions:
        raise failed
    return results


class _Either:
    # A place of two: the queue, for the time-out, and the task.
    def __init__(self, task):
        self.task = task

    def _forget(self, waiter):
        self.task._forget(waiter)


def wait_for(awaitable, timeout, sleep=sleep):
    task = _task_of(awaitable)
    if timeout is None:
        return (yield from task)
    me = cur_task
    pause = sleep(timeout)
    try:
        next(pause)  # into the queue
        task._waiters.append(me)
        me._place = _Either(task)
        if task._done:
            _queue.push(me)
        yield
        if task._done:
            # Its result is there one round later: who cancels this meanwhile comes first.
            yield from sleep_ms(0)
    except CancelledError:
        task.cancel()
        raise
    task._forget(me)
    if task._done:
        return task._outcome()
    task.cancel()
    try:
        yield from task
    except CancelledError:
        pass
    raise TimeoutError


def wait_for_ms(awaitable, timeout):
    return wait_for(awaitable, timeout, sleep_ms)


# ---- events, flags and locks


class Event:
    def __init__(self):
        self.state = False
        self._waiters = []

    def is_set(self):
        return self.state

    def set(self):
        self.state = True
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            _wake(waiter)

    def clear(self):
        self.state = False

    def _forget(self, waiter):
        if waiter in self._waiters:
            self._waiters.remove(waiter)

    def wait(self):
        if not self.state:
            self._waiters.append(cur_task)
            cur_task._place = self
            yield
        return True


# Those that somebody waits for.
_flags = []


class ThreadSafeFlag:
    # May be set from a callback, so setting touches no list; the loop looks.
    def __init__(self):
        self.state = 0
        self._waiter = None

    def set(self):
        self.state = 1

    def clear(self):
        self.state = 0

    def _look(self):
        if self.state and self._waiter is not None:
            waiter = self._waiter
            self._forget(waiter)
            _wake(waiter)

    def _forget(self, _waiter):
        self._waiter = None
        if self in _flags:
            _flags.remove(self)

    def wait(self):
        if not self.state:
            self._waiter = cur_task
            cur_task._place = self
            _flags.append(self)
            yield
        self.state = 0


class Lock:
    def __init__(self):
        self._owner = None
        # Given to a waiter that has not run since: nobody else may have it, and yet it is not locked.
        self._given = False
        self._waiters = []

    def locked(self):
        return self._owner is not None and not self._given

    def release(self):
        if not self.locked():
            raise RuntimeError("Lock not acquired")
        self._pass_on()

    def _pass_on(self):
        self._given = bool(self._waiters)
        self._owner = self._waiters.pop(0) if self._given else None
        if self._given:
            _wake(self._owner)

    def _forget(self, waiter):
        if waiter in self._waiters:
            self._waiters.remove(waiter)

    def acquire(self):
        if self._owner is None:
            self._owner = cur_task
            return True
        self._waiters.append(cur_task)
        cur_task._place = self
        try:
            yield
        except CancelledError:
            if self._owner is cur_task:
                self._pass_on()
            raise
        self._given = False
        return True

    def __aenter__(self):
        return self.acquire()

    def __aexit__(self, _class, _error, _traceback):
        self.release()
        return
        yield


# ---- streams


class _IO:
    # Who waits for which stream. The poller is made with the first of them: programs that only sleep need no select.
    def __init__(self):
        self.waiters = {}  # by the stream's id: [stream, reader, writer]
        self._poller = None

    def _poll(self):
        import select

        if self._poller is None:
            self._poller = select.poll()
        return select, self._poller

    def _register(self, entry):
        select, poller = self._poll()
        stream, reader, writer = entry
        if reader is None and writer is None:
            del self.waiters[id(stream)]
            poller.unregister(stream)
            return
        events = (select.POLLIN if reader else 0) | (select.POLLOUT if writer else 0)
        poller.register(stream, events)

    def _queue(self, stream, side):
        entry = self.waiters.setdefault(id(stream), [stream, None, None])
        entry[side] = cur_task
        self._register(entry)
        cur_task._place = self
        yield

    def queue_read(self, stream):
        return self._queue(stream, 1)

    def queue_write(self, stream):
        return self._queue(stream, 2)

    def _forget(self, task):
        for entry in list(self.waiters.values()):
            if task in entry:
                entry[entry.index(task)] = None
                self._register(entry)

    def wait(self, ms):
        select, poller = self._poll()
        ready = [(self.waiters[id(stream)], events) for stream, events, *_ in poller.ipoll(ms)]
        # A stream that has failed wakes both: what they try next says how. Who writes goes first, so that a dial is
        # seen to be through before the other end, in the same program, accepts it.
        for side, other in ((2, select.POLLIN), (1, select.POLLOUT)):
            for entry, events in ready:
                if entry[side] is not None and events & ~other:
                    _wake(entry[side])
                    entry[side] = None
        for entry, _ in ready:
            self._register(entry)


_io = _IO()


class Stream:
    def __init__(self, s, e={}):
        self.s = s
        self.e = e
        self.out_buf = b""

    def get_extra_info(self, name):
        return self.e[name]

    def close(self):
        pass

    def wait_closed(self):
        self.s.close()
        return
        yield

    def read(self, n=-1):
        parts = b""
        while True:
            yield from _io.queue_read(self.s)
            part = self.s.read(n)
            if part is None:
                continue
            if n >= 0:
                return part
            if not part:
                return parts
            parts += part

    def readinto(self, buf):
        yield from _io.queue_read(self.s)
        return self.s.readinto(buf)

    def readexactly(self, n):
        parts = b""
        while n:
            yield from _io.queue_read(self.s)
            part = self.s.read(n)
            if part is not None:
                if not part:
                    raise EOFError
                parts += part
                n -= len(part)
        return parts

    def readline(self):
        line = b""
        while True:
            yield from _io.queue_read(self.s)
            part = self.s.readline()
            if part is not None:
                line += part
                if not part or line[-1] == 10:
                    return line

    def write(self, buf):
        if not self.out_buf:
            # What the stream takes at once need not be kept.
            taken = self.s.write(buf) or 0
            if taken == len(buf):
                return
            buf = buf[taken:]
        self.out_buf += buf

    def drain(self):
        if not self.out_buf:
            return (yield from sleep_ms(0))
        out, at = memoryview(self.out_buf), 0
        while at < len(out):
            yield from _io.queue_write(self.s)
            at += self.s.write(out[at:]) or 0
        self.out_buf = b""

    # Names from before asyncio had CPython's.

    aclose = wait_closed

    def awrite(self, buf, off=0, sz=-1):
        if off or sz != -1:
            buf = memoryview(buf)[off : len(buf) if sz == -1 else off + sz]
        self.write(buf)
        yield from self.drain()

    awritestr = awrite


StreamReader = Stream
StreamWriter = Stream


def open_connection(host, port, ssl=None, server_hostname=None):
    import socket
    from errno import EINPROGRESS

    info = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)[0]
    s = socket.socket(info[0], info[1], info[2])
    s.setblocking(False)
    try:
        s.connect(info[-1])
    except OSError as error:
        if error.errno != EINPROGRESS:
            raise
    yield from _io.queue_write(s)
    if ssl:
        s = _wrapped(s, ssl, False, server_hostname or host)
    stream = Stream(s)
    return stream, stream


def _wrapped(s, context, server_side, server_hostname=None):
    if context is True:
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    names = {} if server_hostname is None else {"server_hostname": server_hostname}
    return context.wrap_socket(s, server_side=server_side, do_handshake_on_connect=False, **names)


class Server:
    def close(self):
        # Who accepts ends, and closes the socket.
        self.state = True
        self.task.cancel()

    def wait_closed(self):
        yield from self.task

    def __aenter__(self):
        return self
        yield

    def __aexit__(self, _class, _error, _traceback):
        self.close()
        yield from self.wait_closed()

    def _serve(self, s, cb, ssl):
        self.state = False
        try:
            while True:
                yield from _io.queue_read(s)
                try:
                    peer, address = s.accept()
                except OSError:
                    continue  # it went away again
                peer.setblocking(False)
                try:
                    if ssl:
                        peer = _wrapped(peer, ssl, True)
                except OSError as error:
                    sys.print_exception(error)
                    peer.close()
                    continue
                stream = Stream(peer, {"peername": address})
                create_task(cb(stream, stream))
        except CancelledError:
            if not self.state:
                raise
        finally:
            s.close()


def start_server(cb, host, port, backlog=5, ssl=None):
    import socket

    host = socket.getaddrinfo(host, port)[0]
    s = socket.socket()
    s.setblocking(False)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(host[-1])
    s.listen(backlog)
    server = Server()
    server.task = create_task(server._serve(s, cb, ssl))
    try:
        # A server that is closed before it ever ran would not see why it ends.
        yield from sleep_ms(0)
    except CancelledError:
        server.task.cancel()
        s.close()  # it may not have run, and then closes nothing
        raise
    return server
