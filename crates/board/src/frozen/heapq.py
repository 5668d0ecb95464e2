# A heap in a list: the smallest item first, and no item smaller than the one at half its place.


def heappush(heap, item):
    _check(heap)
    heap.append(item)
    _rise(heap, 0, len(heap) - 1)


def heappop(heap):
    _check(heap)
    if not heap:
        raise IndexError("empty heap")
    last = heap.pop()
    if not heap:
        return last
    first = heap[0]
    heap[0] = last
    _sink(heap, 0)
    return first


def heapify(heap):
    _check(heap)
    for at in range(len(heap) // 2 - 1, -1, -1):
        _sink(heap, at)


def _check(heap):
    if not isinstance(heap, list):
        raise TypeError("heap must be a list")


def _rise(heap, top, at):
    item = heap[at]
    while at > top:
        parent = (at - 1) >> 1
        if not item < heap[parent]:
            break
        heap[at] = heap[parent]
        at = parent
    heap[at] = item


def _sink(heap, at):
    # Down to a leaf along the smaller children, then up again: most items belong near a leaf.
    end = len(heap)
    top = at
    item = heap[at]
    child = 2 * at + 1
    while child < end:
        if child + 1 < end and not heap[child] < heap[child + 1]:
            child += 1
        heap[at] = heap[child]
        at = child
        child = 2 * at + 1
    heap[at] = item
    _rise(heap, top, at)
