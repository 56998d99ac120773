# shellcheck shell=bash
# batch: what the tests of lbbatch share.

# requests N [FIRST]: so many of them, with the ids r1, r2, ... or from FIRST on.
requests() {
	awk -v n="$1" -v first="${2:-1}" 'BEGIN {
		for (i = first; i < first + n; i++)
			printf "{\"custom_id\":\"r%d\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"number %d\"}]}}\n", i, i
	}'
}

# anthropic: the same requests for Anthropic's API, from stdin.
anthropic() {
	sed 's#/v1/chat/completions#/v1/messages#; s#"model":"gpt-4o-mini"#"model":"claude-haiku-4-5","max_tokens":50#'
}

# provider [option]...: an lbmock with a log, and the environment that leads to it.
provider() {
	start_mock --log calls "$@"
	export OPENAI_BASE_URL=$MOCK ANTHROPIC_BASE_URL=$MOCK
}

# batch [option]...: lbbatch on the state "job", fast.
batch() {
	call lbbatch -s job --poll 10ms "$@"
}

# begin FILE [option]...: the same in the background. Sets pid; end waits for it and sets status.
begin() {
	local input=$1
	shift
	# The shell has SIGINT ignored in the background, and what is ignored stays so.
	env --default-signal=INT lbbatch -s job --poll 10ms "$@" <"$input" >out 2>err 3>&- &
	pid=$!
	MOCK_PIDS+=("$pid")
}

end() {
	status=0
	timeout 30 tail --pid="$pid" -f /dev/null
	wait "$pid" || status=$?
}

# advance DURATION: the provider's clock.
advance() {
	curl -sSf -X POST "$MOCK/lbmock/advance?by=$1" >/dev/null
}

# created: how many batches the provider has made.
created() {
	jq -s 'map(select(.method == "POST" and .batch and .requests)) | length' calls
}

# made N: there are so many batches.
made() {
	[ "$(created)" -eq "$1" ]
}

# out_has N: so many results are out.
out_has() {
	[ "$(lines out)" -eq "$1" ]
}

# paid N: so many requests have been done in batches.
paid() {
	[ "$(jq -s 'map(select(.custom and .batch and .status == 200)) | length' calls)" -eq "$1" ]
}

# each_once FILE N: it has a good result for each of r1 to rN, and nothing else.
each_once() {
	jq -r 'select(.error == null and .response.status_code == 200).custom_id' "$1" | sort >got
	requests "$2" | jq -r .custom_id | sort >want
	[ "$(lines "$1")" -eq "$2" ] && same got want
}

# codes FILE: "CODE COUNT" for each error code, null for successes.
codes() {
	jq -r '.error.code' "$1" | sort | uniq -c | awk '{ print $2, $1 }' | paste -s -d ' '
}

# codes_are FILE CODES
codes_are() {
	[ "$(codes "$1")" = "$2" ] && return
	echo "codes: $(codes "$1"), not $2"
	return 1
}
