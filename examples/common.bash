# What every example's "run" has in common. Sourced, after the run has set
#
#   here      its own folder
#   title     the app's name, for people
#   app_port  the app's usual port; upstream may be set instead
#
# Ports can be changed by GATEWAY_PORT (the next one is the operators'), PROVIDER_PORT
# and APP_PORT. Everything listens on this machine only.

root=$(cd "$here/../.." && pwd)
name=$(basename "$here")
cardea=$root/bin/cardea
gateway_port=${GATEWAY_PORT:-4180}
provider_port=${PROVIDER_PORT:-8090}
# A provider at another address is another provider, and its alice another person.
folder=data
[ "$provider_port" = 8090 ] || folder=data/$provider_port
data=$here/$folder
app_port=${APP_PORT:-${app_port:-}}
upstream=${upstream:-http://127.0.0.1:$app_port}
# Cookies ignore ports: the provider goes by another name than the gateway.
address=http://localhost:$gateway_port
issuer=http://127.0.0.1:$provider_port

say() { printf '%s: %s\n' "$name" "$*"; }
die() {
	say "$*" >&2
	exit 1
}

umask 077
mkdir -p "$data/logs"
command -v curl >/dev/null 2>&1 || die "curl is missing; install it first"
[ -x "$cardea" ] || die "bin/cardea is missing; run: make build"

pids=()
parts=()

# part NAME COMMAND...: starts it in the background, in the folder that $work names.
# Job control gives it a process group of its own, so that Ctrl-C reaches this script
# alone, which then ends its parts one by one.
part() {
	local part=$1
	shift
	set -m
	(cd "${work:-$here}" && exec "$@") </dev/null >"$data/logs/$part.log" 2>&1 &
	pids+=("$!")
	set +m
	parts+=("$part")
}

# finish ends what was started, the last one first.
finish() {
	local status=$? i tries
	trap '' INT TERM HUP
	trap - EXIT
	for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
		kill -TERM "${pids[i]}" 2>/dev/null || continue
		tries=0
		while kill -0 "${pids[i]}" 2>/dev/null; do
			tries=$((tries + 1))
			if [ "$tries" -eq 300 ]; then
				say "${parts[i]} does not stop and is killed" >&2
				kill -KILL -- "-${pids[i]}" 2>/dev/null || true
			fi
			sleep 0.1
		done
		wait "${pids[i]}" 2>/dev/null || true
	done
	exit "$status"
}
trap finish EXIT
trap 'exit 0' INT TERM HUP

# gone: whether a part ended by itself, and what it said last.
gone() {
	local i
	for ((i = 0; i < ${#pids[@]}; i++)); do
		if ! kill -0 "${pids[i]}" 2>/dev/null; then
			say "${parts[i]} ended; the last lines of $data/logs/${parts[i]}.log:" >&2
			tail -n 20 "$data/logs/${parts[i]}.log" >&2
			return 0
		fi
	done
	return 1
}

answers() { curl --noproxy '*' --silent --fail --output /dev/null --max-time 3 "$1"; }

# await WHAT ADDRESS: until it answers, for at most two minutes.
await() {
	local tries=0
	until answers "$2"; do
		if gone; then exit 1; fi
		tries=$((tries + 1))
		[ "$tries" -le 600 ] || die "$1 does not answer at $2; see $data/logs"
		sleep 0.2
	done
}

# free PORT WHO VARIABLE: browsers try ::1 first for localhost, so both are looked at.
free() {
	local host
	for host in 127.0.0.1 ::1; do
		if (exec 3<>"/dev/tcp/$host/$1") 2>/dev/null; then
			die "port $1 for $2 is taken by another program; choose another with $3"
		fi
	done
}

# free_ports is asked before anything starts.
free_ports() {
	free "$gateway_port" "the gateway" GATEWAY_PORT
	free "$((gateway_port + 1))" "the gateway's operators" GATEWAY_PORT
	free "$provider_port" "the development provider" PROVIDER_PORT
	if [ -n "$app_port" ]; then free "$app_port" "$title" APP_PORT; fi
}

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# kept FILE: a secret that is made once and kept in the data folder.
kept() {
	[ -s "$data/$1" ] || random >"$data/$1"
	cat "$data/$1"
}

# configuration sets $config: cardea.yaml as it is, or a copy with other ports.
configuration() {
	config=$here/cardea.yaml
	if [ "$gateway_port" = 4180 ] && [ "$provider_port" = 8090 ] && grep -q "upstream: $upstream\$" "$config"; then return; fi
	sed -e "s|:4180\$|:$gateway_port|" -e "s|:4181\$|:$((gateway_port + 1))|" -e "s|:8090\$|:$provider_port|" \
		-e "s|^data_dir: ./data/|data_dir: ./$folder/|" -e "s|^\( *upstream:\) .*|\1 $upstream|" "$config" >"$here/cardea.ports.yaml"
	config=$here/cardea.ports.yaml
}

# gateway [FLAG...]: the development provider, whose further clients the flags name, and
# Cardea.
gateway() {
	CARDEA_CLIENT_SECRET=$(random)
	export CARDEA_CLIENT_SECRET # new at every start: both sides are started here
	configuration
	part provider "$cardea" dev-provider --listen "127.0.0.1:$provider_port" --state "$data/provider.json" \
		--client-id cardea --client-secret-env CARDEA_CLIENT_SECRET \
		--redirect-uri "$address/.cardea/callback/dev" --post-logout-uri "$address/.cardea/signed-out" \
		--backchannel-uri "$address/.cardea/backchannel-logout" "$@"
	await "the development provider" "$issuer/.well-known/openid-configuration"
	part cardea "$cardea" serve --config "$config"
	await Cardea "http://127.0.0.1:$((gateway_port + 1))/readyz"
}

# stay waits until it is told to stop, or a part ended by itself.
stay() {
	while ! gone; do sleep 1 || true; done
	exit 1
}

# near PATH: as one would type it in the repository.
near() { printf '%s' "${1#"$root/"}"; }

# ready: says what to open, what to try (standard input), and waits.
ready() {
	cat <<END

$title behind Cardea is ready.

  Open      $address
  Sign in   $(sed -n 's/^  Sign in *//p' "$data/logs/provider.log")

Try
$(cat)

Sessions  bin/cardea sessions list --config $(near "$config")
Logs      $(near "$data/logs")
Ctrl-C stops it.

END
	stay
}
