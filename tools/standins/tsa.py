"""A STAND-IN for a time-stamp authority and for the authority that issues seals, on this machine, without legal force.

``python -m tools.standins.tsa --folder .local/seal --country RW --port 8003``. It makes the DEMONSTRATION certificates
in the folder when they are not there (``demo_seals``), answers time-stamp requests (RFC 3161) at ``/``, and serves the
revocation lists of both authorities at ``/<name>.crl``.
"""

import argparse
import hashlib
import secrets
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tools.standins import demo_seals

POLICY = "1.3.6.1.4.1.4146.2.2"
DIGESTS = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}
PAGE = b"""<!doctype html><html lang="en"><title>Time-stamp stand-in</title>
<h1>Stand-in for a time-stamp authority</h1><p>This is not a time-stamp authority. It speaks the same protocol for
demonstrations and tests; its time stamps and the certificates of this demonstration have no legal force.</p></html>"""


@dataclass
class StandIn:
    """``broken`` answers 503 to everything, ``refusing`` rejects each request as RFC 3161 says, ``slow`` is seconds."""

    folder: Path
    broken: bool = False
    refusing: bool = False
    slow: float = 0.0
    asked: int = 0
    authorities: dict[str, demo_seals.Authority] = field(init=False)
    key: rsa.RSAPrivateKey = field(init=False)
    certificate: x509.Certificate = field(init=False)
    pause: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.authorities = {
            name: demo_seals.authority(self.folder, name) for name in (demo_seals.ROOT, demo_seals.ISSUING)
        }
        key = serialization.load_pem_private_key((self.folder / f"{demo_seals.STAMP}.key").read_bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        self.key = key
        self.certificate = x509.load_pem_x509_certificate((self.folder / f"{demo_seals.STAMP}.pem").read_bytes())

    def stamp(self, question: bytes) -> bytes:
        """The answer to a ``TimeStampReq``."""
        asked = tsp.TimeStampReq.load(question, strict=True)
        imprint = asked["message_imprint"]
        name = imprint["hash_algorithm"]["algorithm"].native
        if self.refusing or name not in DIGESTS or asked["version"].native != "v1":
            status = {"status": "rejection", "fail_info": tsp.PKIFailureInfo({"bad_alg"})}
            return bytes(tsp.TimeStampResp({"status": status}).dump())
        info = {
            "version": "v1",
            "policy": POLICY,
            "message_imprint": imprint,
            "serial_number": int.from_bytes(secrets.token_bytes(8)),
            "gen_time": datetime.now(UTC).replace(microsecond=0),
            "accuracy": {"seconds": 1},
        }
        if asked["nonce"].native is not None:
            info["nonce"] = asked["nonce"]
        token = self._token(tsp.TSTInfo(info).dump(), bool(asked["cert_req"].native))
        return bytes(tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump())

    def _token(self, content: bytes, with_certificate: bool) -> cms.ContentInfo:
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        certificate = asn1.Certificate.load(der)
        essential = tsp.SigningCertificateV2({"certs": [{"cert_hash": hashlib.sha256(der).digest()}]})
        attributes = cms.CMSAttributes(
            [
                cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
                cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(content).digest()]}),
                cms.CMSAttribute({"type": "signing_certificate_v2", "values": [essential]}),
            ]
        )
        digest = algos.DigestAlgorithm({"algorithm": "sha256"})
        signer = cms.SignerInfo(
            {
                "version": "v1",
                "sid": cms.SignerIdentifier(
                    "issuer_and_serial_number",
                    {"issuer": certificate.issuer, "serial_number": certificate.serial_number},
                ),
                "digest_algorithm": digest,
                "signature_algorithm": {"algorithm": "rsassa_pkcs1v15"},
                "signed_attrs": attributes,
                "signature": self.key.sign(attributes.dump(), padding.PKCS1v15(), hashes.SHA256()),
            }
        )
        signed = {
            "version": "v3",
            "digest_algorithms": [digest],
            "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(content)},
            "signer_infos": [signer],
        }
        if with_certificate:
            signed["certificates"] = [certificate]
        return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed)})


class Handler(BaseHTTPRequestHandler):
    server_version = "KibaliStandIn/1"
    protocol_version = "HTTP/1.1"
    state: StandIn  # set by ``serve``

    def do_POST(self) -> None:
        question = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.state.asked += 1
        if self.state.slow:
            self.state.pause.wait(self.state.slow)
        if self.state.broken:
            return self._answer(503, "text/plain", b"broken")
        if self.headers.get("Content-Type") != "application/timestamp-query":
            return self._answer(415, "text/plain", b"a time-stamp query is expected")
        try:
            answer = self.state.stamp(question)
        except (ValueError, TypeError, KeyError):
            return self._answer(400, "text/plain", b"this is no time-stamp query")
        return self._answer(200, "application/timestamp-reply", answer)

    def do_GET(self) -> None:
        authority = self.state.authorities.get(self.path.removeprefix("/").removesuffix(".crl"))
        if self.path == "/":
            return self._answer(200, "text/html; charset=utf-8", PAGE)
        if self.state.broken:
            return self._answer(503, "text/plain", b"broken")
        if authority is None:
            return self._answer(404, "text/plain", b"not found")
        return self._answer(200, "application/pkix-crl", authority.crl())

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def serve(state: StandIn, *, host: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
    """A server that listens (port 0: any free one); the caller runs ``serve_forever`` and ``shutdown``."""
    server = ThreadingHTTPServer((host, port), type("BoundHandler", (Handler,), {"state": state}))
    server.daemon_threads = True
    return server


def main() -> None:
    parser = argparse.ArgumentParser(description="A stand-in for a time-stamp authority. No legal force.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8003)
    parser.add_argument("--folder", type=Path, required=True, help="where the demonstration's certificates are")
    parser.add_argument("--country", default="RW", choices=("RW", "CG"))
    given = parser.parse_args()
    demo_seals.ensure(given.folder, given.country)
    server = serve(StandIn(given.folder), host=given.host, port=given.port)
    print(f"Time-stamp stand-in (no authority, no legal force) at http://{given.host}:{given.port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


if __name__ == "__main__":
    main()
