"""Limits work that is requested faster than it can be done."""


class Latest:
    """Calls the asynchronous function `work`, but never twice at the same time.

    All calls that come while `work` runs lead to one more run at its end. So the picture of a slow
    model is late by one run, not by one for each position of a drag.
    """

    def __init__(self, work):
        self.work, self.is_working, self.is_asked = work, False, False

    async def __call__(self):
        self.is_asked = True
        if self.is_working:
            return
        self.is_working = True
        try:
            while self.is_asked:
                self.is_asked = False
                await self.work()
        finally:
            self.is_working = False
