#!/usr/bin/env bash
# A receiver of m2m_changed or pre_delete that says no, and is caught, rolls the whole atomic() back, which ends as if it
# had committed. Django 3.2.25, SQLite.
#
# Expected: with no error of the database, an exception that is caught inside of atomic() does no harm: so it is in one's
# own code, and with receivers of pre_save. Or else leaving atomic() raises an error.
#
# What happens: add() and remove() of a many-to-many field, and delete(), open an atomic(savepoint=False) around the
# receivers. An exception on its way through marks the outer transaction to be rolled back. Where no query comes after it,
# nobody hears of that: atomic() ends without an error, and what was saved in it is not there. on_commit() is not called.
# The same was seen by hand with Django 4.2.28 and 5.2.17, and with PostgreSQL.
#
# Needs Debian 12, whose packages it unpacks.
set -euo pipefail
export LC_ALL=C
umask 022
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

reproduce() {
	(
		cd "$work"
		apt-get download -q python3-django python3-asgiref=3.6.0-1 python3-sqlparse python3-tz >/dev/null 2>&1
		for package in *.deb; do dpkg-deb -x "$package" .; done
	)
	PYTHONPATH=$work/usr/lib/python3/dist-packages /usr/bin/python3 -S - <<'PYTHON'
import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.db.models.signals import m2m_changed, pre_delete, pre_save


class Tag(models.Model):
    class Meta:
        app_label = "blog"


class Article(models.Model):
    title = models.TextField()
    tags = models.ManyToManyField(Tag)

    class Meta:
        app_label = "blog"


with connection.schema_editor() as editor:
    editor.create_model(Tag)
    editor.create_model(Article)
tag = Tag.objects.create()


def say_no(**kwargs):
    raise ValidationError("no")


m2m_changed.connect(say_no, sender=Article.tags.through)
pre_delete.connect(say_no, sender=Tag)
pre_save.connect(say_no, sender=Tag)


def tried(what, call):
    with transaction.atomic():
        article = Article.objects.create(title=what)
        transaction.on_commit(lambda: print("on_commit"))
        try:
            call(article)
        except ValidationError:
            pass
    print(f"{what}: no error, article in the table: {Article.objects.filter(title=what).exists()}")


print("Django", django.__version__)
tried("code that raises", lambda article: say_no())
tried("tag.save()", lambda article: tag.save())
tried("article.tags.add(tag)", lambda article: article.tags.add(tag))
tried("tag.delete()", lambda article: tag.delete())
PYTHON
}

# What was seen.
expected=$(
	cat <<'SEEN'
Django 3.2.25
on_commit
code that raises: no error, article in the table: True
on_commit
tag.save(): no error, article in the table: True
article.tags.add(tag): no error, article in the table: False
tag.delete(): no error, article in the table: False
SEEN
)

sed -n '2,/^set /s/^#\( \|$\)//p' "$0"
echo
seen=$(reproduce)
echo "$seen"
echo
if ! diff <(echo "$expected") <(echo "$seen"); then
	echo 'This is no longer what was seen (<), but something else (>).'
	exit 1
fi
echo 'Seen again.'
