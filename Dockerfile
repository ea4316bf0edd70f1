# The hub as an image: packages by hash from the lock, wheels only, so that no compiler is needed; runs as nobody in particular.
FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

# Packages first: this layer changes only with the lock. The build backend is in the developers' lock and stays out of the image.
COPY requirements.lock requirements-dev.lock ./
RUN python -m venv /opt/hub \
 && /opt/hub/bin/pip install --require-hashes --no-deps --only-binary :all: -r requirements.lock \
 && sed -n '/^setuptools==/,/# via/p' requirements-dev.lock > build.lock \
 && pip install --require-hashes --no-deps --only-binary :all: -r build.lock

COPY pyproject.toml README.md ./
COPY schemas schemas
COPY adapters adapters
COPY hub hub
RUN pip wheel --no-deps --no-build-isolation --no-index --wheel-dir dist . \
 && /opt/hub/bin/pip install --no-deps --no-index dist/*.whl \
 && /opt/hub/bin/pip uninstall -y pip \
 && /opt/hub/bin/python -m compileall -q /opt/hub/lib

FROM python:3.13-slim
COPY --from=build /opt/hub /opt/hub
ENV PATH=/opt/hub/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# /definitions: a volume mounted there takes over this owner, so that `hub topology export` may write into it.
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent hub \
 && install -d -o hub -g hub /definitions /data
USER hub
WORKDIR /data
ENTRYPOINT ["hub"]
CMD ["run"]
