"""Work that is asked for faster than it is done."""


class Latest:
    """Does `work` in turn, but of what is asked meanwhile the last alone.

    So a slow model lags by one picture, and not by all that a drag has passed.
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
