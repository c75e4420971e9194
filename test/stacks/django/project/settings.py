import os
from urllib.parse import parse_qsl, unquote, urlsplit

import django

url = urlsplit(os.environ["GAPLESS_DATABASE_URL"])

SECRET_KEY = "of a check"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["shop"] + (["deeds"] if django.VERSION >= (5,) else [])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path[1:],
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname,
        "PORT": url.port or "",
        "OPTIONS": dict(parse_qsl(url.query)),
        "TEST": {"TEMPLATE": os.environ.get("TEMPLATE")},
    }
}
TEST_RUNNER = "runner.Runner"
