#!/usr/bin/env bash
# stop.sh [--kill] [--wipe] [gateway] [osd] [mon]: ends the daemons that start.sh started from this folder, by their ids;
# without a name all of them. --kill sends SIGKILL at once; --wipe removes the data afterwards.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
signal=TERM
wipe=false
names=()
for word in "$@"; do
  case $word in
    --kill) signal=KILL ;;
    --wipe) wipe=true ;;
    gateway | osd | mon) names+=("$word") ;;
    *) die "usage: stop.sh [--kill] [--wipe] [gateway] [osd] [mon]" ;;
  esac
done
# With its data gone no daemon could go on. The order is that of who needs whom.
if $wipe || ((${#names[@]} == 0)); then
  names=(gateway osd mon)
fi

# end NAME SIGNAL: sends it, and waits up to twenty seconds for the end (the gateway takes five to ten).
end() {
  local pid tenths
  pid=$(pid_of "$1") || return 0
  kill -"$2" "$pid" 2> /dev/null || true  # it may have ended by itself just now
  for ((tenths = 0; tenths < 200; tenths++)); do
    pid_of "$1" > /dev/null || return 0
    sleep 0.1
  done
  return 1
}

for name in "${names[@]}"; do
  end "$name" "$signal" || end "$name" KILL || die "The $name does not end: process $(pid_of "$name")."
  rm -f "$folder/$name.pid"
done

# Only where start.sh has left its mark, and only the names that it makes.
if $wipe && [[ -e $folder/$marker ]]; then
  rm -rf "${folder:?}"/{made,mon,osd,gateway,log,ceph.conf,keyring,monmap,env.sh,"$marker"}
  [[ ! -d $folder ]] || rmdir --ignore-fail-on-non-empty "$folder"
fi
