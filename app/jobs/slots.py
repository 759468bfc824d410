"""Which waiting job a worker takes next: one of a queue with a free slot, so that no kind of work holds another up."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from procrastinate.connector import BaseConnector
from procrastinate.jobs import Job, Notification, Status
from procrastinate.manager import JobManager, NotificationCallback


class Slots(JobManager):
    """``slots``: how many jobs of each queue may run at once. For a worker that may run their sum at once."""

    def __init__(self, connector: BaseConnector, slots: Mapping[str, int]) -> None:
        super().__init__(connector)
        self._free = dict(slots)
        self._news = 0
        self._tell: NotificationCallback | None = None

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """A worker that gets None sleeps until it is told something, and forgets what it was told while it waited for
        the answer: so the answer None is only given when there was nothing to tell."""
        while True:
            news = self._news
            free = [name for name, slots in self._free.items() if slots]
            job = await super().fetch_job(free, worker_id)
            if job is not None:
                self._free[job.queue] -= 1
                return job
            if news == self._news:
                return None

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        try:
            await super().finish_job(job, status, delete_job)
        finally:
            await self._done(job)

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        try:
            await super().retry_job(job, retry_at, priority, queue, lock)
        finally:
            await self._done(job)

    async def _done(self, job: Job) -> None:
        self._free[job.queue] += 1
        assert job.id is not None
        await self._told(channel="", notification={"type": "job_inserted", "job_id": job.id})

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        self._tell = on_notification
        await super().listen_for_jobs(on_notification=self._told, queues=queues)

    async def _told(self, *, channel: str, notification: Notification) -> None:
        self._news += 1
        if self._tell is not None:
            await self._tell(channel=channel, notification=notification)
