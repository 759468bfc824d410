"""The server's entry: ``granian --interface wsgi wsgi:app``, and what ``flask`` finds for its commands."""

import sys

from app import create_app
from app.cli import register
from app.core import logging
from app.jurisdictions.mistakes import PackError
from config import SettingsError, load

try:
    _settings = load()
    logging.configure(json=_settings.mode == "production")
    app = create_app(_settings)
except SettingsError as error:
    sys.exit(f"Kibali cannot start. {error}")
except PackError as error:
    sys.exit(f"Kibali cannot start. The jurisdiction packs have mistakes:\n{error}")
register(app)
