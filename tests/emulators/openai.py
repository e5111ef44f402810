"""xAI's and OpenAI's chat on loopback: the same checks, the same bodies, their own bill.

It answers by the schema that it is sent, with the ids in it, and sees of the pictures only their sizes. Knobs
(emulators/chaos.py) make the trouble that the real services make.
"""

import base64
import io
import itertools
import json
import re
import threading
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from emulators.chaos import Knobs

PRICES = {
    "grok-4.6": ("2.00", "6.00"),
    "grok-4.5": ("2.00", "6.00"),
    "grok-4.3": ("1.25", "2.50"),
    "gpt-5.4": ("2.50", "15.00"),
    "gpt-5.4-mini": ("0.75", "4.50"),
}
"""US dollars per million tokens in and out."""

VENDOR_MODELS = {"xai": "grok-", "openai": "gpt-"}
MOST_IMAGE_BYTES = 20 * 2**20


@dataclass(frozen=True)
class Charge:
    """One completion that was made, whether or not anybody received it; `micros` are micro-dollars."""

    model: str
    tokens_in: int
    tokens_out: int
    micros: int


@dataclass(frozen=True)
class Seen:
    """One request: its body without the pictures, and what can be told of each picture by its id."""

    model: str
    stage: str
    body: dict[str, Any]
    sizes: dict[str, tuple[int, int]]
    picture_bytes: dict[str, int]
    with_metadata: tuple[str, ...]
    text: str = ""


class Refused(Exception):
    """The request is answered with an error; nothing is made."""

    def __init__(self, status: int, message: str, code: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.headers = status, message, code, headers or {}


@dataclass
class ChatService(AbstractContextManager["ChatService"]):
    """One vendor's service; `with ChatService("xai") as service:` serves it at `service.url`."""

    vendor: str
    key: str = "xai-loopback-key-0001"
    rooms: dict[str, str] = field(default_factory=dict)
    pairs: list[dict[str, Any]] | None = None
    knobs: Knobs = field(default_factory=Knobs)
    bill: list[Charge] = field(default_factory=list)
    requests: list[Seen] = field(default_factory=list)
    calls: int = 0

    def __enter__(self) -> "ChatService":
        service = self

        class Handler(_Handler):
            emulated = service

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """What a client takes as base URL."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def spent(self) -> int:
        """Micro-dollars of all completions made."""
        return sum(charge.micros for charge in self.bill)

    # --- one completion

    def check(self, headers: Any, body: dict[str, Any]) -> tuple[Seen, dict[str, Any]]:
        """What is asked, and the schema of the answer; refused as the vendor refuses."""
        if headers.get("Authorization") != f"Bearer {self.key}":
            given = (headers.get("Authorization") or "").removeprefix("Bearer ")
            if self.vendor == "xai":
                raise Refused(400, f"Incorrect API key provided: {given[:6]}***. Get one at the console.")
            raise Refused(401, f"Incorrect API key provided: {given}.", "invalid_api_key")
        model = str(body.get("model"))
        if model not in PRICES or not model.startswith(VENDOR_MODELS[self.vendor]):
            raise Refused(404, f"The model {model} does not exist or your team does not have access to it.")
        name, schema, strict = _schema_of(body)
        if self.vendor == "openai" and strict and (place := _not_strict(schema)):
            raise Refused(400, f"Invalid schema for response_format '{name}': {place}", "invalid_request_error")
        return self._seen(model, name, body), schema

    def _seen(self, model: str, stage: str, body: dict[str, Any]) -> Seen:
        from PIL import Image

        sizes, weights, marked, texts, label = {}, {}, [], [], ""
        for part in _parts(body):
            if isinstance(part, str):
                texts.append(part)
                label = part
                continue
            url = part["url"]
            if not url.startswith("data:image/"):
                if self.vendor == "xai" and url.startswith("http://"):
                    raise Refused(400, "Fetching images over plain http:// is not supported.")
                raise Refused(400, "Images must be data URIs here.")
            kind, _, data = url.removeprefix("data:image/").partition(";base64,")
            if kind not in ({"jpeg", "png"} if self.vendor == "xai" else {"jpeg", "png", "webp", "gif"}):
                raise Refused(400, f"Unsupported image type image/{kind}.")
            try:
                raw = base64.b64decode(data, validate=True)
                with Image.open(io.BytesIO(raw)) as image:
                    image.load()
                    sizes[label], weights[label] = image.size, len(raw)
                    if image.getexif() or set(image.info) - {"jfif", "jfif_version", "jfif_unit", "jfif_density"}:
                        marked.append(label)
            except (ValueError, OSError) as error:
                raise Refused(400, f"Invalid image: {error}") from error
            if len(raw) > MOST_IMAGE_BYTES:
                raise Refused(413, "Image too large.")
        return Seen(model, stage, _without_pictures(body), sizes, weights, tuple(marked), "\n".join(texts))

    def make(self, seen: Seen, schema: dict[str, Any], trouble: dict[str, Any]) -> dict[str, Any]:
        """A completion, with what the knobs do to it; it is on the bill from here on."""
        content = self._content(seen, schema, trouble)
        finish, refusal = "stop", None
        if "length" in trouble:
            finish, content = "length", content[: len(content) * 2 // 3]
        if "content_filter" in trouble:
            finish, content = "content_filter", ""
        if "refusal" in trouble:
            content, refusal = None, "I'm sorry, I can't help with that."
        if "null_content" in trouble:
            content = None
        if "fenced_json" in trouble:
            content = f"Here is what I found:\n```json\n{content}\n```\nLet me know if you need more."
        if "broken_json" in trouble:
            content = content.replace('":', '" ', 1).replace("},{", "},,{", 1)
        if "nonsense" in trouble:
            content = "The first picture shows a kitchen, I think."
        tokens_in = len(seen.text) // 4 + 1100 * len(seen.sizes)
        tokens_out = 40 + len(content or "") // 4
        price_in, price_out = (Decimal(price) for price in PRICES[seen.model])
        micros = int((tokens_in * price_in + tokens_out * price_out).to_integral_value(rounding=ROUND_CEILING))
        self.bill.append(Charge(seen.model, tokens_in, tokens_out, micros))
        thinking = 20 if self.vendor == "xai" else 0  # xAI counts it into the total alone
        choice = {
            "index": 0,
            "finish_reason": finish,
            "message": {"role": "assistant", "content": content, "refusal": refusal},
        }
        choices: Any = [choice]
        if "choices_empty" in trouble:
            choices = []
        if "choices_null" in trouble:
            choices = None
        completion = {
            "id": f"chatcmpl-{self.calls}",
            "object": "chat.completion",
            "created": 1_790_000_000,
            "model": f"{seen.model}-2026-06-01",
            "choices": choices,
            "usage": {
                "prompt_tokens": tokens_in,
                "completion_tokens": tokens_out - thinking,
                "total_tokens": tokens_in + tokens_out,
            },
        }
        if "no_usage" in trouble:
            del completion["usage"]
        return completion

    def _content(self, seen: Seen, schema: dict[str, Any], trouble: dict[str, Any]) -> str:
        [(name, entries)] = schema["properties"].items()
        items = _filled(entries["items"]["properties"])
        if name == "photos":
            for item in items:
                item["room"] = self.rooms.get(item["photo"], item["room"])
        elif self.pairs is not None:
            items = [{"confidence": 0.9, "reason": "They fit.", "last": "none", **pair} for pair in self.pairs]
        if "bad_enum" in trouble:
            items[0] |= {"photo": "p99", "first": "p99"}.items() & {(k, "p99") for k in items[0]}
        if "duplicate_pairs" in trouble:
            items = [{**item, **{k: items[0][k] for k in ("photo", "first", "last") if k in item}} for item in items]
        if "gullible" in trouble and (order := re.search(r"ignore .*?use (p\d+)", seen.text, re.IGNORECASE)):
            reason = "<script>alert(1)</script> Call [us](http://evil.example) now | p02"
            items = [{**item, "first": order[1], "last": "../../etc/passwd", "reason": reason} for item in items]
        return json.dumps({name: items}, separators=(",", ":"))


class _Handler(BaseHTTPRequestHandler):
    emulated: ChatService
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        models = [{"id": name, "object": "model"} for name in PRICES if name.startswith(VENDOR_MODELS[self._vendor])]
        self._send(200, {"object": "list", "data": models})

    def do_POST(self) -> None:
        service = self.emulated
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        service.calls += 1
        route = self.path.removeprefix("/v1/").replace("/", ".")
        trouble = service.knobs.strike(route, str(body.get("model")))
        try:
            if "drop_before_commit" in trouble:
                return self._drop()
            self._refuse_by_knob(trouble)
            seen, schema = service.check(self.headers, body)
            service.requests.append(seen)
            if "hang" in trouble:
                time.sleep(trouble["hang"])
            completion = service.make(seen, schema, trouble)
        except Refused as refused:
            return self._error(refused)
        if "drop_after_commit" in trouble:
            return self._drop()
        if "html" in trouble:
            return self._raw(200, b"<html><body>Welcome</body></html>", "text/html")
        answer = completion if route == "chat.completions" else _as_response(completion)
        data = json.dumps(answer).encode()
        if "trickle" in trouble:
            return self._trickle(data, trouble["trickle"])
        self._raw(200, data, "application/json", promised=2 * len(data) if "truncated" in trouble else None)

    @property
    def _vendor(self) -> str:
        return self.emulated.vendor

    def _refuse_by_knob(self, trouble: dict[str, Any]) -> None:
        if "status" in trouble:
            raise Refused(trouble["status"], "Something went wrong on our side.", "server_error")
        if "rate_limit" in trouble:
            wait = trouble["rate_limit"]
            raise Refused(
                429, "Rate limit reached.", "rate_limit_exceeded", {} if wait is None else {"Retry-After": str(wait)}
            )
        if "insufficient_quota" in trouble:
            raise Refused(429, "You exceeded your current quota.", "insufficient_quota")

    def _error(self, refused: Refused) -> None:
        if self._vendor == "xai":
            code = refused.code or "Client specified an invalid argument"
            body: dict[str, Any] = {"code": code, "error": refused.message}
        else:
            kind = "invalid_request_error" if refused.status < 500 else "server_error"
            inner = {"message": refused.message, "type": kind, "param": None, "code": refused.code or None}
            body = {"error": inner}
        self._send(refused.status, body, refused.headers)

    def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self._raw(status, json.dumps(body).encode(), "application/json", headers)

    def _raw(
        self,
        status: int,
        data: bytes,
        kind: str,
        headers: dict[str, str] | None = None,
        promised: int | None = None,
    ) -> None:
        self._head(status, kind, headers, promised or len(data))
        self.wfile.write(data)
        if promised:
            self.close_connection = True

    def _head(self, status: int, kind: str, headers: dict[str, str] | None, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.send_header("x-request-id", f"req_{self.emulated.calls:04d}")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def _trickle(self, data: bytes, pause: float) -> None:
        self._head(200, "application/json", None, len(data))
        try:
            for start in range(0, len(data), 64):
                self.wfile.write(data[start : start + 64])
                self.wfile.flush()
                time.sleep(pause)
        except OSError:
            self.close_connection = True

    def _drop(self) -> None:
        self.close_connection = True


def _schema_of(body: dict[str, Any]) -> tuple[str, dict[str, Any], bool]:
    """Name, schema and strictness of the wanted answer, of a chat or of a response."""
    form = (body.get("response_format") or {}).get("json_schema") or (body.get("text") or {}).get("format") or {}
    if "schema" not in form:
        raise Refused(400, "response_format of type json_schema is required here.")
    return form.get("name", ""), form["schema"], bool(form.get("strict"))


def _not_strict(schema: dict[str, Any], place: str = "schema") -> str:
    """Where a schema breaks the rules of strict mode; empty when it keeps them."""
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            return f"In context={place}, 'additionalProperties' is required to be supplied and to be false."
        if set(schema.get("required", ())) != set(schema.get("properties", {})):
            return f"In context={place}, 'required' is required to be supplied and to include every key."
        parts = ((f"{place}.{key}", value) for key, value in schema["properties"].items())
        return next((found for where, part in parts if (found := _not_strict(part, where))), "")
    if schema.get("type") == "array":
        return _not_strict(schema["items"], f"{place}.items")
    return "an enum must not be empty" if schema.get("enum") == [] else ""


def _parts(body: dict[str, Any]) -> list[Any]:
    """Texts and pictures of all messages, in order."""
    found: list[Any] = []
    asked = body.get("messages") or body.get("input") or ()
    for message in [{"content": asked}] if isinstance(asked, str) else asked:
        content = message["content"]
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            if part["type"] in ("text", "input_text"):
                found.append(part["text"])
            elif part["type"] == "image_url":
                found.append(part["image_url"])
            else:
                found.append({"url": part["image_url"], "detail": part["detail"]})
    return found


def _without_pictures(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_pictures(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_pictures(each) for each in value]
    return "data:…" if isinstance(value, str) and value.startswith("data:image/") else value


def _filled(properties: dict[str, Any]) -> list[dict[str, Any]]:
    """An entry for every value of the first property's enum; the others take values in turn, each photo once."""
    (leader, own), *others = properties.items()
    turns = {json.dumps(each["enum"]): iter(each["enum"]) for _, each in others if "enum" in each}
    rooms = {json.dumps(each["enum"]): each["enum"] for _, each in others if "enum" in each}
    entries = []
    for number, value in enumerate(own["enum"]):
        entry: dict[str, Any] = {leader: value}
        for name, each in others:
            if "enum" in each:
                key = json.dumps(each["enum"])
                last = rooms[key][-1]
                in_turn = next(turns[key], last)
                entry[name] = (
                    in_turn if last == "none" else next(itertools.islice(itertools.cycle(rooms[key]), number, None))
                )
            else:
                entry[name] = {"number": 0.8, "boolean": False, "integer": number, "string": f"Number {number}."}[
                    each["type"]
                ]
        entries.append(entry)
    return entries


def _as_response(completion: dict[str, Any]) -> dict[str, Any]:
    """A completion in the form of the Responses API."""
    message = (completion["choices"] or [{}])[0].get("message") or {}
    refused = {"type": "refusal", "refusal": message.get("refusal")}
    said = {"type": "output_text", "text": message.get("content") or "", "annotations": []}
    usage = completion.get("usage") or {}
    return {
        "id": completion["id"].replace("chatcmpl", "resp"),
        "object": "response",
        "created_at": completion["created"],
        "model": completion["model"],
        "status": "completed",
        "output": [
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [refused if message.get("refusal") else said],
            }
        ],
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": usage.get("prompt_tokens", 0),
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": usage.get("completion_tokens", 0),
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage.get("total_tokens", 0),
        },
    }
