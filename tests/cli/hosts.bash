# shellcheck shell=bash
# hosts: machines to log in to, for the tests and figures of jobs that go over ssh. Each is a network
# namespace on a bridge, with an sshd of its own in it. Where namespaces may not be made, each is an
# address of loopback.
#
#     hosts_start DIRECTORY 3 || skip "$HOSTS_WHY"
#     ssh -F "$HOSTS_CONFIG" host2 uptime
#     hosts_kill 2
#     hosts_stop
#
# The hosts are called host1, host2 and so on. Keys, configuration and messages stand in the directory.

HOSTS_CONFIG=  # for ssh -F
HOSTS_ADDRESS= # of the machine itself, as the hosts see it
HOSTS_WHY=     # why there are none
HOSTS_SPACES=  # the prefix of the namespaces' names, if these are such
HOSTS_COUNT=
HOSTS_SSHD=() # process ids
HOSTS_FOLDER= # made for sshd

# A bridge, and $1 namespaces on it; all or nothing.
hosts_make_spaces() {
	local i subnet=198.18.$((BASHPID % 250 + 1))
	HOSTS_SPACES=lb$BASHPID-
	HOSTS_ADDRESS=$subnet.1
	{
		ip link add "${HOSTS_SPACES}br" type bridge &&
			ip address add "$HOSTS_ADDRESS/24" dev "${HOSTS_SPACES}br" &&
			ip link set "${HOSTS_SPACES}br" up || return
		for ((i = 1; i <= $1; i++)); do
			ip netns add "$HOSTS_SPACES$i" &&
				ip link add "$HOSTS_SPACES$i" type veth peer name eth0 netns "$HOSTS_SPACES$i" &&
				ip link set "$HOSTS_SPACES$i" master "${HOSTS_SPACES}br" up &&
				ip -n "$HOSTS_SPACES$i" address add "$subnet.$((i + 1))/24" dev eth0 &&
				ip -n "$HOSTS_SPACES$i" link set eth0 up || return
		done
	} >/dev/null 2>&1
}

hosts_drop_spaces() {
	local i
	[ -n "$HOSTS_SPACES" ] || return 0
	for ((i = 1; i <= HOSTS_COUNT; i++)); do
		ip link delete "$HOSTS_SPACES$i" || true
		ip netns delete "$HOSTS_SPACES$i" || true
	done 2>/dev/null
	ip link delete "${HOSTS_SPACES}br" 2>/dev/null || true
	HOSTS_SPACES=
}

# Host $1: its keys and its sshd at port $2 of its address. SHLVL keeps bash, which takes a command by ssh for
# a login, from what the user has in ~/.bashrc; being killed there can leave things behind.
hosts_start_sshd() {
	local name=host$1 address=${HOSTS_ADDRESS%.*}.$(($1 + 1)) space=()
	[ -z "$HOSTS_SPACES" ] || space=(ip netns exec "$HOSTS_SPACES$1")
	ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$name.key" || return
	printf '[%s]:%s %s\n' "$address" "$2" "$(cut -d ' ' -f 1,2 "$name.key.pub")" >>known_hosts
	cat >"$name.conf" <<-EOT
		Port $2
		ListenAddress $address
		HostKey $PWD/$name.key
		AuthorizedKeysFile $PWD/user.key.pub
		PidFile none
		LogLevel ERROR
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		PermitRootLogin prohibit-password
		AcceptEnv OPENAI_* ANTHROPIC_*
		SetEnv PATH=$PATH SHLVL=1
	EOT
	printf 'Host %s\n\tHostName %s\n\tPort %s\n' "$name" "$address" "$2" >>config
	"${space[@]}" "$HOSTS_PROGRAM" -D -e -f "$PWD/$name.conf" 3>&- </dev/null >"$name.err" 2>&1 &
	HOSTS_SSHD+=($!)
}

# Can one log in to it? For ten seconds at most.
hosts_answer() {
	local end=$((SECONDS + 10))
	until ssh -F config -n "$1" true 2>login.err; do
		if [ "$SECONDS" -ge "$end" ]; then
			HOSTS_WHY="no login by ssh: $(tail -q -n 1 login.err "$1.err" | tr -d '\r' | tr '\n' ' ')"
			return 1
		fi
		sleep 0.05
	done
}

# An sshd at each address; in the directory. Returns whether one can log in to all.
hosts_start_all() {
	local i
	rm -f ./*
	ssh-keygen -q -t ed25519 -N '' -C user -f user.key || return
	for ((i = 1; i <= HOSTS_COUNT; i++)); do
		hosts_start_sshd "$i" $((20000 + BASHPID % 10000)) || return
	done
	cat >>config <<-EOT
		Host *
			User $(id -un)
			IdentityFile $PWD/user.key
			IdentitiesOnly yes
			UserKnownHostsFile $PWD/known_hosts
			GlobalKnownHostsFile none
			StrictHostKeyChecking yes
	EOT
	for ((i = 1; i <= HOSTS_COUNT; i++)); do
		hosts_answer "host$i" || return
	done
}

# hosts_start DIRECTORY N: make the directory and the hosts.
hosts_start() {
	HOSTS_PROGRAM=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd) || { HOSTS_WHY="no sshd"; return 1; }
	HOSTS_CONFIG=$1/config
	HOSTS_COUNT=$2
	# As the service's unit does; sshd wants it of root.
	if [ "$(id -u)" -eq 0 ] && [ ! -d /run/sshd ]; then
		mkdir -m 755 /run/sshd && HOSTS_FOLDER=/run/sshd
	fi
	mkdir -p "$1" && pushd "$1" >/dev/null || return
	if ! hosts_make_spaces "$2" || ! hosts_start_all; then
		hosts_kill_all
		hosts_drop_spaces
		HOSTS_ADDRESS=127.0.0.1
		hosts_start_all || hosts_stop
	fi
	popd >/dev/null && [ ${#HOSTS_SSHD[@]} -gt 0 ]
}

# The descendants of a process, and itself.
hosts_family() {
	local child
	for child in $(ps -o pid= --ppid "$1"); do
		hosts_family "$child"
	done
	echo "$1"
}

# hosts_kill N: the host's sshd and all that runs on it, at once.
hosts_kill() {
	local pids
	if [ -n "$HOSTS_SPACES" ]; then
		pids=$(ip netns pids "$HOSTS_SPACES$1") || true
	else
		pids=$(hosts_family "${HOSTS_SSHD[$1 - 1]}")
	fi
	# shellcheck disable=SC2086 # a list of numbers
	kill -KILL $pids 2>/dev/null || true
	wait "${HOSTS_SSHD[$1 - 1]}" 2>/dev/null || true
}

hosts_kill_all() {
	local i
	for ((i = 1; i <= ${#HOSTS_SSHD[@]}; i++)); do
		hosts_kill "$i"
	done
	HOSTS_SSHD=()
}

hosts_stop() {
	hosts_kill_all
	hosts_drop_spaces
	[ -z "$HOSTS_FOLDER" ] || rmdir "$HOSTS_FOLDER"
	HOSTS_FOLDER=
}
