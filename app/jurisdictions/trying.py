"""A pack with another file of teams, routing and flags, to see what it would do before anybody installs it."""

import shutil
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

from app.jurisdictions import load
from app.jurisdictions.mistakes import Mistake, PackError, Place
from app.jurisdictions.model import Pack

FILE = "routing.toml"
TABLES = ("teams", "routing", "flags")  # nothing else is taken from the file: not a pattern, not a time zone
LARGEST = 100_000  # bytes
LONGEST_LINE = 1000  # characters: reading a key of many parts takes the square of their number
MOST_ROWS = 500


def with_routing(pack: Pack, content: bytes) -> Pack:
    """``pack`` as it would be with ``content`` as its ``routing.toml``, whatever somebody wrote into it.

    Raises PackError as reading a pack does.
    """
    place = Place(f"{pack.country.lower()}/{FILE}")
    try:
        text = _text(place, content)
        _check_tables(place, tomllib.loads(text))
        return _read(pack, text)
    except tomllib.TOMLDecodeError as error:
        raise PackError([Mistake(place, "", f"is not valid TOML: {error}")]) from None
    except RecursionError:
        raise PackError([Mistake(place, "", "is nested too deeply")]) from None
    except (ValueError, OverflowError) as error:  # a number of thousands of digits, for one
        raise PackError([Mistake(place, "", f"cannot be read: {error}")]) from None


def _text(place: Place, content: bytes) -> str:
    if len(content) > LARGEST:
        raise PackError([Mistake(place, "", f"is larger than {LARGEST // 1000} kB")])
    try:
        text = content.decode("utf-8-sig")  # some editors begin a file with a byte order mark
    except UnicodeDecodeError:
        raise PackError([Mistake(place, "", "is not text in UTF-8")]) from None
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > LONGEST_LINE:
            at = Place(place.file, f"line {number}")
            raise PackError([Mistake(at, "", f"is longer than {LONGEST_LINE} characters: write it in several lines")])
    return text


def _check_tables(place: Place, written: dict[str, object]) -> None:
    expected = ", ".join(f"[[{name}]]" for name in TABLES)
    mistakes = [Mistake(place, key, f"is not looked at here, only {expected}") for key in written if key not in TABLES]
    for key in set(written) & set(TABLES):
        rows = written[key]
        if isinstance(rows, list) and len(rows) > MOST_ROWS:
            mistakes.append(Mistake(place, key, f"has more than {MOST_ROWS} rows"))
    if mistakes:
        raise PackError(mistakes)


def _read(pack: Pack, text: str) -> Pack:
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / pack.country.lower()
        shutil.copytree(load.FOLDER / folder.name, folder)
        (folder / FILE).write_text(text, encoding="utf-8")
        return load.read(folder)
