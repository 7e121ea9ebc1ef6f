FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements ./requirements
# The environment is installed from outside and has no pip of its own; build tools stay in this stage.
RUN python -m venv --without-pip /opt/emulator && python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/build.txt \
    && pip --python /opt/emulator/bin/python install --no-cache-dir --no-compile --disable-pip-version-check --root-user-action=ignore --require-hashes -r requirements/serve.txt
COPY pyproject.toml README.md LICENSE ./
COPY emulator ./emulator
# Compile to bytecode now, because the file system is read-only later. Unchecked hashes: the files of the image never
# change, so Python does not have to check each source file when it starts.
RUN /opt/build/bin/pip wheel --no-cache-dir --disable-pip-version-check --no-build-isolation --no-deps --wheel-dir /tmp/wheel . \
    && pip --python /opt/emulator/bin/python install --no-compile --disable-pip-version-check --root-user-action=ignore --no-index --no-deps /tmp/wheel/*.whl \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/emulator/lib



FROM python:3.13-slim
LABEL org.opencontainers.image.title="twilio-udm-emulator" \
      org.opencontainers.image.description="A local emulator of Twilio's UserDefinedMessages endpoint, with an inspection API" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/emulator /opt/emulator
ENV PATH=/opt/emulator/bin:$PATH
# Remove pip. Then compile the standard library, which the base image ships without bytecode: this halves the start time.
RUN rm -rf $(/usr/local/bin/python -c "import ensurepip, pip; print(*ensurepip.__path__, *pip.__path__)") \
        /usr/local/lib/python3*/site-packages/pip-* /usr/local/bin/pip* \
    && python -m compileall -q --invalidation-mode unchecked-hash $(python -c "import sysconfig; print(sysconfig.get_path('stdlib'))")
# 127.0.0.1 inside a container cannot be reached from outside; publish the port on 127.0.0.1 of the host instead.
ENV EMULATOR_HOST=0.0.0.0 \
    PYTHONDONTWRITEBYTECODE=1
# A number, so that Kubernetes can verify that it is not root; group 0, as platforms with random user IDs expect. The emulator writes no files, so any user works.
USER 10001:0
EXPOSE 2010
# The command checks itself, without curl or a shell. Checks run every 100 ms during the start, for at most 30 s.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --start-interval=100ms --retries=3 CMD ["twilio-udm-emulator", "ready"]
ENTRYPOINT ["twilio-udm-emulator"]
CMD ["serve"]
