"""A small server on loopback that plays what the store holds: the UI cannot play video and browsers block file links.

Range requests are answered (Starlette's FileResponse), so that players can seek. Only this machine is answered, and
only requests that were meant for it: a page elsewhere that points its own name at 127.0.0.1 is refused by its Host.

Not here: the store, the UI.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from property_video.core.campaign import checked_slug
from property_video.core.errors import BadInput, MissingMedia, PropertyVideoError
from property_video.store import keys
from property_video.store.base import Store

if TYPE_CHECKING:
    from starlette.applications import Starlette

PAGE = """<!doctype html><meta charset="utf-8"><title>{campaign}</title>
<style>body{{margin:0;background:#111;display:grid;place-items:center;min-height:100vh}}video{{max-width:100%;max-height:100vh}}</style>
<video controls autoplay src="/films/{campaign}.mp4"></video>"""


def build_app(store: Store) -> "Starlette":
    """The application: `/films/<campaign>` is a page with a player, `/films/<campaign>.mp4` the film."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
    from starlette.routing import Route

    def film(request: Request) -> Response:
        name = request.path_params["name"]
        campaign = name.removesuffix(".mp4")
        try:
            path = store.media_path(keys.film(checked_slug(campaign)))
        except (BadInput, MissingMedia):
            return PlainTextResponse(f"There is no film {campaign!r} yet.", status_code=404)
        if name == campaign:
            return HTMLResponse(PAGE.format(campaign=campaign))
        return FileResponse(path, media_type="video/mp4")

    return Starlette(
        routes=[Route("/films/{name}", film)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
    )


@contextmanager
def serving(store: Store, port: int) -> Iterator[None]:
    """Serve in a thread for as long as the context lasts.

    Raises:
        PropertyVideoError: the port is taken.
    """
    import uvicorn

    server = uvicorn.Server(
        uvicorn.Config(build_app(store), host="127.0.0.1", port=port, log_level="warning", access_log=False)
    )
    thread = threading.Thread(target=server.run, name="media server", daemon=True)
    thread.start()
    while thread.is_alive() and not server.started:
        time.sleep(0.02)
    if not server.started:
        raise PropertyVideoError(
            f"The media server cannot listen on 127.0.0.1:{port}.", "Set PROPERTY_VIDEO_MEDIA_PORT to a free port."
        )
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=5)
