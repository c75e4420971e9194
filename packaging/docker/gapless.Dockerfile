# The command line, and nothing else: no shell, no package, no root. The context is the folder of its files.
#
#     docker build --file packaging/docker/gapless.Dockerfile --tag gapless dist/linux-amd64
#     docker run --rm --env GAPLESS_DATABASE_URL gapless audit
FROM scratch
COPY gapless /usr/bin/gapless
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
USER 65532:65532
ENTRYPOINT ["/usr/bin/gapless"]
