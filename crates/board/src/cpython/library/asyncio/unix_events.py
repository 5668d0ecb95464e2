"""The loop of asyncio on a Linux computer, without what needs other programs or their signals."""

from . import events, selector_events

__all__ = ("SelectorEventLoop", "EventLoop")


class SelectorEventLoop(selector_events.BaseSelectorEventLoop):
    pass


class _DefaultEventLoopPolicy(events._BaseDefaultEventLoopPolicy):
    _loop_factory = SelectorEventLoop


EventLoop = SelectorEventLoop
