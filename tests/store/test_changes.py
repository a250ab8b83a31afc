import asyncio
import threading

from clary.store.changes import Changes
from clary.store.records import Key

KEY = Key("endpoint", "000000000000", "us-east-1", "a")


def test_waiters_of_a_record_are_woken_from_any_thread() -> None:
    async def scene() -> list[bool]:
        changes = Changes()
        waiters = [asyncio.create_task(changes.wait(KEY, 30)) for _ in range(3)]
        other = asyncio.create_task(changes.wait(KEY._replace(name="b"), 0.05))
        await asyncio.sleep(0)
        thread = threading.Thread(target=changes.notify, args=[KEY])
        thread.start()
        woken = await asyncio.gather(*waiters, other)
        thread.join()
        assert not changes._watches  # nothing is left behind
        return woken

    assert asyncio.run(scene()) == [True, True, True, False]


def test_a_change_between_reading_and_waiting_is_not_missed() -> None:
    async def scene() -> None:
        changes = Changes()
        with changes.watch(KEY) as watch:
            changes.notify(KEY)
            changes.notify(KEY)
            assert await watch.wait(30)
            assert not await watch.wait(0.01)  # both were one: what counts is the record, read anew

    asyncio.run(scene())


def test_nobody_waiting_is_no_error() -> None:
    changes = Changes()
    changes.notify(KEY)

    async def leave() -> None:
        assert not await changes.wait(KEY, 0)

    asyncio.run(leave())
    changes.notify(KEY)


def test_a_waiter_that_is_cancelled_leaves_nothing_behind() -> None:
    async def scene() -> None:
        changes = Changes()
        waiter = asyncio.create_task(changes.wait(KEY, 30))
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        assert not changes._watches

    asyncio.run(scene())


def test_a_call_is_made_once_at_the_next_change() -> None:
    changes, made = Changes(), list[str]()

    def again() -> None:
        made.append("again")
        changes.call_once(KEY, "again", again)

    changes.call_once(KEY, "one", lambda: made.append("one"))
    changes.call_once(KEY, "one", lambda: made.append("never"))
    changes.call_once(KEY, "again", again)
    changes.notify(KEY._replace(name="b"))
    assert made == []
    changes.notify(KEY)
    changes.notify(KEY)
    assert made == ["one", "again", "again"]
