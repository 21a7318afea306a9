# docker build (classic and BuildKit) and buildah, with DOCKER_HOST's daemon
# and an image base:1 that holds busybox. OLD_DOCKER: a client of version 20,
# whose output differs. No network: RUN steps use the host's.
D="$app/docker"
mkdir -p "$D"
printf 'FROM base:1\nCOPY a.txt /a.txt\nRUN cat /a.txt\n' >"$D/Dockerfile"
printf 'FROM base:1\nRUN echo one\nRUN cat /absent\n' >"$D/Dockerfile.bad"
printf 'FROM base:1\nCOPY absent.txt /\n' >"$D/Dockerfile.copy"
printf 'FROM base:1\nRUNN echo\n' >"$D/Dockerfile.syntax"
printf 'hi\n' >"$D/a.txt"
dockers() { # PREFIX
  rec $1-pass docker "docker build --network=host -t app ."
  rec $1-fail docker "docker build --network=host -f Dockerfile.bad ."
  rec $1-copy docker "docker build --network=host -f Dockerfile.copy ."
  rec $1-syntax docker "docker build -f Dockerfile.syntax ."
  rec $1-no-file docker "docker build -f absent ."
  rec $1-tail docker "docker build --network=host -f Dockerfile.bad . 2>&1 | tail -4"
  rec $1-tail-pass docker "docker build --network=host -t app . 2>&1 | tail -3"
  rec $1-head docker "docker build --network=host -t app . 2>&1 | head -6"
  rec $1-quiet docker "docker build -q --network=host -t app ."
  rec $1-run docker "docker build --network=host -t app . && docker run --rm --network=none app cat /a.txt"
}
if [ -n "${DOCKER_HOST:-}" ]; then
  if [ -n "${OLD_DOCKER:-}" ]; then
    mkdir -p "$work/olddocker" && ln -sf "$OLD_DOCKER" "$work/olddocker/docker"
    (PATH=$work/olddocker:$PATH DOCKER_BUILDKIT=0; export PATH DOCKER_BUILDKIT; dockers dockerclassic)
    (PATH=$work/olddocker:$PATH DOCKER_BUILDKIT=1; export PATH DOCKER_BUILDKIT; dockers dockerbuildkit20)
  fi
  if docker buildx version >/dev/null 2>&1; then
    dockers docker
    rec docker-no-daemon docker "DOCKER_HOST=unix:///nonexistent.sock docker build ."
  fi
fi
