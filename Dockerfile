# One image for the worker, the migrations, the command line and Flower.
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
# Nothing is installed whose hash is not in a lock file, and nothing is built but our own wheel.
COPY requirements-build.lock requirements.lock ./
# Without pip inside: the environment that goes into the final image holds nothing that can install.
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv --without-pip /opt/tonearm \
 && python3 -m pip --python /opt/tonearm/bin/python install --quiet --only-binary :all: --require-hashes --requirement requirements.lock \
 && python3 -m pip install --quiet --only-binary :all: --require-hashes --requirement requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY db db
COPY migrations migrations
COPY worker worker
RUN python3 -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels . \
 && python3 -m pip --python /opt/tonearm/bin/python install --quiet --no-deps --no-index /wheels/*.whl

FROM ${PYTHON_IMAGE}
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin tonearm
# The volumes of the compose file's passwords take their owner from these.
RUN for service in postgres redis migrate worker flower; do install -d -o tonearm /secrets/$service; done
COPY --chmod=0555 deploy/make-secrets.sh /usr/local/bin/make-secrets
COPY --from=build /opt/tonearm /opt/tonearm
ENV PATH=/opt/tonearm/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LOG_FORMAT=json
USER 10001:10001
WORKDIR /tmp
EXPOSE 9808
HEALTHCHECK --interval=15s --timeout=10s --start-period=30s --retries=3 CMD ["tonearm", "health"]
# Without a shell around it: PID 1 is Celery's own parent process, which gets the signals and reaps its children. SIGTERM
# is its warm shutdown, which takes eight seconds at the most.
CMD ["celery", "--app=worker.app", "worker"]
