# shellcheck shell=bash
# hosts: what contrib/recipes/shard-hosts is held to, over three machines that are network namespaces. Sourced
# by run, behind limits.bash.
# shellcheck disable=SC2154 # work and BIN are run's, mock_log and mock_port are limits.bash's

# shellcheck disable=SC1091 # checked by itself
. tests/cli/hosts.bash

HOSTS_RATE=100 # requests a second
HOSTS_CALLS=50 # in flight on a host

# hosts_job NAME: the job, in the background; sets job.
hosts_job()
{
	start_mock "$1" --bind "$HOSTS_ADDRESS" --rpm $((HOSTS_RATE * 60)) --burst $((HOSTS_RATE * 7 / 5)) --latency 50ms
	SSH="ssh -F $HOSTS_CONFIG" RPM=$((HOSTS_RATE * 60)) CALLS=$HOSTS_CALLS \
		OPENAI_BASE_URL=http://$HOSTS_ADDRESS:$mock_port OPENAI_API_KEY=none \
		contrib/recipes/shard-hosts "$work/$1" host1 host2 host3 \
		<"$work/hosts.in" >"$work/$1.out" 2>"$work/$1.err" &
	job=$!
}

# hosts_lost FILE: requests without a good answer.
hosts_lost()
{
	echo $((10000 - $(jq -r 'select(.error == null) | .custom_id' "$1" | sort -u | wc -l)))
}

hosts_whole()
{
	local began=$EPOCHREALTIME job status=0
	hosts_job whole
	wait $job || status=$?
	row "10,000 requests over 3 hosts by ssh, one quota: time" \
		"$(awk -v from="$began" -v to="$EPOCHREALTIME" -v rate=$HOSTS_RATE \
			'BEGIN { print (to - from) / (10000 / rate) }')" %.3f '<=' 1.05 x "of what the quota takes"
	row "the same, 429s" "$(log_count '.status == 429')" %d '<=' 0 ""
	row "the same, requests lost" "$(hosts_lost "$work/whole.out")" %d '<=' 0 "" "status $status"
	row "the same, paid twice" "$(($(log_count '.status == 200') - 10000))" %d '<=' 0 ""
	stop_server
}

hosts_killed()
{
	local job status=0 twice
	hosts_job killed
	until [ "$(wc -l <"$mock_log")" -ge 5000 ]; do
		sleep 0.1
	done
	hosts_kill 2
	wait $job || status=$?
	row "one of the hosts killed at 5,000: requests lost" "$(hosts_lost "$work/killed.out")" %d '<=' 0 "" "status $status"
	row "the same, 429s" "$(log_count '.status == 429')" %d '<=' 0 ""
	twice=$(log_count '.status == 200')
	row "the same, paid twice" "$((twice - 10000 + $(hosts_lost "$work/killed.out")))" %d '<=' $HOSTS_CALLS "" \
		"$HOSTS_CALLS in flight on a host"
	stop_server
}

# In a shell of its own, so that the hosts end with it.
hosts()
(
	trap 'hosts_stop; stop_server' EXIT
	trap 'exit 130' INT TERM
	PATH=$(cd "$BIN" && pwd):$PATH
	if ! command -v parallel >/dev/null || ! hosts_start "$work/hosts" 3; then
		left_out "10,000 requests over 3 hosts" "${HOSTS_WHY:-no GNU parallel}"
		return
	fi
	requests 10000 ',"max_tokens":20' | sed 's/"model":"m"/"model":"gpt-4o-mini"/' >"$work/hosts.in"
	hosts_whole
	hosts_killed
)
