"""Files as people, and attackers, send them."""

import io

import pikepdf
from PIL import Image


def picture(kind: str = "JPEG", size: tuple[int, int] = (40, 20), **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, kind, **options)
    return out.getvalue()


def rotated_photo() -> bytes:
    """A telephone's: stored on its side, with where and by whom it was taken."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90°
    exif[0x010F] = "Maker of this telephone"
    exif.get_ifd(0x8825)[1] = "N"
    return picture(size=(40, 20), exif=exif)


def animation() -> bytes:
    out = io.BytesIO()
    frames = [Image.new("RGB", (10, 10), (shade, 0, 0)) for shade in (0, 200)]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    return out.getvalue()


def bomb() -> bytes:
    """A few kilobytes that would become 400 million pixels."""
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(out, "PNG")
    return out.getvalue()


def gif_that_is_a_page() -> bytes:
    return b"GIF89a/*\x01\x00\x01\x00*/=1;<html><script>alert(1)</script></html>"


def pdf(pages: int = 1, **options: object) -> bytes:
    document = pikepdf.new()
    for _ in range(pages):
        document.add_blank_page()
    return _saved(document, **options)


def _saved(document: pikepdf.Pdf, **options: object) -> bytes:
    out = io.BytesIO()
    document.save(out, **(options if options else {"deterministic_id": True}))
    return out.getvalue()


def pdf_with_script() -> bytes:
    document = pikepdf.new()
    document.add_blank_page()
    document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert(1)"))
    return _saved(document)


def pdf_with_hidden_script() -> bytes:
    """The action is deep in direct objects, beneath an annotation."""
    document = pikepdf.new()
    document.add_blank_page()
    action = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert(1)"))
    deep = pikepdf.Array([pikepdf.Dictionary(More=pikepdf.Array([pikepdf.Dictionary(A=action)]))])
    document.pages[0].PieceInfo = pikepdf.Dictionary(Private=deep)
    return _saved(document)


def pdf_that_launches() -> bytes:
    document = pikepdf.new()
    document.add_blank_page()
    link = pikepdf.Dictionary(
        Type=pikepdf.Name.Annot,
        Subtype=pikepdf.Name.Link,
        Rect=[0, 0, 10, 10],
        A=pikepdf.Dictionary(S=pikepdf.Name.Launch, F=pikepdf.String("calc.exe")),
    )
    document.pages[0].Annots = document.make_indirect(pikepdf.Array([document.make_indirect(link)]))
    return _saved(document)


def pdf_with_file_inside() -> bytes:
    document = pikepdf.new()
    document.add_blank_page()
    document.attachments["more.exe"] = b"MZ"
    return _saved(document)


def pdf_with_password() -> bytes:
    return pdf(encryption=pikepdf.Encryption(owner="owner", user="secret"))


def pdf_with_owner_password() -> bytes:
    return pdf(encryption=pikepdf.Encryption(owner="owner", user=""))
