# shellcheck shell=bash disable=SC2154  # docker/serving/serve.sh sources this file, and sets the variables
# The scoring server as a process of this machine, or of the container that runs make.
python=python
[ "$runner" = image ] || python=$root/.venv/bin/python
start() {
  stop "$state"
  ! listening "$port" || taken "$port" "make serve SERVE_PORT"
  MODELMAKE_SERVE_PORT=$port nohup "$python" -m modelmake serve >"$state/log.txt" 2>&1 </dev/null &
  echo $! >"$state/pid"
}
stop() { # the server whose state is in the folder $1, or all of this checkout
  local file pid
  for file in .serve/*/pid; do
    [[ -f $file && $file == ${1:-*}/pid ]] || continue
    pid=$(cat "$file")
    ! kill "$pid" 2>/dev/null || for _ in $(seq 400); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    rm -f "$file"
  done
}
alive() { kill -0 "$(cat "$state/pid" 2>/dev/null)" 2>/dev/null; }
health() { "$product/docker/serving/health.sh" "$port"; }
beside() { "$python" "$@"; } # Python with the server's code
log() { tail -20 "$state/log.txt"; }
