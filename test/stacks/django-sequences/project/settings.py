import os
from urllib.parse import parse_qsl, unquote, urlsplit

url = urlsplit(os.environ["GAPLESS_DATABASE_URL"])


def database(name):
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname,
        "PORT": url.port or "",
        "OPTIONS": dict(parse_qsl(url.query)),
    }


SECRET_KEY = "of a check"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "sequences.apps.SequencesConfig"]
DATABASES = {"default": database(url.path[1:]), "other": database(f"{url.path[1:]}_other")}
TEST_RUNNER = "runner.Runner"
