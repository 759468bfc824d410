"""Catalogues of texts: ``python -m tools.translations check|update``.

``check`` fails for a text without a translation, an empty, fuzzy or obsolete entry, or a placeholder that differs.
``update`` brings both catalogues up to date: English repeats the text, French is left for the translator.
"""

import io
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("app", "forms", "templates")
METHODS = [("**.py", "python"), ("**.html", "jinja2"), ("**.txt", "jinja2")]
OPTIONS = {"**.html": {"silent": "false"}, "**.txt": {"silent": "false"}}
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "_l": None,
    "gettext": None,
    "lazy_gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
SOURCE = "en"
LANGUAGES = ("en", "fr")
PLACEHOLDER = re.compile(r"%\((\w+)\)[#0\- +]*\d*(?:\.\d+)?[sdf]")


def catalogue_path(language: str, root: Path = ROOT) -> Path:
    return root / "app" / "translations" / language / "LC_MESSAGES" / "messages.po"


def texts(root: Path = ROOT) -> Catalog:
    """Every translatable text of code and templates. A template that does not parse is an error."""
    found = Catalog(project="Kibali")
    for folder in FOLDERS:
        if not (root / folder).is_dir():
            continue
        for filename, _line, message, comments, context in extract_from_dir(
            str(root / folder), METHODS, OPTIONS, KEYWORDS, comment_tags=("Translators:",), strip_comment_tags=True
        ):
            found.add(message, None, [(f"{folder}/{filename}", 0)], auto_comments=comments, context=context)
    return found


def read(path: Path, language: str) -> Catalog:
    if not path.exists():
        return Catalog(locale=language, project="Kibali")
    with path.open("rb") as source:
        return read_po(source, locale=language)


def _forms(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(str(form) for form in value) if isinstance(value, Iterable) else ()


def _named(message: Message) -> str:
    context = f" (context {message.context!r})" if message.context else ""
    where = f" [{message.locations[0][0]}]" if message.locations else ""
    return f"{_forms(message.id)[0]!r}{context}{where}"


def _placeholder_faults(message: Message) -> Iterator[str]:
    source = _forms(message.id)
    wanted = set(PLACEHOLDER.findall(source[-1]))
    for form in _forms(message.string):
        found = set(PLACEHOLDER.findall(form))
        # A singular may leave its number out ("One case"); nothing else may differ.
        optional = {"num"} if len(source) > 1 else set()
        if found - wanted or wanted - found - optional:
            yield f"placeholders differ: {_named(message)} has {sorted(wanted)}, the translation {sorted(found)}"
        if wanted:
            try:
                _ = PLACEHOLDER.sub("", form) % ()
            except (TypeError, ValueError):
                yield f"a percent sign must be written %% beside placeholders: {_named(message)}"


def faults(language: str, root: Path = ROOT) -> list[str]:
    """What is wrong with a catalogue, one sentence each."""
    wanted, have = texts(root), read(catalogue_path(language, root), language)
    found: list[str] = []
    for message in wanted:
        if not message.id:
            continue
        translated = have.get(_forms(message.id)[0], message.context)
        if translated is None:
            found.append(f"missing: {_named(message)}")
            continue
        if _forms(translated.id) != _forms(message.id):
            found.append(f"the plural differs from the code's: {_named(message)}")
        if translated.fuzzy:
            found.append(f"fuzzy: {_named(message)}")
        strings = _forms(translated.string)
        if not strings or not all(strings) or (translated.pluralizable and len(strings) != have.num_plurals):
            found.append(f"not translated: {_named(message)}")
            continue
        found.extend(_placeholder_faults(translated))
    used = {(_forms(message.id)[0], message.context) for message in wanted if message.id}
    for message in have:
        if message.id and (_forms(message.id)[0], message.context) not in used:
            found.append(f"no longer used: {_named(message)}")
    found.extend(f"obsolete: {_forms(message.id)[0]!r}" for message in have.obsolete.values())
    return found


def update(language: str, root: Path = ROOT) -> int:
    """Rewrite a catalogue to hold exactly the texts in use; the number still to translate."""
    path = catalogue_path(language, root)
    old, fresh = read(path, language), Catalog(locale=language, project="Kibali", charset="utf-8", fuzzy=False)
    empty = 0
    for message in texts(root):
        if not message.id:
            continue
        source = _forms(message.id)
        known = old.get(source[0], message.context)
        string: object = known.string if known is not None and _forms(known.id) == source else ""
        if language == SOURCE:
            string = message.id
        elif not string or not all(_forms(string)):
            empty += 1
            string = tuple("" for _ in range(fresh.num_plurals)) if len(source) > 1 else ""
        fresh.add(
            message.id,
            string,  # type: ignore[arg-type]
            locations=sorted(set(message.locations)),
            auto_comments=message.auto_comments,
            user_comments=known.user_comments if known is not None else (),
            context=message.context,
        )
    written = io.BytesIO()
    write_po(written, fresh, width=120, sort_output=True, omit_header=True, include_lineno=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_header(fresh) + written.getvalue())
    return empty


def _header(catalogue: Catalog) -> bytes:
    """Only what a reader of the file needs: no dates or names, which would change at every run."""
    lines = [
        'msgid ""',
        'msgstr ""',
        f'"Language: {catalogue.locale_identifier}\\n"',
        f'"Plural-Forms: {catalogue.plural_forms}\\n"',
        '"MIME-Version: 1.0\\n"',
        '"Content-Type: text/plain; charset=utf-8\\n"',
        '"Content-Transfer-Encoding: 8bit\\n"',
    ]
    return ("\n".join(lines) + "\n\n").encode()


def main(arguments: list[str]) -> int:
    action = arguments[0] if arguments else "check"
    if action == "update":
        for language in LANGUAGES:
            empty = update(language)
            print(f"{language}: {len(texts())} texts, {empty} to translate")
        return 0
    failed = False
    for language in LANGUAGES:
        wrong = faults(language)
        failed = failed or bool(wrong)
        print(f"{language}: {len(wrong)} faults")
        for fault in wrong:
            print(f"  {fault}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
