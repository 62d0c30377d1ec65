# The look-up service. Build: docker build -t fraudrisk .   Run: see docs/operate.md
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY models models
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir ".[api,postgres]"

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin fraudrisk && install -d -o fraudrisk -g fraudrisk -m 0700 /workspace
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 FRAUDRISK_HOST=0.0.0.0
USER fraudrisk
VOLUME ["/workspace"]
EXPOSE 8321
HEALTHCHECK --interval=15s --timeout=3s --start-period=40s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8321/readyz', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["fraudrisk"]
CMD ["serve", "/workspace"]
