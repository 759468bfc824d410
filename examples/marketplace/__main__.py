"""``python -m examples.marketplace --port 8002 --portal http://127.0.0.1:8000 --client-id … --client-secret …``"""

import argparse
import logging
import signal
import threading
from types import FrameType

from werkzeug.serving import make_server

from examples.marketplace.pages import HOOK, Secret, make
from examples.marketplace.portal import Portal, PortalError
from examples.marketplace.shop import Shop

HOST = "127.0.0.1"
PAUSE = 5  # seconds between attempts to reach the portal

log = logging.getLogger("marketplace")


def register(portal: Portal, secret: Secret, url: str, stopping: threading.Event) -> None:
    """Ask to be told, as soon as the portal is there."""
    last = ""
    while not stopping.is_set():
        try:
            secret.value = portal.listen_at(url)
            log.info("listening at %s", url)
            return
        except PortalError as error:
            if str(error) != last:
                last = str(error)
                log.warning("%s", last)
            stopping.wait(PAUSE)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.marketplace", description=__doc__)
    parser.add_argument("--port", type=int, default=8002)
    parser.add_argument("--portal", default="http://127.0.0.1:8000", help="address of the portal")
    parser.add_argument("--client-id", default="demo-marketplace")
    parser.add_argument("--client-secret", default="demo-marketplace-secret")
    parser.add_argument("--webhook-secret", default="", help="of an address registered already; else one is registered")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)

    portal = Portal(chosen.portal, chosen.client_id, chosen.client_secret)
    secret = Secret()
    secret.value = chosen.webhook_secret
    stopping = threading.Event()
    server = make_server(HOST, chosen.port, make(portal, Shop(), secret), threaded=True)

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if not secret.value:
        url = f"http://{HOST}:{chosen.port}{HOOK}"
        threading.Thread(target=register, args=(portal, secret, url, stopping), daemon=True).start()
    log.info("marketplace at http://%s:%s", HOST, chosen.port)
    server.serve_forever(poll_interval=0.2)


if __name__ == "__main__":
    main()
