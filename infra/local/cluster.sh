# Read by up, down and enter: where things are, and which of the nodes runs.
# shellcheck shell=bash
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(realpath -m "${CLUSTER_FOLDER:-/tmp/imagemint-cluster}")
marker=.imagemint-cluster # says that up made the folder, or found it empty
subnet=10.91.0
head_address=$subnet.1
s3_address=$subnet.250

die() {
  echo "$*" >&2
  exit 1
}

# shellcheck source-path=SCRIPTDIR source=own_folder.sh
source "$here/own_folder.sh"

[[ $(id -u) == 0 ]] || die "Network namespaces are made by root: run this as root (sudo)."
command -v ip > /dev/null || die "ip is missing. Debian: apt-get install -y --no-install-recommends iproute2"

[[ ! -e $folder ]] || own_folder "$folder" CLUSTER_FOLDER

# Two folders are two clusters: the names of their namespaces differ.
cluster=imagemint-$(printf '%s' "$folder" | cksum | cut -d' ' -f1)

# space WHO: the network namespace of node 1, 2, ..., of `s3`, or of the `switch` that they all hang on.
space() { echo "$cluster-$1"; }

has_space() { [[ -e /run/netns/$(space "$1") ]]; }

# pid_of NODE: prints the id of the node's `ray start`; fails when it does not run.
# A process id alone proves nothing, since another process may have got it by now: it must be in the node's namespace.
pid_of() {
  local pid
  pid=$(cat "$folder/node-$1/pid" 2> /dev/null) || return 1
  has_space "$1" && ip netns pids "$(space "$1")" | grep -qxF -- "$pid" || return 1
  echo "$pid"
}

# end WHO: everything in its namespace.
end() {
  local pids
  has_space "$1" || return 0
  while pids=$(ip netns pids "$(space "$1")") && [[ -n $pids ]]; do
    # shellcheck disable=SC2086  # one word a process
    kill -KILL $pids 2> /dev/null || true
    sleep 0.05
  done
}
