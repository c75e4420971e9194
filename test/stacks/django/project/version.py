"""Checks one version of Django."""
import os
import subprocess
import sys

import checks
import django
from django.core.management import call_command
from django.db import connection

django.setup()
driver = connection.Database
checks.library("Django", f"{django.get_version()} ({driver.__name__} {driver.__version__.split()[0]})")
version = f"{django.VERSION[0]}.{django.VERSION[1]}"


def test(*arguments, **settings):
    connection.close()
    command = [sys.executable, "-m", "django", "test", "--noinput", "--verbosity", "0", *arguments]
    return subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True)


with checks.tried(f"{version}: migrate runs sql/gapless.sql by RunSQL, also where it is installed"):
    call_command("migrate", verbosity=0)
    call_command("migrate", "shop", "0002", verbosity=0)
    call_command("migrate", "shop", "zero", verbosity=0)
    call_command("migrate", verbosity=0)
with checks.tried(f"{version}: makemigrations --check finds no change"):
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)
with checks.tried(f"{version}: a test database by TEMPLATE has gapless, and the tables"):
    done = test("shop.tests.test_testing", TEMPLATE=connection.settings_dict["NAME"])
    checks.equal(done.stdout.count("ok\t"), 10)
with checks.tried(f"{version}: test --parallel"):
    done = test("shop", "--parallel", "2")
    checks.equal((done.returncode, "FAIL" in done.stdout), (0, False))
done = test("shop")
print(*[line for line in done.stdout.splitlines() if "\t" in line], sep="\n")
print(done.stderr, file=sys.stderr)
call_command("migrate", "shop", "zero", verbosity=0)
connection.close()
sys.exit(checks.failed or done.returncode)
