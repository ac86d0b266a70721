"""MigrationProgress, MigrationStrategy, and what carries progress to callbacks."""
from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Sequence

if TYPE_CHECKING:
    from ._call import Job


class MigrationStrategy(Enum):
    """How strict a migration is. With each strategy, it does the whole job or changes nothing (README, "Strategies")."""

    CONSERVATIVE = "conservative"
    """Any error in the source, or warning about the experiment, stops the migration; a snapshot of the target is taken first; digests must
    be equal afterwards."""
    BALANCED = "balanced"
    """Unsound rows stop the migration, odd values are warnings; digests must be equal afterwards. The default."""
    AGGRESSIVE = "aggressive"
    """Only what the insert needs is checked. What cannot be copied is left out, counted and listed; row counts must be equal afterwards."""


def now() -> datetime:
    return datetime.now(timezone.utc).astimezone()


def local_time(microseconds: int) -> datetime:
    """The time, with the local time zone."""
    return (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=microseconds)).astimezone()


@dataclass
class MigrationProgress:
    """The progress of a call at one moment. Times have the local time zone.

    One item is one row of any table, for snapshots one page. ``completion_percentage`` is 0 until the total is known and exactly
    100 at the end; ``success_rate`` is 100 before the first item; ``estimated_completion`` is None until it can be estimated. ``errors``
    has the latest errors and those of ``add_error``; ``error_count`` counts all errors of the call.

    If a program makes a MigrationProgress itself and changes its items, then ``completion_percentage``, ``success_rate``, the remaining
    time and, after ``update_eta``, ``estimated_completion`` are computed from the items and the start time, unless they are given.
    """

    processed_items: int = 0
    total_items: int = 0
    completion_percentage: float = None  # type: ignore[assignment]
    success_rate: float = None  # type: ignore[assignment]
    current_operation: str = ""
    estimated_completion: Optional[datetime] = None
    errors: List[str] = field(default_factory=list)
    start_time: datetime = field(default_factory=now)
    failed_items: int = 0
    error_count: int = 0
    finished: bool = False
    elapsed_time: Optional[timedelta] = field(default=None, repr=False)
    remaining_time: Optional[timedelta] = field(default=None, repr=False)
    _added: List[str] = field(default_factory=list, repr=False, compare=False)

    def get_elapsed_time(self) -> timedelta:
        """The time since the call began, until this report."""
        # A start time of the program's own may have no zone, and is local then.
        return self.elapsed_time if self.elapsed_time is not None else now() - self.start_time.astimezone()

    def get_remaining_time(self) -> Optional[timedelta]:
        """The time that is still needed; None until that can be estimated, zero at the end."""
        if self.remaining_time is not None:
            return self.remaining_time
        if self.finished or 0 < self.total_items <= self.processed_items:
            return timedelta(0)
        if self.elapsed_time is not None or self.processed_items <= 0 or self.total_items <= 0:
            return None
        return self.get_elapsed_time() * ((self.total_items - self.processed_items) / self.processed_items)

    def update_eta(self) -> None:
        """Estimates ``estimated_completion`` anew, by the items done so far. If the start time has no time zone, the estimate has none
        either."""
        remaining = self.get_remaining_time()
        if remaining is not None:
            self.estimated_completion = (now() if self.start_time.tzinfo is not None else datetime.now()) + remaining

    def add_error(self, error: str) -> None:
        """Adds an error of the caller to this report and to the later reports of the call."""
        self.errors.append(error)
        self._added.append(error)


def computed(name: str, compute: Callable[[MigrationProgress], float]) -> property:
    """A field that has the given value, or else is computed from the others."""
    def get(progress: MigrationProgress) -> float:
        given: Optional[float] = progress.__dict__.get(name)
        return compute(progress) if given is None else given

    def put(progress: MigrationProgress, value: Optional[float]) -> None:
        progress.__dict__[name] = value

    return property(get, put)


def completion(progress: MigrationProgress) -> float:
    if progress.total_items <= 0:
        return 100.0 if progress.finished else 0.0
    return min(100.0, 100.0 * progress.processed_items / progress.total_items)


def success(progress: MigrationProgress) -> float:
    if progress.processed_items <= 0:
        return 100.0
    return max(0.0, 100.0 * (progress.processed_items - progress.failed_items) / progress.processed_items)


MigrationProgress.completion_percentage = computed("completion_percentage", completion)  # type: ignore[assignment]
MigrationProgress.success_rate = computed("success_rate", success)  # type: ignore[assignment]


ProgressCallback = Callable[[MigrationProgress], Any]


def job_of(callback: ProgressCallback | None, cancel: Any, progress: bool, listeners: Sequence[ProgressCallback] = ()) -> Job:
    """The job of a call: who hears of its progress, in this order, and with ``progress`` a bar; and the token that cancels it."""
    from ._call import Job
    if callback is not None and not callable(callback):
        raise TypeError(f"progress_callback must be callable, not {type(callback).__name__}")
    if not isinstance(progress, bool):
        raise TypeError(f"progress must be True or False, not {type(progress).__name__}; a function is a progress_callback")
    hearing, over = [*listeners, *([] if callback is None else [callback])], None
    if progress:
        from ._bar import Bar
        bar = Bar()
        # What the program's own callback prints comes before.
        hearing, over = [*hearing, bar.show], bar.close
    return Job(reporting_to(hearing) if hearing else None, cancel, over)


def reporting_to(hearing: Sequence[ProgressCallback]) -> Callable[[dict[str, Any]], None]:
    """Makes a callback for the library's reports of callbacks that take MigrationProgress."""
    added: list[str] = []

    def report(state: dict[str, Any]) -> None:
        estimate, remaining = state["estimated_completion_us"], state["remaining_seconds"]
        progress = MigrationProgress(
            processed_items=state["processed_items"],
            total_items=state["total_items"],
            completion_percentage=state["completion_percentage"],
            success_rate=state["success_rate"],
            current_operation=state["operation"],
            estimated_completion=None if estimate is None else local_time(estimate),
            errors=state["errors"] + added,
            start_time=local_time(state["start_time_us"]),
            failed_items=state["failed_items"],
            error_count=state["error_count"],
            finished=state["finished"],
            elapsed_time=timedelta(seconds=state["elapsed_seconds"]),
            remaining_time=None if remaining is None else timedelta(seconds=remaining),
            _added=added,
        )
        for callback in hearing:
            callback(progress)

    return report
