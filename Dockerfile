# A server of models that answer, for a user without rights. See docs/how-to/serve.md.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY qatk ./qatk
COPY plugins ./plugins
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:${PYTHON}-slim
# Where pip finds torch without CUDA, for machines without a GPU: --build-arg PIP_EXTRA_INDEX_URL=...
ARG PIP_EXTRA_INDEX_URL=
COPY constraints.txt /wheels/
COPY --from=build /wheels /wheels
RUN python -m pip install --no-cache-dir --constraint /wheels/constraints.txt "$(echo /wheels/qatk-*.whl)[serve]" \
    && rm -r /wheels \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin qatk
USER 10001:10001
WORKDIR /home/qatk
ENV HF_HOME=/tmp/huggingface PYTHONUNBUFFERED=1 QATK_CACHE=off
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=60s CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health')"]
# Another address than loopback needs a token: --env QATK_TOKEN, or --token-file of a mounted secret.
ENTRYPOINT ["qatk", "serve", "--host", "0.0.0.0", "--port", "8000"]
