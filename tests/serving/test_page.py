"""Page: what the page for people and the OpenAPI description show of a server and of a model."""

import html
import json
import shlex

import pytest

from modelmake.config.column import Column
from modelmake.model.contract import Contract, Feature
from modelmake.serving import page
from modelmake.serving.body import JSON
from modelmake.serving.protocols.mlflow import read
from modelmake.serving.rows import frame
from modelmake.tracking.readers import Named
from tests.serving.conftest import Kinds

NAMED = Named("iris", "3", "0123", "m-1")


def command(contract: Contract, address: str = "http://localhost:5001", *, token: bool = False) -> list[str]:
    """Return the words of the command that the page shows, as a shell reads them."""
    text = page.html(contract, NAMED, address, ".serve/pipeline", token=token)
    return shlex.split(html.unescape(text.partition("<pre>")[2].partition("</pre>")[0]))


def test_the_command_is_that_of_this_server(kinds: Kinds) -> None:
    """With its scheme, its name, its port, its certificate and its token."""
    assert command(kinds.contract, "http://localhost:8123")[1] == "http://localhost:8123/invocations"
    assert not {"--cacert", "-k"} & set(command(kinds.contract))
    closed = command(kinds.contract, "https://models.example.com", token=True)
    assert closed[1] == "https://models.example.com/invocations"
    assert closed[closed.index("--cacert") + 1] == ".serve/pipeline/tls.crt"
    assert "Authorization: Bearer $(cat .serve/pipeline/token)" in closed


def test_no_page_shows_a_private_value(kinds: Kinds) -> None:
    """Another value that the column takes stands for it; the other columns have those of a golden row."""
    for name in kinds.contract.names:
        marked = dict(zip(kinds.contract.names, kinds.contract.rows[0], strict=True))
        shown = page.without(kinds.contract, [name])
        openapi = page.openapi(shown, NAMED, token=False)
        sent = json.dumps(openapi["paths"]["/invocations"]["post"]["requestBody"]["content"][JSON]["example"])
        for body in (sent, command(shown)[-1]):
            columns = {key: values[0] for key, values in read(body.encode(), JSON, shown.names).columns.items()}
            assert {key: columns[key] for key in columns if key != name} == {k: marked[k] for k in marked if k != name}
            frame(read(body.encode(), JSON, shown.names), shown)
        everything = page.without(kinds.contract, kinds.contract.names)
        assert len(everything.rows) == 1


@pytest.mark.parametrize(
    ("dtype", "stated"),
    [
        ("float64", Column(min=18, max=99)),
        ("int64", Column(max=-5)),
        ("int8", None),
        ("str", Column(values=["low", "high"])),
        ("bool", None),
        ("datetime64[us]", None),
    ],
)
@pytest.mark.parametrize("optional", [True, False])
def test_what_stands_for_a_private_value_is_taken(dtype: str, stated: Column | None, optional: bool) -> None:
    """And does not come from the row."""
    feature = Feature(name="n", dtype=dtype, optional=optional, stated=stated)
    contract = Contract(features=(feature,), rows=(("7391",),), predictions=(0,))
    shown = page.without(contract, ["n"])
    assert "7391" not in page.html(shown, NAMED, "http://localhost", ".serve/pipeline", token=False)
    body = json.dumps({"dataframe_split": {"columns": ["n"], "data": [list(row) for row in shown.rows]}}).encode()
    assert len(frame(read(body, JSON, ["n"]), contract)) == 1
