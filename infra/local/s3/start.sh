#!/usr/bin/env bash
# Starts an S3 on this machine: one Ceph monitor, one OSD that keeps its disk in a file, one gateway (radosgw).
# No root, no systemd, nothing but 127.0.0.1. What already runs stays as it is, so after the end of one daemon
# this script brings back that one alone; the data in the folder is kept. Settings: README.md beside this file.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
host=${S3_HOST:-127.0.0.1}
port=${S3_PORT:-19000}
mon_port=${S3_MON_PORT:-13300}
disk_gb=${S3_DISK_GB:-8}
access_key=${S3_ACCESS_KEY:-localkey}
secret_key=${S3_SECRET_KEY:-localsecretlocalsecret}

write_conf() {
  cat > "$conf" << CONF
[global]
fsid = $(< /proc/sys/kernel/random/uuid)
mon_host = v2:127.0.0.1:$mon_port
ms_bind_msgr1 = false
cluster_addr = 127.0.0.1
public_addr = 127.0.0.1
# Who can reach the loopback of this machine can reach the store behind the gateway.
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_mon_client_mode = crc
keyring = $folder/keyring
# A unix socket's path may have some 100 characters at most; without sockets the folder may be anywhere.
admin_socket =
run_dir = $folder
crash_dir = $folder/log
log_file = $folder/log/\$name.log
log_to_syslog = false
mon_cluster_log_to_file = false
# One copy of everything, and few placement groups: this is for tests.
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
# Making the cluster is many small agreements of one monitor with itself; by default it waits a second before each.
paxos_propose_interval = 0.05
paxos_min_wait = 0.02
[mon.a]
mon_data = $folder/mon
# A developer's disk that is 95 % full is no reason to refuse to start.
mon_data_avail_crit = 1
[osd.0]
osd_data = $folder/osd
osd_objectstore = bluestore
bluestore_block_size = $((disk_gb << 30))
bluestore_cache_autotune = false
bluestore_cache_size = $((128 << 20))
osd_crush_initial_weight = 1
[client.rgw.a]
rgw_data = $folder/gateway
rgw_thread_pool_size = 32
rgw_enable_ops_log = false
rgw_enable_usage_log = false
rgw_dynamic_resharding = false
# With a cache, making a bucket tells all gateways of it, and waits half a minute for one that was killed a moment ago.
rgw_cache_enabled = false
CONF
}

listening() { (exec 3<> "/dev/tcp/$1/$2") 2> /dev/null; }

# launch NAME COMMAND...: starts a daemon in a session of its own, so that Ctrl-C in this terminal does not end it.
launch() {
  local name=$1
  shift
  setsid nohup "$@" < /dev/null >> "$folder/log/$name.out" 2>&1 &
  echo $! > "$folder/$name.pid"
  # A process just forked still has this script's command line, by which nobody would know it.
  until pid_of "$name" > /dev/null || ! kill -0 $! 2> /dev/null; do sleep 0.01; done
}

# await NAME COMMAND...: waits until the command ends well; gives up when the daemon is gone or after a minute.
await() {
  local name=$1 deadline=$((SECONDS + 60))
  shift
  until "$@" &> /dev/null; do
    sleep 0.1
    if ! pid_of "$name" > /dev/null; then
      tail -n 5 "$folder/log/$name.out" >&2
      die "The $name has ended; more in $folder/log."
    fi
    ((SECONDS < deadline)) || die "The $name does not answer after a minute; see $folder/log."
  done
}

ask() { timeout 20 ceph -c "$conf" --connect-timeout 2 "$@"; }
osd_is_up() { ask osd stat | grep -q '1 up'; }
gateway_answers() {
  # shellcheck disable=SC2016  # expanded by the inner bash, which is there for the time limit
  timeout 2 bash -c 'exec 3<> "/dev/tcp/$1/$2"; printf "GET / HTTP/1.0\r\n\r\n" >&3
    read -r _ status _ <&3; [[ $status == 200 ]]' _ "$host" "$port"
}

for program in ceph ceph-mon ceph-osd monmaptool radosgw radosgw-admin; do
  command -v "$program" > /dev/null || die "$program is missing. Debian: apt-get install -y --no-install-recommends ceph-mon ceph-osd radosgw"
done

if [[ -d $folder && ! -e $folder/$marker && -n $(ls -A "$folder") ]]; then
  die "$folder is not empty and was not made by start.sh; choose an empty or new folder with S3_FOLDER."
fi
# What a broken first start has left cannot be continued, and holds no data yet.
[[ -e $folder/made ]] || "$(dirname "${BASH_SOURCE[0]}")/stop.sh" --wipe
own_folder "$folder" S3_FOLDER
mkdir -p "$folder"/{mon,osd,gateway,log}
touch "$folder/$marker"

if [[ ! -e $folder/made ]]; then
  write_conf
  : > "$folder/keyring"
  {
    monmaptool --create --clobber --fsid "$(sed -n 's/^fsid = //p' "$conf")" \
      --addv a "[v2:127.0.0.1:$mon_port]" --set-min-mon-release pacific "$folder/monmap"
    ceph-mon --mkfs -i a -c "$conf" --monmap "$folder/monmap"
  } >> "$folder/log/mon.out" 2>&1 || die "The monitor could not be made: $(tail -n 1 "$folder/log/mon.out")"
fi

if ! pid_of mon > /dev/null; then
  ! listening 127.0.0.1 "$mon_port" || die "Port $mon_port is taken; choose another with S3_MON_PORT."
  launch mon ceph-mon -f -i a -c "$conf"
  await mon ask mon stat
fi

if ! pid_of osd > /dev/null; then
  if [[ ! -e $folder/made ]]; then
    uuid=$(< /proc/sys/kernel/random/uuid)
    ask osd new "$uuid" 0 > /dev/null
    ceph-osd --mkfs -i 0 -c "$conf" --osd-uuid "$uuid" >> "$folder/log/osd.out" 2>&1 \
      || die "The OSD could not be made: $(tail -n 1 "$folder/log/osd.out")"
  else
    # After kill -9 the monitor still believes in the dead one for some ten seconds, and clients wait as long.
    ask osd down 0 &> /dev/null || true
  fi
  launch osd ceph-osd -f -i 0 -c "$conf"
  await osd osd_is_up
fi

if [[ ! -e $folder/made ]]; then
  radosgw-admin -c "$conf" -n client.rgw.a user create --uid=local --display-name=local \
    --access-key="$access_key" --secret="$secret_key" >> "$folder/log/gateway.out" 2>&1 \
    || die "The user could not be made: $(tail -n 1 "$folder/log/gateway.out")"
  touch "$folder/made"
fi

if ! pid_of gateway > /dev/null; then
  ! listening "$host" "$port" || die "Port $port is taken; choose another with S3_PORT."
  cat > "$folder/env.sh" << ENV
export AWS_ENDPOINT_URL=http://$host:$port
export AWS_ACCESS_KEY_ID=$access_key
export AWS_SECRET_ACCESS_KEY=$secret_key
export AWS_DEFAULT_REGION=us-east-1
export AWS_EC2_METADATA_DISABLED=true
export AWS_REQUEST_CHECKSUM_CALCULATION=when_required
export AWS_RESPONSE_CHECKSUM_VALIDATION=when_required
ENV
  launch gateway radosgw -f -n client.rgw.a -c "$conf" --rgw-frontends "beast endpoint=$host:$port"
  await gateway gateway_answers
fi

printf 'S3 on %s: . %q\n' "$(sed -n 's/^export AWS_ENDPOINT_URL=//p' "$folder/env.sh")" "$folder/env.sh"
