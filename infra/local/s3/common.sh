# Read by start.sh and stop.sh: where things are, and which of the daemons runs.
# shellcheck shell=bash
folder=$(realpath -m "${S3_FOLDER:-/tmp/imagemint-s3-$(id -u)}")
conf=$folder/ceph.conf
# shellcheck disable=SC2034  # used by those who read this
marker=.imagemint-s3  # says that start.sh made the folder, or found it empty

die() {
  echo "$*" >&2
  exit 1
}

# pid_of NAME: prints the process id of a daemon that was started from this folder; fails when it does not run.
# The id alone proves nothing, since another process may have got it by now: the command line must name our ceph.conf.
# It also tells a dead daemon that nobody has reaped, which still has an id, from a living one.
pid_of() {
  local pid
  pid=$(cat "$folder/$1.pid" 2> /dev/null) || return 1
  tr '\0' '\n' 2> /dev/null < "/proc/$pid/cmdline" | grep -qxF -- "$conf" || return 1
  echo "$pid"
}

# shellcheck source-path=SCRIPTDIR source=../own_folder.sh
source "$(dirname "${BASH_SOURCE[0]}")/../own_folder.sh"
[[ ! -e $folder ]] || own_folder "$folder" S3_FOLDER
