#!/bin/sh
# Builds service registries from their sources with Go, for `make verify-registries`, into
# .tools/registries/<name>-<version>/<name>: all, or those that the arguments name. The first time takes about 45 minutes on
# two cores. Each is pinned, with its dependencies, in a module of its own next to this script.
set -eu
cd "$(dirname "$0")/../.."

[ $# -gt 0 ] || set -- consul kubernetes coredns

if ! command -v go >/dev/null; then
  echo 'registries: Go is not installed' >&2
  exit 1
fi

# release_of <name> <module>
release_of() {
  sed -n "s|^require $2 v||p" "scripts/registries/$1/go.mod"
}

# build <name> <module> <package> [<linker flags>]
build() {
  version=$(release_of "$1" "$2")
  folder=.tools/registries/$1-$version
  if [ ! -x "$folder/$1" ]; then
    echo "registries: building $1 $version"
    mkdir -p "$folder"
    # Into another file first: a build that is interrupted leaves none.
    (cd "scripts/registries/$1" && CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath \
      -ldflags "-s -w ${4:-}" -o "../../../$folder/$1.new" "$3")
    mv "$folder/$1.new" "$folder/$1"
  fi
  echo "registries: $1 $version"
}

kubernetes() {
  # It renders what is applied to it.
  sh scripts/deps/go.sh kubernetes
  build etcd go.etcd.io/etcd/server/v3 go.etcd.io/etcd/server/v3
  # Its own version is empty otherwise, which it does not accept.
  release=$(release_of kube-apiserver k8s.io/kubernetes)
  minor=${release#*.}
  variables=k8s.io/component-base/version
  build kube-apiserver k8s.io/kubernetes k8s.io/kubernetes/cmd/kube-apiserver \
    "-X $variables.gitVersion=v$release -X $variables.gitMajor=${release%%.*} -X $variables.gitMinor=${minor%.*}"
}

for name in "$@"; do
  case $name in
    consul) build consul github.com/hashicorp/consul github.com/hashicorp/consul ;;
    kubernetes) kubernetes ;;
    # scripts/deps.sh installs them.
    knot | eureka) ;;
    # It serves the names of a Kubernetes.
    coredns)
      kubernetes
      build coredns github.com/coredns/coredns github.com/coredns/coredns
      ;;
    *) echo "registries: unknown registry $name: use knot, eureka, consul, kubernetes or coredns" >&2; exit 2 ;;
  esac
done
