# Read by the scripts here and in s3/.
# shellcheck shell=bash

# own_folder PATH: makes it where it is not there; refuses one that others may write to. Some of these scripts run as root and
# read settings from there, and in /tmp anybody may have been first.
own_folder() {
  plain_path "$1" || die "$1: Ray and Ceph want a folder whose name has letters, digits and ._-+=,@%~ alone: choose another with $2."
  if [[ ! -e $1 ]]; then
    mkdir -p "$(dirname "$1")"
    mkdir -m 700 "$1"
  fi
  [[ -d $1 && -O $1 ]] && (((8#$(stat -c %a "$1") & 8#022) == 0)) \
    || die "$1 is not yours alone ($(stat -c '%U, %A' "$1")): remove it, or choose another folder with $2."
}

# plain_path PATH: whether it is one word to a shell, and has no sign that a config file or Ray's own shell lines take for more.
plain_path() { [[ $1 != *[^[:alnum:]/._@%+,=~-]* ]]; }
