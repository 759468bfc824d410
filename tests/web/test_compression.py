"""What leaves compressed, and what does not."""

import gzip
import re

from tests.factories.people import make_user

GZIP = {"Accept-Encoding": "gzip"}


def read(client, address, **headers):
    """A response whose file is closed again."""
    with client.get(address, headers=headers) as response:
        response.get_data()
        return response


def test_a_page_leaves_compressed_when_the_browser_can_read_it(client):
    plain, packed = client.get("/"), client.get("/", headers=GZIP)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert b"</html>" in gzip.decompress(packed.data)
    assert len(packed.data) < len(plain.data) / 2
    assert "Accept-Encoding" in packed.headers["Vary"]


def test_the_stylesheet_leaves_compressed_and_is_checked_by_its_own_tag(client):
    address = re.search(r'href="(/static/css/[^"]+)"', client.get("/").text).group(1)
    packed = read(client, address, **GZIP)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == read(client, address).data
    again = read(client, address, **GZIP, **{"If-None-Match": packed.headers["ETag"]})
    assert again.status_code in {200, 304}


def test_the_first_visit_stays_within_twenty_kilobytes(client):
    page = client.get("/", headers=GZIP)
    text = gzip.decompress(page.data).decode()
    files = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', text))
    weight = len(page.data) + sum(len(read(client, file, **GZIP).data) for file in files)
    assert weight <= 20_000


def test_the_length_of_a_persons_page_says_nothing(client, sign_in, session):
    sign_in(make_user(session))
    lengths = {len(client.get("/account", headers=GZIP).data) for _ in range(12)}
    assert len(lengths) > 1
