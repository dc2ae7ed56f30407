"""What went wrong, for the person before the mirror: one sentence, and the status code that fits."""

from common.errors import TagalongError

NOT_UNDERSTOOD, FORBIDDEN, NOT_FOUND, TIMED_OUT, GONE, TOO_LARGE, NOT_AN_IMAGE, NO_PERSON, TOO_MANY = (
    400, 403, 404, 408, 410, 413, 415, 422, 429,
)  # fmt: skip
BROKEN, NO_NODE, TOO_LATE = 500, 503, 504


class ProblemError(TagalongError):
    """An answer that is no picture. The message goes to the page as it is."""

    def __init__(self, status: int, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s

    def to_json(self) -> dict[str, str | int | float]:
        return {"error": str(self), "status": self.status, "retry_after_s": self.retry_after_s}
