import asyncio

from vae_keras.explore.latest import Latest


def test_of_what_is_asked_while_a_picture_is_made_the_last_alone_is_done():
    asked, done = [], []

    async def work():
        state = asked[-1]
        await asyncio.sleep(0.01)
        done.append(state)

    async def ask():
        show, waiting = Latest(work), []
        for number in range(20):
            asked.append(number)
            waiting.append(asyncio.create_task(show()))
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)

    asyncio.run(ask())
    assert done == [0, 19]
