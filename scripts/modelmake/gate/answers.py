"""Answer rows with a logged model, in a process without this repository: `python -I answers.py ROWS ANSWERS`.

The first line on standard input is the model's folder. ROWS is read once a second line arrives: columns, data, and the
columns with numbers. ANSWERS is written at the end. When standard input is closed, this process ends.
"""

import gc
import json
import os
import re
import runpy
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def main(rows: str, answers: str) -> None:
    """Load the model, predict the rows, and write what it answers."""
    gc.disable()  # imports create no garbage, and this process ends soon
    try:
        # An error of an import is an answer too. skops searches all loaded modules for each of 1,900 names.
        runpy.run_path(str(Path(__file__).parents[1] / "model/names.py"))["give"]()
        import skops.io  # noqa: F401, I001, PLC0415
        import mlflow.pyfunc  # noqa: PLC0415

        if not (folder := sys.stdin.readline().rstrip("\n")):
            return
        loaded = mlflow.pyfunc.load_model(folder, suppress_warnings=True)
    except BaseException as error:  # the user's modules may end in any way
        write(answers, {"unloadable": str(error) or type(error).__name__})
        return
    if not sys.stdin.readline():
        return
    threading.Thread(target=end_with_the_parent, daemon=True).start()
    write(answers, answered(loaded, json.loads(Path(rows).read_text(encoding="utf-8"))))


def answered(loaded: Any, rows: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401  # MLflow's PyFuncModel
    """Return the predictions and the rows with a fault that were accepted, or why there are no predictions."""
    schema = loaded.metadata.get_input_schema()
    if schema is None:
        return {"unsigned": ""}
    text, problem = ask(loaded, rows["columns"], rows["data"])
    if problem:
        return {"refused": problem}
    for columns, data, fault in faulty(schema, rows):
        _, problem = ask(loaded, columns, data)
        if not re.search("schema|signature", problem):
            return {"accepted": fault}
    predictions = json.loads(text)["predictions"]
    is_whole = len(predictions) == len(rows["data"])  # the last rows are copies, which do not count
    return {"predictions": predictions[: rows["rows"]] if is_whole else predictions}


def faulty(schema: Any, rows: dict[str, Any]) -> Iterator[tuple[list[str], list[list[Any]], str]]:  # noqa: ANN401
    """Yield rows that a schema must refuse; MLflow accepts any value as text, and as `any`."""
    columns, data = rows["columns"], rows["data"][:3]
    typed = {spec.name: str(spec.type) for spec in schema.inputs}
    for name in [spec.name for spec in schema.inputs if spec.required and spec.name in columns][:1]:
        place = columns.index(name)
        short = [row[:place] + row[place + 1 :] for row in data]
        yield columns[:place] + columns[place + 1 :], short, f"no column '{name}'"
    for name in [name for name in rows["numbers"] if typed.get(name) != "Any"][:1]:
        place = columns.index(name)
        yield columns, [[*row[:place], "text", *row[place + 1 :]] for row in data], f"text as '{name}'"


def ask(loaded: Any, columns: list[str], data: list[list[Any]]) -> tuple[str, str]:  # noqa: ANN401
    """Send rows through the code of MLflow's scoring server; return the text of its answer, or why it refuses."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415  # see main
    from mlflow.pyfunc import scoring_server  # noqa: PLC0415

    request = json.dumps({"dataframe_split": {"columns": columns, "data": data}})
    try:
        answer = scoring_server.invocations(request, "application/json", loaded, loaded.metadata.get_input_schema())
    except MlflowException as error:
        trace = str(error.json_kwargs.get("stack_trace") or "").strip()
        return "", trace.splitlines()[-1] if trace else str(error)
    return str(answer.response), ""


def write(path: str, answer: dict[str, Any]) -> None:
    """Write the answer whole or not at all."""
    part = Path(f"{path}.part")
    part.write_text(json.dumps(answer), encoding="utf-8")
    part.replace(path)


def end_with_the_parent() -> None:
    """End this process when the process that started it has ended."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # saves half a second of tearing down modules
