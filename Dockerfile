# The dashboard without training: view, check, review, predict and evaluate. See docs/deployment.md.
#
#   docker build -t brainseg .
#   docker run -p 127.0.0.1:8501:8501 -v /my/cohort:/data:ro -v brainseg:/state brainseg /data --insecure-no-login

FROM python:3.12-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN python -m venv /opt/brainseg \
    && /opt/brainseg/bin/pip install --no-cache-dir ".[auth,postgres,remote]"

FROM python:3.12-slim-bookworm
RUN useradd --uid 1000 --create-home brainseg \
    && install --directory --owner=brainseg /state
COPY --from=build /opt/brainseg /opt/brainseg
ENV PATH=/opt/brainseg/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    BRAINSEG_HOME=/state \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0
USER 1000
VOLUME /state
EXPOSE 8501
# Health is asked by the name localhost, so STREAMLIT_SERVER_ALLOWED_HOSTS has to contain it.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://localhost:8501/api/health')"]
ENTRYPOINT ["brainseg", "dashboard"]
