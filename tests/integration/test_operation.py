"""What operators see: health, metrics, the interface's description; pages and their headers."""

import re
from pathlib import Path

import pytest

from tests.integration.conftest import OpenHouse
from tests.support.house import House


async def test_process_is_alive_and_ready(house: House) -> None:
    for path in ("/healthz", "/readyz"):
        answer = await house.call("GET", path)
        assert (answer.status, answer.json) == (200, {"status": "ok"})


async def test_readiness_names_what_fails(house: House) -> None:
    await house.media.stop()
    await house.server.backend.store.close()
    answer = await house.call("GET", "/readyz")
    assert answer.status == 503
    assert "storage, media" in answer.json["detail"]
    assert (await house.call("GET", "/healthz")).status == 200


async def test_metrics_count_requests_by_route_not_by_address(house: House) -> None:
    await house.go_live()
    await house.watch("demo")
    await house.call("GET", "/whep/demo/session-2")
    await house.call("GET", "/made/up/1")
    await house.call("GET", "/made/up/2")
    answer = await house.call("GET", "/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.body.decode().splitlines()
    name = "liveserver_http_requests_total"
    assert f'{name}{{method="POST",route="/whep/{{room}}",status="201"}} 1' in lines
    assert f'{name}{{method="any",route="unknown",status="404"}} 2' in lines
    assert 'liveserver_rooms{state="live"} 1' in lines
    assert "media_packets_forwarded_total 7" in lines
    assert "session-2" not in answer.body.decode()
    for line in lines:
        assert re.fullmatch(r"# (HELP|TYPE) .+|[a-z_]+(\{.*\})? [0-9.e+-]+", line), line


async def test_every_route_is_described(house: House) -> None:
    document = (await house.call("GET", "/api/v1/openapi.json")).json
    described = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    served = {
        (route.method, route.resource.canonical)
        for route in house.server.application.router.routes()
        if route.resource is not None
    }
    # What answers GET answers HEAD too; that goes without saying.
    implied = {("HEAD", path) for method, path in served if method == "GET"}
    assert served - implied == described - implied
    assert document["components"]["schemas"].keys() >= {"RoomView", "Problem", "Token", "NewRoom"}


def build_pages(folder: Path) -> None:
    (folder / "dist" / "assets").mkdir(parents=True)
    for page in ("index", "watch", "studio"):
        (folder / "dist" / f"{page}.html").write_text(f"<h1>{page}</h1>")
    (folder / "dist" / "assets" / "watch-abc123.js").write_text("go()")
    (folder / "dist" / "favicon.svg").write_text("<svg/>")
    (folder / "secret.txt").write_text("secret")


async def test_pages_come_with_their_policies(house: House, tmp_path: Path) -> None:
    build_pages(tmp_path)
    for path, name in (("/", "index"), ("/watch/demo", "watch"), ("/studio/demo", "studio")):
        answer = await house.call("GET", path)
        assert answer.body.decode() == f"<h1>{name}</h1>"
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-cache"
        devices = answer.headers["Permissions-Policy"]
        assert ("camera=(self)" in devices) is (name == "studio")


async def test_unchanged_page_is_not_sent_again(house: House, tmp_path: Path) -> None:
    build_pages(tmp_path)
    first = await house.call("GET", "/")
    again = await house.call("GET", "/", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


async def test_assets_are_kept_for_ever_and_nothing_else_is_served(
    house: House, tmp_path: Path
) -> None:
    build_pages(tmp_path)
    asset = await house.call("GET", "/assets/watch-abc123.js")
    assert asset.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "javascript" in asset.headers["Content-Type"]
    assert (await house.call("GET", "/favicon.svg")).status == 200
    for path in (
        "/assets/none.js",
        "/assets/..%2f..%2fsecret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/index.html",
        "/assets/%00",
        "/secret",
    ):
        assert (await house.call("GET", path)).status == 404, path


async def test_assets_are_packed_for_browsers_that_can_unpack(house: House, tmp_path: Path) -> None:
    build_pages(tmp_path)
    for encoding, packed in (("gzip, deflate, br", "gzip"), ("identity", None)):
        answer = await house.call(
            "GET", "/assets/watch-abc123.js", headers={"Accept-Encoding": encoding}
        )
        assert answer.body == b"go()"
        assert answer.headers.get("Content-Encoding") == packed
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert "javascript" in answer.headers["Content-Type"]
    missing = await house.call("GET", "/assets/none.js", headers={"Accept-Encoding": "gzip"})
    assert missing.status == 404


async def test_missing_build_is_told_in_words(house: House) -> None:
    answer = await house.call("GET", "/watch/demo")
    assert answer.status == 503
    assert "scripts/serve" in answer.body.decode()


async def test_watch_page_may_be_framed_by_the_shop_alone(
    open_server: OpenHouse, tmp_path: Path
) -> None:
    build_pages(tmp_path)
    house = await open_server(http={"frame_ancestors": ["https://shop.example"]})
    watch = await house.call("GET", "/watch/demo")
    studio = await house.call("GET", "/studio/demo")
    assert "frame-ancestors https://shop.example" in watch.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in studio.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/rooms", "/nowhere"])
async def test_answers_do_not_name_the_software(house: House, path: str) -> None:
    answer = await house.call("GET", path)
    assert "Server" not in answer.headers
