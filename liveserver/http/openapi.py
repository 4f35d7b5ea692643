"""The HTTP interface as an OpenAPI 3.1 document, made from the route table."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

from liveserver.http.problems import CONTENT_TYPE as PROBLEM_TYPE
from liveserver.http.problems import Problem
from liveserver.http.routing import Answer, ErrorType, Route

_REF = "#/components/schemas/{name}"
_PATH_PARAMETERS = {
    "room": ("The room's address.", "^[a-z0-9-]{1,64}$"),
    "session": ("From the Location header.", None),
    "stream": ("From the Location header.", None),
    "file": ("A file of the pages.", None),
}


class OpenApi:
    """Serve the document."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._document = b""

    def routes(self) -> list[Route]:
        """Return the document's route."""
        answer = {200: Answer("The document.", "application/json")}
        return [
            Route("GET", "/api/v1/openapi.json", self.show, "This document", "operation", answer)
        ]

    def describe(self, routes: list[Route]) -> None:
        """Write the document; call once with every route of the application."""
        self._document = msgspec.json.encode(describe_routes(routes, self._version))

    async def show(self, _request: web.Request) -> web.Response:
        """Answer the document."""
        return web.Response(
            body=self._document,
            content_type="application/json",
            headers={"Cache-Control": "no-cache"},
        )


def describe_routes(routes: list[Route], version: str) -> dict[str, Any]:
    """Build the document as plain values."""
    structs = _find_structs(routes)
    schemas, components = msgspec.json.schema_components(structs, ref_template=_REF)
    by_struct = dict(zip(structs, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        operation = _describe_operation(route, by_struct)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "liveserver", "version": version},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def _find_structs(routes: Iterable[Route]) -> list[Any]:
    bodies = [Problem, *(route.body for route in routes)]
    bodies += [answer.body for route in routes for answer in route.answers.values()]
    return list(dict.fromkeys(body for body in bodies if isinstance(body, type)))


def _describe_operation(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": _describe_parameters(route),
        "responses": {
            **{str(status): _describe_answer(it, schemas) for status, it in route.answers.items()},
            **_describe_problems(route.problems, schemas),
        },
    }
    if route.bearer != "none":
        operation["security"] = [{"bearer": []}, *([{}] if route.bearer == "optional" else [])]
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": _describe_content(route.body, schemas),
        }
    return operation


def _describe_parameters(route: Route) -> list[dict[str, Any]]:
    parameters = []
    for name in re.findall(r"{(\w+)}", route.path):
        description, pattern = _PATH_PARAMETERS[name]
        schema = {"type": "string"} | ({"pattern": pattern} if pattern else {})
        parameters.append(
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": description,
                "schema": schema,
            }
        )
    parameters += [
        {"name": it.name, "in": "query", "description": it.description, "schema": it.schema}
        for it in route.parameters
    ]
    return parameters


def _describe_answer(answer: Answer, schemas: dict[Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.description}
    if answer.headers:
        described["headers"] = {name: {"schema": {"type": "string"}} for name in answer.headers}
    if answer.body is not None:
        described["content"] = _describe_content(answer.body, schemas)
    return described


def _describe_content(body: type | str, schemas: dict[Any, Any]) -> dict[str, Any]:
    if isinstance(body, str):
        return {body: {"schema": {"type": "string"}}}
    return {"application/json": {"schema": schemas[body]}}


def _describe_problems(
    problems: tuple[ErrorType, ...], schemas: dict[Any, Any]
) -> dict[str, dict[str, Any]]:
    by_status: dict[int, list[str]] = {}
    for problem in problems:
        by_status.setdefault(problem.status_hint, []).append(problem.code)
    return {
        str(status): {
            "description": f"{HTTPStatus(status).phrase}: "
            + ", ".join(f"`{code}`" for code in sorted(codes)),
            "content": {PROBLEM_TYPE: {"schema": schemas[Problem]}},
        }
        for status, codes in sorted(by_status.items())
    }
