"""Refusal: why a request gets no prediction, as its answer says it. It never quotes a value of a row."""


class Refusal(Exception):
    """A request that gets no prediction.

    Parameters
    ----------
    status : int
        400 not JSON or not of a known form, 408 too slow, 413 too large, 415 another content type, 422 a column or a
        value does not fit the model, 500 the model failed, 503 no model, or too many requests.
    error : str
        What is wrong and what to do, without a value of a row.
    column : str, optional
        The column.
    row : int, optional
        The row, counted from 0.

    """

    def __init__(self, status: int, error: str, column: str | None = None, row: int | None = None) -> None:
        """Keep the parts of the answer."""
        super().__init__(error)
        self.status, self.error, self.column, self.row = status, error, column, row

    def answer(self, request_id: str) -> dict[str, str | int | None]:
        """Return the answer as JSON has it."""
        return {"error": self.error, "column": self.column, "row": self.row, "request_id": request_id}
