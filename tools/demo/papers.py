"""Specimen papers for the demo's applications: drawn here, so that no real document is ever needed."""

import hashlib
import io
import textwrap
from functools import cache

from PIL import Image, ImageDraw, ImageFont

_INK = "#1f2a33"


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    for name in ("NotoSans-Regular.ttf", "DejaVuSans.ttf"):
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def specimen(title: str, holder: str) -> bytes:
    """A PNG page with a title, a holder and lines that stand for text; the same bytes for the same words."""
    page = Image.new("RGB", (620, 877), "white")
    draw = ImageDraw.Draw(page)
    draw.rectangle((24, 24, 596, 853), outline="#9fb0bd", width=2)
    draw.text((60, 60), "SPECIMEN", fill="#b3261e", font=_font(20))
    for number, line in enumerate(textwrap.wrap(title, 30)[:3]):
        draw.text((60, 110 + 44 * number), line, fill=_INK, font=_font(34))
    draw.text((60, 270), holder[:44], fill=_INK, font=_font(22))
    seed = hashlib.sha256(f"{title}{holder}".encode()).digest()
    for number in range(14):
        width = 300 + seed[number] * 180 // 255
        draw.line((60, 340 + 30 * number, 60 + width, 340 + 30 * number), fill="#c9d3da", width=7)
    draw.ellipse((430, 700, 540, 810), outline="#0b4a6f", width=4)
    draw.text((449, 744), "KIBALI", fill="#0b4a6f", font=_font(20))
    data = io.BytesIO()
    page.save(data, "PNG")
    return data.getvalue()
