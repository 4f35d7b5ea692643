"""Janus as a peer to measure against: a private instance, its viewers, and plain RTP for it.

Its streaming plugin forwards an RTP mountpoint. Everything lies in a temporary folder; signalling
listens on loopback, no STUN server is asked. Janus offers and the viewer answers; it runs ICE-lite,
as our server does, which spares it work.
"""

import asyncio
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

import aiohttp

from media.aio.dtls_peer import Certificate
from media.aio.sending import RtpSink, SendingTransport, TrackSender
from media.client_offer import CODECS, AnsweredTrack, Kind
from scripts.bench.process import free_port
from scripts.bench.synthetic import Shape, SyntheticStream
from scripts.bench.viewer import LightViewer

_START_S, _STOP_S, _ASK_S = 10.0, 5.0, 20.0
_MOUNTPOINT = 1
_AUDIO_SSRC, _VIDEO_SSRC = 1001, 2002
# All that Debian's package installs but what is measured.
_UNUSED_PLUGINS = (
    *("voicemail", "audiobridge", "duktape", "echotest", "lua", "nosip", "recordplay", "sip"),
    *("textroom", "videocall", "videoroom"),
)
_UNUSED_TRANSPORTS = ("http", "mqtt", "nanomsg", "pfunix", "rabbitmq")


class JanusFailed(Exception):
    """Janus is not there, does not start, or refuses."""


class Janus:
    """A private Janus with one mountpoint of opus and VP8."""

    def __init__(self, folder: Path, *, event_loops: int = 2) -> None:
        self._folder = folder
        self._event_loops = event_loops
        self._websocket_port = free_port(socket.SOCK_STREAM)
        self.audio_port, self.video_port = (free_port(socket.SOCK_DGRAM) for _ in range(2))
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where its WebSocket listens."""
        return f"ws://127.0.0.1:{self._websocket_port}"

    @property
    def pid(self) -> int:
        """Its process id; call `start` before."""
        assert self._process is not None
        return self._process.pid

    async def start(self, *prefix: str) -> None:
        """Start it, behind a command such as `taskset -c 0`, and wait until it answers.

        Raises:
            JanusFailed: it is not installed or does not come up.
        """
        if shutil.which("janus") is None:
            raise JanusFailed("Janus is not installed. Install it with:  apt-get install janus")
        self._configure()
        command = [*prefix, "janus", f"--configs-folder={self._folder}"]
        command += [f"--config={self._folder}/janus.jcfg", "--disable-colors"]
        with (self._folder / "janus.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        await self._wait()

    async def stop(self) -> None:
        """End it. Idempotent."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            async with asyncio.timeout(_STOP_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def _configure(self) -> None:
        plugins = ",".join(f"libjanus_{name}.so" for name in _UNUSED_PLUGINS)
        transports = ",".join(f"libjanus_{name}.so" for name in _UNUSED_TRANSPORTS)
        self._write(
            "janus",
            f'general: {{ configs_folder = "{self._folder}", debug_level = 2,'
            f" event_loops = {self._event_loops}, session_timeout = 0 }}\n"
            "media: { ipv6 = false }\nnat: { ice_lite = true }\n"
            f'plugins: {{ disable = "{plugins}" }}\ntransports: {{ disable = "{transports}" }}\n',
        )
        self._write(
            "janus.transport.websockets",
            f'general: {{ json = "compact", ws = true, ws_port = {self._websocket_port},'
            ' ws_ip = "127.0.0.1" }\n',
        )
        # The mids that a WebRtcClient gives its tracks, and its payload types.
        media = (
            f'{{ type = "audio", mid = "0", port = {self.audio_port}, pt = 111, codec = "opus" }}',
            f'{{ type = "video", mid = "1", port = {self.video_port}, pt = 96, codec = "vp8" }}',
        )
        self._write(
            "janus.plugin.streaming",
            f'load: {{ type = "rtp", id = {_MOUNTPOINT}, description = "load",'
            f" media = ( {', '.join(media)} ) }}\n",
        )

    def _write(self, name: str, text: str) -> None:
        (self._folder / f"{name}.jcfg").write_text(text)

    async def _wait(self) -> None:
        assert self._process is not None
        deadline = asyncio.get_running_loop().time() + _START_S
        while asyncio.get_running_loop().time() < deadline and self._process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self._websocket_port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            return
        log = (self._folder / "janus.log").read_text("utf-8", "replace")
        raise JanusFailed(f"Janus does not start:\n{log[-2000:]}")


class JanusViewer(LightViewer):
    """A viewer that watches the mountpoint."""

    def __init__(self, url: str, certificate: Certificate) -> None:
        super().__init__(url, certificate, codecs=("VP8",))
        self._websocket: aiohttp.ClientWebSocketResponse | None = None
        self._session_id = self._handle_id = 0

    async def _signal(self, http: aiohttp.ClientSession) -> str:
        self._websocket = await http.ws_connect(self._url, protocols=("janus-protocol",))
        self._session_id = (await self._ask(janus="create"))["data"]["id"]
        attached = await self._ask(janus="attach", plugin="janus.plugin.streaming")
        self._handle_id = attached["data"]["id"]
        offered = await self._message({"request": "watch", "id": _MOUNTPOINT})
        offer = str(offered["jsep"]["sdp"])
        answer = {"type": "answer", "sdp": self._answer_to(offer)}
        await self._message({"request": "start"}, jsep=answer)
        return offer

    async def _end(self, http: aiohttp.ClientSession) -> None:
        if self._websocket is not None:
            self._handle_id = 0
            await self._ask(janus="destroy")
            await self._websocket.close()

    def _answer_to(self, offer: str) -> str:
        """Turn our own offer into an answer: payload types, mids and extension ids are alike."""
        kept = []
        is_video = False
        for line in self._client.offer().splitlines():
            is_video = line.startswith("m=video") or is_video
            section = offer.partition("m=video")[2 if is_video else 0]
            if not line.startswith("a=extmap:") or line in section:
                kept.append(line.replace("a=setup:actpass", "a=setup:active"))
        return "\r\n".join(kept) + "\r\n"

    async def _message(self, body: dict[str, Any], **more: Any) -> dict[str, Any]:
        return await self._ask("event", janus="message", body=body, **more)

    async def _ask(self, awaited: str = "success", **request: Any) -> dict[str, Any]:
        """Send a request and return its answer of the awaited kind."""
        assert self._websocket is not None
        ids = {"session_id": self._session_id, "handle_id": self._handle_id}
        known = {name: value for name, value in ids.items() if value}
        await self._websocket.send_json({**request, **known, "transaction": "t"})
        async with asyncio.timeout(_ASK_S):
            while True:
                answer: dict[str, Any] = await self._websocket.receive_json()
                problem = answer.get("error") or answer.get("plugindata", {}).get("data", {})
                if "error" in answer or "error_code" in problem:
                    raise JanusFailed(str(problem))
                if answer["janus"] == awaited:
                    return answer


class PlainPublisher:
    """The synthetic stream as plain RTP to two ports of loopback."""

    def __init__(self, janus: Janus, shape: Shape) -> None:
        self._stream = SyntheticStream(shape)
        self._sinks = [_PlainSink(port) for port in (janus.audio_port, janus.video_port)]

    async def start(self) -> None:
        """Begin to send."""
        audio, video = self._sinks
        self._stream.start(
            TrackSender(SendingTransport(audio), _plain("audio", "opus"), _AUDIO_SSRC),
            TrackSender(SendingTransport(video), _plain("video", "VP8"), _VIDEO_SSRC),
        )

    async def stop(self) -> None:
        """Send no more."""
        self._stream.stop()
        for sink in self._sinks:
            sink.close()

    @property
    def sending(self) -> asyncio.Event:
        """Clear it to fall silent."""
        return self._stream.sending


class _PlainSink(RtpSink):
    """Sends packets as they are; reports have no place at a mountpoint."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))

    def send_rtp(self, packet: bytes) -> None:
        self._socket.send(packet)

    def send_rtcp(self, packet: bytes) -> None:
        pass

    def close(self) -> None:
        self._socket.close()


def _plain(kind: Kind, codec: str) -> AnsweredTrack:
    return AnsweredTrack(kind, "", (CODECS[codec],), {}, None)
