"""Looks into one uploaded file, alone in a process with little memory and time (``uploads`` starts it).

Standard input: the media type's line, then the bytes. Standard output: one line of JSON, then for an image the bytes
of a clean copy. It imports nothing of the portal, so that a parser that is broken into finds nothing around it.
"""

import io
import json
import resource
import sys
from typing import Any

MEMORY = 768 << 20
CPU_SECONDS = 20
MOST_PAGES = 300
MOST_PIXELS = 50_000_000
LONGEST_SIDE = 4000  # pixels; a page of A4 at 340 dots an inch
MOST_OBJECTS = 200_000
FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}

ACTIVE_ACTIONS = {"/JavaScript", "/Launch", "/SubmitForm", "/ImportData", "/GoToE", "/Rendition", "/RichMediaExecute"}
ACTIVE_KEYS = {"/JS", "/JavaScript", "/XFA"}
ACTIVE_KINDS = {"/RichMedia", "/Movie", "/Sound", "/Screen", "/3D"}


class Refused(Exception):
    """``args[0]`` is a code that ``uploads`` turns into a sentence."""


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it may not write a file
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))  # nor start a program
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def image(content: bytes, media_type: str) -> tuple[dict[str, Any], bytes]:
    """Decoded and encoded again: no metadata, nothing hidden behind the picture, the right way up."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        with Image.open(io.BytesIO(content), formats=[FORMATS[media_type]]) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise Refused("too_many_pixels")
            if getattr(picture, "n_frames", 1) > 1:
                raise Refused("animated")
            picture.load()
            upright = ImageOps.exif_transpose(picture)
    except Refused:
        raise
    except MemoryError:
        raise Refused("too_many_pixels") from None
    except Image.DecompressionBombError:
        raise Refused("too_many_pixels") from None
    except Exception:
        raise Refused("damaged_image") from None
    transparent = upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info
    plain = upright.convert("RGBA" if transparent else ("L" if upright.mode in {"1", "L"} else "RGB"))
    plain.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    clean = Image.new(plain.mode, plain.size)
    clean.paste(plain)
    out = io.BytesIO()
    if media_type == "image/png" or transparent:
        clean.save(out, "PNG")
        kind = "image/png"
    else:
        clean.save(out, "JPEG", quality=88)
        kind = "image/jpeg"
    return {"media_type": kind, "pages": None}, out.getvalue()


def pdf(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Only looked at, kept as it is: it is somebody's evidence."""
    import pikepdf

    try:
        document = pikepdf.open(io.BytesIO(content))
    except pikepdf.PasswordError:
        raise Refused("encrypted") from None
    except Exception:
        raise Refused("damaged_pdf") from None
    with document:
        if document.is_encrypted:
            raise Refused("encrypted")
        try:
            pages = len(document.pages)
            if not 0 < pages <= MOST_PAGES:
                raise Refused("too_many_pages" if pages else "damaged_pdf")
            if len(document.objects) > MOST_OBJECTS:
                raise Refused("too_complex")
            for thing in document.objects:
                _look(thing)
        except Refused:
            raise
        except MemoryError:
            raise Refused("too_complex") from None
        except Exception:
            raise Refused("damaged_pdf") from None
    return {"media_type": "application/pdf", "pages": pages}, b""


def _look(start: Any) -> None:
    """Through one object and what is nested in it; indirect objects are visited on their own."""
    import pikepdf

    waiting = [start]
    first = True
    while waiting:
        thing = waiting.pop()
        if isinstance(thing, pikepdf.Object) and thing.is_indirect and not first:
            continue
        first = False
        if isinstance(thing, pikepdf.Array):
            waiting.extend(item for item in thing if isinstance(item, pikepdf.Object))
        elif isinstance(thing, pikepdf.Dictionary | pikepdf.Stream):
            for key in thing.keys():  # noqa: SIM118  # not a mapping
                if key in ACTIVE_KEYS:
                    raise Refused("active_content")
                if key in {"/EmbeddedFiles", "/EF"}:
                    raise Refused("embedded_files")
                value = thing[key]
                name = str(value) if isinstance(value, pikepdf.Name) else ""
                if key == "/S" and name in ACTIVE_ACTIONS:
                    raise Refused("active_content")
                if key == "/Subtype" and name in ACTIVE_KINDS:
                    raise Refused("active_content")
                if key == "/Type" and name == "/EmbeddedFile":
                    raise Refused("embedded_files")
                if isinstance(value, pikepdf.Object):
                    waiting.append(value)


def main() -> None:
    media_type = sys.stdin.buffer.readline().decode("ascii").strip()
    content = sys.stdin.buffer.read()
    limit()
    result: dict[str, Any]
    clean = b""
    try:
        result, clean = pdf(content) if media_type == "application/pdf" else image(content, media_type)
    except Refused as refusal:
        result = {"refused": refusal.args[0]}
    sys.stdout.buffer.write(json.dumps(result).encode() + b"\n" + clean)


if __name__ == "__main__":
    main()
