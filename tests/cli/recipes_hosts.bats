#!/usr/bin/env bats
# contrib/recipes/shard-hosts: one job over three machines, which are network namespaces (see hosts.bash).

load helper
load hosts

RECIPE=$TOP/contrib/recipes/shard-hosts

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	hosts_start "$PWD/hosts" 3 || skip "$HOSTS_WHY"
	export SSH="ssh -F $HOSTS_CONFIG"
}

teardown() {
	hosts_stop
	stop_mocks
}

provider() {
	start_mock --bind "$HOSTS_ADDRESS" --log calls "$@"
	export OPENAI_BASE_URL=http://$HOSTS_ADDRESS:$MOCK_PORT OPENAI_API_KEY=sk-over-the-wire
}

requests() {
	awk -v n="$1" 'BEGIN {
		for (i = 1; i <= n; i++)
			printf "{\"custom_id\":\"r%d\",\"body\":{\"model\":\"gpt-4o-mini\",\"max_tokens\":20,\"messages\":[{\"role\":\"user\",\"content\":\"Question %d\"}]}}\n", i, i
	}'
}

# answered N: out has the results of r1 to rN, each once, all good.
answered() {
	holds out '.error == null and .response.status_code == 200'
	jq -r .custom_id out | sort >got
	seq -f r%.0f "$1" | sort >want
	same want got
}

made() { [ -e calls ] && [ "$(lines calls)" -ge "$1" ]; }

@test "three hosts under one quota: each request once, no 429, all state here, the key on no command line" {
	requests 1500 >in.jsonl
	provider --rpm 18000 --burst 420 --latency 50ms --key sk-over-the-wire
	export RPM=18000
	timeout 60 "$RECIPE" job host1 host2 host3 <in.jsonl >out 2>err 3>&- &
	until_true made 300
	ps -eo args | grep -v '/lbmock ' >processes
	status=0
	wait $! || status=$?
	status_is 0
	answered 1500
	echo "$(lines calls) calls"; cat err; jq -c .status calls | sort | uniq -c
	[ "$(lines calls)" -eq 1500 ]
	holds calls '.status == 200'
	# Each host had a lane, and each lane a share.
	[ "$(awk 'NR > 1 && $5 > 10000' job.lanes | wc -l)" -eq 3 ]
	[ "$(grep -cE '(^|/)lbcall -c 50' processes)" -ge 3 ]
	lacks processes sk-over-the-wire
	[ "$(grep -rl sk-over-the-wire . | wc -l)" -eq 0 ]
	[ "$(printf '%s ' job.*)" = "job.lanes job.log job.rate job.spend " ]
	# It is all in the log.
	call "$RECIPE" job host1 host2 host3 <in.jsonl
	status_is 0
	answered 1500
	echo "$(lines calls) calls"; cat err; jq -c .status calls | sort | uniq -c
	[ "$(lines calls)" -eq 1500 ]
}

@test "a host killed in the middle: nothing is lost, and paid twice is at most what it had in flight" {
	requests 1500 >in.jsonl
	provider --rpm 18000 --burst 420 --latency 50ms
	export RPM=18000
	timeout 60 "$RECIPE" job host1 host2 host3 <in.jsonl >out 2>err 3>&- &
	until_true made 600
	hosts_kill 2
	status=0
	wait $! || status=$?
	cat err
	status_is 0
	answered 1500
	grep -q 'shard-hosts: host2: ' err
	holds calls '.status == 200'
	echo "$(lines calls) calls"
	[ "$(lines calls)" -ge 1500 ]
	[ "$(lines calls)" -le $((1500 + 50)) ]
}

@test "killed on the starting side the job goes on, and pays again only what was in flight" {
	requests 900 >in.jsonl
	provider --latency 50ms
	export RPM=12000
	setsid "$RECIPE" job host1 host2 host3 <in.jsonl >out 2>err 3>&- &
	until_true made 300
	# By session: GNU parallel gives each lane a process group.
	# shellcheck disable=SC2046 # numbers
	kill -KILL $(ps -o pid= -s $!)
	wait $! || true
	call "$RECIPE" job host1 host2 host3 <in.jsonl
	status_is 0
	answered 900
	echo "$(lines calls) calls"
	# Three times 50, and what came in the second in which GNU parallel may not look.
	[ "$(lines calls)" -le $((900 + 3 * 50 + 200)) ]
}

@test "a host that cannot be reached, or that lets no key through, is named, and others do its work" {
	requests 60 >in.jsonl
	provider
	hosts_kill 1
	RPM=60000 call "$RECIPE" job host1 host2 host3 <in.jsonl
	status_is 0
	answered 60
	grep -q 'shard-hosts: host1: ' err
	unset OPENAI_API_KEY OPENAI_BASE_URL
	call "$RECIPE" other host2 host3 <in.jsonl
	status_is 2
	grep -q 'shard-hosts: host2: .*AcceptEnv' err
	call "$RECIPE" job
	status_is 2
}
