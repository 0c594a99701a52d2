# Three stages: the locked files, the environment without development tools, the small image.
# `--target dev` gives an image with the tools and with packages that follow the mounted sources.

FROM python:3.13-slim-bookworm AS wheels
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements.lock ./
# Every file is checked against its hash here; later steps take nothing from anywhere else.
RUN python3 -m pip wheel --quiet --require-hashes --no-deps \
      --requirement requirements.lock --wheel-dir /wheels
ENV PIP_FIND_LINKS=/wheels \
    PIP_NO_INDEX=1
WORKDIR /app
RUN python3 -m venv .venv
COPY sql sql
COPY taps taps
COPY targets targets

FROM wheels AS environment
RUN .venv/bin/python -m pip install --quiet \
      meltano ./taps/tap-toggl ./taps/tap-garmin ./targets/target-bronze-postgres \
 && .venv/bin/python -m pip check

FROM wheels AS dev
COPY requirements.lock pyproject.toml meltano.yml bronze.yml ./
RUN .venv/bin/python -m pip install --quiet --no-deps --requirement requirements.lock \
 && .venv/bin/python -m pip install --quiet --no-deps --no-build-isolation \
      --editable taps/tap-toggl --editable taps/tap-garmin \
      --editable targets/target-bronze-postgres \
 && useradd --uid 10001 --create-home --home-dir /home/app app \
 && install --directory --owner app --group app .meltano
ENV HOME=/home/app \
    PATH=/app/.venv/bin:$PATH
USER 10001:10001
CMD ["bronze", "status"]

FROM python:3.13-slim-bookworm
RUN useradd --uid 10001 --create-home --home-dir /home/app app \
 && install --directory --owner app --group app /app/.meltano
WORKDIR /app
COPY --from=environment /app/.venv .venv
COPY meltano.yml bronze.yml ./
ENV HOME=/home/app \
    PATH=/app/.venv/bin:$PATH
USER 10001:10001
CMD ["bronze", "status"]
