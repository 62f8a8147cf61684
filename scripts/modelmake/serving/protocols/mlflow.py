"""MLflow's protocol: the forms that MLflow's own scoring server accepts, and its answer."""

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from modelmake.core.errors import counted
from modelmake.model.contract import Contract
from modelmake.serving import body
from modelmake.serving.body import CSV, JSON, LONG, Table
from modelmake.serving.protocols.protocol import Description, Example
from modelmake.serving.refusal import Refusal
from modelmake.serving.schemas import column

PATHS: tuple[str, ...] = ("/invocations",)
FORMS = ("dataframe_split", "dataframe_records", "inputs", "instances")
FORM = f"send one of: {', '.join(FORMS)}"
IGNORED = ("params", "client_request_id")  # as MLflow does where a model has no parameters


def read(sent: bytes, content_type: str, names: Sequence[str]) -> Table:
    """Return the rows of a request's body.

    Parameters
    ----------
    sent : bytes
        The body.
    content_type : str
        Its Content-Type, with or without parameters.
    names : sequence of str
        The model's columns, for rows that come without names.

    Raises
    ------
    Refusal
        With 415 for another content type, with 400 for a body that is not of a known form.

    """
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charset = next((text[len("charset=") :].strip('"') for text in parameters if text.startswith("charset=")), "")
    if kind not in (JSON, CSV):
        raise Refusal(415, f"the content type is neither {JSON} nor {CSV}: set the header Content-Type")
    if charset not in ("", "utf-8", "utf8", "us-ascii"):
        raise Refusal(415, "the body is not in UTF-8: send UTF-8")
    return body.of_csv(sent, names) if kind == CSV else of_json(sent, names)


def of_json(sent: bytes, names: Sequence[str]) -> Table:
    """Return the rows of a JSON body."""
    request = body.of_json(sent, FORM)
    forms = [form for form in FORMS if form in request]
    if len(forms) != 1:
        raise Refusal(400, f"the body does not have exactly one known key: {FORM}")
    if unknown := request.keys() - {*forms, *IGNORED}:
        raise Refusal(400, f"the body has {counted(len(unknown), 'unknown key')}: {FORM}")
    [form] = forms
    read = body.composed(READERS[form](request[form], form, names), names)
    if b"NaN" in sent:  # MLflow's own client writes a missing value so
        return replace(read, columns={name: [*map(_null, values)] for name, values in read.columns.items()})
    return read


def _null(value: object) -> object:
    return None if type(value) is float and math.isnan(value) else value


def of_split(split: object, form: str, _names: Sequence[str]) -> Table:
    """Return the rows of {"columns": […], "data": [[…], …]}; an index has no effect."""
    if not isinstance(split, dict) or not split.keys() <= {"columns", "data", "index"}:
        raise Refusal(400, f'{form} is not {{"columns": […], "data": [[…], …]}}')
    return body.table(split.get("columns"), split.get("data"), form)


def of_records(records: object, form: str, _names: Sequence[str]) -> Table:
    """Return the rows of [{column: value}, …]; each record names the same columns."""
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise Refusal(400, f'{form} is not a list of records: send [{{"column": value, …}}, …]')
    header = list(records[0]) if records else []
    keys = records[0].keys() if records else set()
    for row, record in enumerate(records):
        if record.keys() != keys:
            name = next(name for name in (*records[0], *record) if (name in record) != (name in keys))
            what = "the records do not all have the same columns: null is a missing value"
            raise Refusal(422, what, name[:LONG], row)
    return Table({name: [record[name] for record in records] for name in header}, len(records))


def of_inputs(inputs: object, form: str, names: Sequence[str]) -> Table:
    """Return the rows of {column: [values]}, or of one of the forms of `instances`."""
    if not isinstance(inputs, dict):
        return of_instances(inputs, form, names)
    lists = [values if isinstance(values, list) else [values] for values in inputs.values()]
    if len({len(values) for values in lists}) > 1:
        raise Refusal(400, f"{form} has columns of different lengths")
    return Table(dict(zip(inputs, lists, strict=True)), len(lists[0]) if lists else 0)


def of_instances(instances: object, form: str, names: Sequence[str]) -> Table:
    """Return the rows of [{column: value}, …], or of [[value], …] for a model of one column."""
    if isinstance(instances, list) and instances and isinstance(instances[0], list):
        if len(names) > 1:
            what = f"the rows of {form} do not name their columns, and the model has {len(names)}"
            raise Refusal(400, f"{what}: send dataframe_split, or {form} as records or columns")
        return body.table(list(names), instances, form)
    return of_records(instances, form, names)


READERS: dict[str, Callable[[object, str, Sequence[str]], Table]] = {
    "dataframe_split": of_split,
    "dataframe_records": of_records,
    "inputs": of_inputs,
    "instances": of_instances,
}


def write(predictions: Sequence[Any]) -> bytes:
    """Return the answer's body."""
    return b'{"predictions": %s}' % json.dumps(predictions, ensure_ascii=False, allow_nan=False).encode()


def examples(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[Example]:
    """Yield rows in each form."""
    records = [dict(zip(names, row, strict=True)) for row in rows]
    bodies: dict[str, object] = dict.fromkeys(FORMS, records) | {"dataframe_split": {"columns": names, "data": rows}}
    bodies["inputs"] = {name: [record[name] for record in records] for name in names}
    for form, content in bodies.items():
        yield Example(form, json.dumps({form: content}, ensure_ascii=False).encode(), JSON)
    if not any(value == "" for row in rows for value in row):  # in a CSV an empty field is a missing value
        text = io.StringIO()
        csv.writer(text).writerows([names, *(["" if value is None else value for value in row] for row in rows)])
        yield Example("CSV", text.getvalue().encode(), CSV)


def describe(contract: Contract) -> Description:
    """Return the schemas of a request and of its answer."""
    schemas = {feature.name: column(feature) for feature in contract.features}
    others: dict[str, Any] = {name: {"description": "ignored"} for name in contract.ignored}
    record = {"type": "object", "properties": schemas | others, "required": contract.names}
    records = {"type": "array", "items": {"$ref": "#/components/schemas/row"}, "minItems": 1}
    lists = {name: {"type": "array", "items": schema, "minItems": 1} for name, schema in schemas.items()}
    # The values of a single row need no lists.
    listed = {name: {"anyOf": [schemas[name], values]} for name, values in lists.items()} | others
    columns = {"type": "object", "properties": listed, "required": contract.names, "additionalProperties": False}
    matrix = [{"type": "array", "items": {"type": "array", "prefixItems": [*schemas.values()], "maxItems": 1}}]
    several = [records, *(matrix if len(schemas) == 1 else [])]
    forms = {
        "dataframe_split": _split(contract),
        "dataframe_records": records,
        "inputs": {"anyOf": [*several, columns]},
        "instances": {"anyOf": several},
    }
    ignored = {name: {"description": "ignored"} for name in IGNORED}
    bodies = [
        {"type": "object", "properties": {form: schema} | ignored, "required": [form], "additionalProperties": False}
        for form, schema in forms.items()
    ]
    example = json.loads(next(examples(contract.names, contract.rows[:1])).body)
    table = {"type": "string", "description": "a line with the names of the columns, then the rows"}
    return Description(
        request={JSON: {"schema": {"oneOf": bodies}, "example": example}, CSV: {"schema": table}},
        answer={"$ref": "#/components/schemas/predictions"},
        schemas={"row": record | {"additionalProperties": False}, "predictions": predictions(contract)},
    )


def _split(contract: Contract) -> dict[str, Any]:
    """Return the schema of `dataframe_split`: the columns in any order, and the values of each row in theirs."""
    count, names = len(contract.names), [*contract.names, *contract.ignored]
    header = {"type": "array", "items": {"enum": names}, "uniqueItems": True, "minItems": count}
    row = {"type": "array", "minItems": count, "maxItems": len(names)}
    properties = {"columns": header, "data": {"type": "array", "minItems": 1, "items": row}, "index": {}}
    return {"type": "object", "properties": properties, "required": ["columns", "data"], "additionalProperties": False}


def predictions(contract: Contract) -> dict[str, Any]:
    """Return the schema of the answer."""
    value = {"type": "number"} if contract.classes is None else {"enum": list(contract.classes)}
    listed = {"type": "array", "items": value}
    return {"type": "object", "properties": {"predictions": listed}, "required": ["predictions"]}
