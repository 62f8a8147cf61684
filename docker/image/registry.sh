# shellcheck shell=bash disable=SC2154  # docker/image/image.sh sources this file and sets the variables
# The registry of $repository: ${hub[@]} is docker, logged in there. Credentials stay in $scratch.
registry=
[[ ! $repository =~ ^([^/]*[.:][^/]*|localhost)/ ]] || registry=${BASH_REMATCH[1]}
hub=(docker)
stage() { sed -n "s/^FROM \\(.*\\) AS $1\$/\\1/p" Dockerfile; } # the image of that name

login() { # only GitHub's registry gets GITHUB_TOKEN
  local user=${REGISTRY_USERNAME:-} password=${REGISTRY_PASSWORD:-}
  if [ "$registry" = ghcr.io ] && [ "${GITHUB_ACTIONS:-}" = true ]; then
    user=${user:-${GITHUB_ACTOR:-}} password=${password:-${GITHUB_TOKEN:-}}
  fi
  [ -n "$password" ] || return 0
  # The user's configuration, which may select a context, does not apply here: DOCKER_HOST names the engine.
  local engine
  engine=$(docker context inspect -f '{{.Endpoints.docker.Host}}')
  hub=(env -u DOCKER_CONTEXT "DOCKER_HOST=$engine" docker --config "$scratch")
  "${hub[@]}" login "$registry" --username "$user" --password-stdin <<<"$password" >/dev/null 2>"$scratch/log" ||
    echo "image: $registry refuses the login: $(tail -1 "$scratch/log")" >&2
}
pull() { "${hub[@]}" pull -q "$1" >/dev/null 2>"$scratch/log"; }
push() {
  echo "▸ image · pushing $1" >&2
  "${hub[@]}" push -q "$1" >/dev/null 2>"$scratch/log" ||
    echo "image: not pushed; this is not an error: $(tail -1 "$scratch/log")" >&2
}

# Builds with the words $@ of buildx, with a list of the packages and the provenance, which the engine's own builder
# cannot keep; pushes the image without a tag; and prints its name with its digest.
attest() {
  local digest
  echo "▸ image · building and pushing $repository by digest" >&2
  "${hub[@]}" buildx create --name modelmake --driver docker-container --bootstrap \
    --driver-opt "image=$(stage buildkit)" >/dev/null 2>"$scratch/log" ||
    die image "BuildKit does not start: $(tail -1 "$scratch/log")" "a release needs it"
  "${hub[@]}" buildx build --builder modelmake --provenance mode=max --sbom "generator=$(stage sbom)" \
    --output "type=image,name=$repository,push-by-digest=true,name-canonical=true,push=true" \
    --metadata-file "$scratch/metadata" "$@" >&2 || die image "not built, or not pushed" "see above"
  "${hub[@]}" buildx rm modelmake >/dev/null 2>&1 || true
  digest=$(grep -o '"containerimage.digest": *"sha256:[0-9a-f]*"' "$scratch/metadata" | cut -d'"' -f4)
  echo "$repository@$digest"
}
index() { # gives the images $2 …, one for each processor, the name $1
  "${hub[@]}" buildx imagetools create --tag "$1" "${@:2}" >/dev/null 2>"$scratch/log" ||
    die image "$1 cannot be written: $(tail -1 "$scratch/log")" "check the login, and that $registry has the images"
  echo "image      $1" >&2
}
