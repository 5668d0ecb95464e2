//! Tasks of a board, and what wakes them.

use crate::support::printed;

#[test]
fn tasks_take_turns() {
    let program = "import asyncio, uasyncio
async def count(name):
    for i in range(3):
        print(name, i)
        await asyncio.sleep_ms(0)
    return name
async def main():
    print(await asyncio.gather(count('a'), count('b')))
asyncio.run(main())
print(uasyncio is asyncio)";
    let expected = "a 0\r\nb 0\r\na 1\r\nb 1\r\na 2\r\nb 2\r\n['a', 'b']\r\nTrue\r\n";
    assert_eq!(printed(program), expected);
}

#[test]
fn what_takes_too_long_is_cancelled() {
    let program = "import asyncio
async def slow():
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        print('cancelled')
        raise
async def main():
    try:
        await asyncio.wait_for(slow(), 0.01)
    except asyncio.TimeoutError:
        print('late')
    print(await asyncio.wait_for_ms(asyncio.sleep_ms(1), 5000))
asyncio.run(main())";
    assert_eq!(printed(program), "cancelled\r\nlate\r\nNone\r\n");
}

#[test]
fn events_locks_and_flags_wake_who_waits() {
    let program = "import asyncio, micropython
async def waits(name, thing):
    await thing.wait()
    print(name)
async def main():
    event, flag, lock = asyncio.Event(), asyncio.ThreadSafeFlag(), asyncio.Lock()
    tasks = [asyncio.create_task(waits('event', event)), asyncio.create_task(waits('flag', flag))]
    await asyncio.sleep(0)
    event.set()
    await tasks[0]
    micropython.schedule(lambda _: flag.set(), 0)
    await tasks[1]
    async with lock:
        print(lock.locked())
    print(lock.locked())
asyncio.run(main())";
    assert_eq!(printed(program), "event\r\nflag\r\nTrue\r\nFalse\r\n");
}

#[test]
fn an_error_that_nobody_asks_for_is_reported() {
    let program = "import asyncio
async def fails():
    raise ValueError('no')
async def fail():
    task = asyncio.create_task(fails())
    while not task.done():
        await asyncio.sleep(0)
    await asyncio.sleep_ms(1)  # it is reported once the others have had their turn to ask
async def main():
    await fail()
    asyncio.get_event_loop().set_exception_handler(lambda loop, context: print(repr(context['exception'])))
    await fail()
asyncio.run(main())";
    let said = printed(program);
    assert!(said.starts_with("Task exception wasn't retrieved\r\nfuture: <Task object at "), "{said}");
    assert!(said.ends_with("ValueError: no\r\nValueError('no',)\r\n"), "{said}");
}
