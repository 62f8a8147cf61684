"""Protocols: a second one is one module, which the server, its description and `make smoke` take from the list."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.routing import Route

from modelmake.model.contract import Contract
from modelmake.serving import app, page, smoke
from modelmake.serving.body import JSON, Table
from modelmake.serving.protocols import Protocol
from modelmake.serving.protocols.protocol import Description, Example
from modelmake.serving.scorer import Scorer
from modelmake.serving.serve import Options
from modelmake.tracking.readers import Named
from tests.serving.conftest import Kinds


def read(sent: bytes, _content_type: str, _names: Sequence[str]) -> Table:
    """Return the columns of {"inputs": [{"name": …, "data": […]}]}."""
    tensors = json.loads(sent)["inputs"]
    return Table({tensor["name"]: tensor["data"] for tensor in tensors}, len(tensors[0]["data"]))


def write(predictions: Sequence[Any]) -> bytes:
    """Return one tensor."""
    return json.dumps({"outputs": [{"name": "predict", "data": list(predictions)}]}).encode()


def examples(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[Example]:
    """Yield the one form."""
    tensors = [{"name": name, "data": list(data)} for name, data in zip(names, zip(*rows, strict=True), strict=True)]
    yield Example("tensors", json.dumps({"inputs": tensors}).encode(), JSON)


def describe(_contract: Contract) -> Description:
    """Return no more than that it is JSON."""
    return Description({JSON: {"schema": {"type": "object"}}}, {"type": "object"}, {"tensors": {}})


SECOND = cast(
    "Protocol", SimpleNamespace(PATHS=("/v2/infer",), read=read, write=write, examples=examples, describe=describe)
)


def test_a_second_protocol_is_one_module(kinds: Kinds, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its path is served and described, its examples are asked, and its rows get the same predictions."""
    for module in (app, page, smoke):
        monkeypatch.setattr(module, "PROTOCOLS", (*module.PROTOCOLS, SECOND))
    options = Options(str(tmp_path), "iris", trusted=(), private=(), hosts=(), token="", parent=None)
    follower, log = cast("app.Follower", None), cast("app.Log", None)
    routes = app.Server(follower, log, options).routes()
    assert {"/invocations", "/v2/infer"} < {route.path for route in routes if isinstance(route, Route)}
    assert "/v2/infer" in page.openapi(kinds.contract, Named("iris", "1", "0", "m-1"), token=False)["paths"]
    [question] = [one for one in smoke.golden(kinds.contract) if one.path == "/v2/infer"]
    scorer = Scorer(kinds.contract, kinds.pipeline.predict)
    _, predictions = scorer.answer(question.body, question.content_type, SECOND)
    assert predictions == list(kinds.contract.predictions)
    assert json.loads(SECOND.write(predictions))["outputs"][0]["data"] == predictions
