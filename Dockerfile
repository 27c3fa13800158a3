# One image for every process of the project; docker-compose.yml says which command each runs.
FROM python:3.12-slim-bookworm

ENV PYTHONUNBUFFERED=1 DAGSTER_HOME=/app

RUN useradd --create-home --uid 1000 revops
WORKDIR /app

# The locked versions first: this layer changes seldom. pip compiles bytecode here, start-up counts.
COPY requirements.lock ./
RUN pip install --no-cache-dir -r requirements.lock

COPY pyproject.toml README.md dagster.yaml workspace.yaml ./
COPY docker docker
COPY sql sql
COPY revops_assets revops_assets
RUN pip install --no-cache-dir --no-deps --no-build-isolation -e . \
    && python -m compileall -q revops_assets \
    && chown revops /app

USER revops
