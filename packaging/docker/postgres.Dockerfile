# PostgreSQL with the extension: what the base image is, and CREATE EXTENSION gapless. The context is the folder of its files.
#
#     docker build --file packaging/docker/postgres.Dockerfile --tag gapless-postgres:17 dist/extension
#     docker build --build-arg POSTGRES=postgres:18 …
ARG POSTGRES=postgres:17
FROM ${POSTGRES}
# The official images say which one they are; for a base that does not, give it.
ARG PG_MAJOR
COPY gapless.control gapless--*.sql /usr/share/postgresql/${PG_MAJOR}/extension/
