# shellcheck shell=bash disable=SC2034 # variables are for those who load this
# recorder: starts the HTTP server of recorder.c, which keeps what it is sent and answers from files.
#
#     load helper
#     load recorder
#
#     start_recorder a
#     answer_json a/default '{"ok":true}'
#     call lbcall -u "$RECORDER" <<<'{"body":{}}'
#     [ "$(cat a/bodies)" = '{}' ]

AIDS=${BUILD:-$TOP/build}/tests/cli

# start_recorder DIR: listens when this returns. Sets RECORDER, its base URL, and RECORDER_PORT.
start_recorder() {
	local ready
	mkdir -p "$1"
	ready=$(mktemp -u ready.XXXXXX)
	mkfifo "$ready"
	"$AIDS/recorder" "$1" 5>"$ready" 3>&- </dev/null >/dev/null 2>"$1/err" &
	MOCK_PIDS+=("$!")
	read -r RECORDER_PORT <"$ready"
	rm -f "$ready"
	[ -n "$RECORDER_PORT" ]
	RECORDER=http://127.0.0.1:$RECORDER_PORT
}

# answer FILE STATUS TYPE [header]...: makes FILE a response with the body on stdin.
answer() {
	local file=$1 status=$2 type=$3
	shift 3
	cat >"$file.body"
	{
		printf 'HTTP/1.1 %s Reason\r\nContent-Type: %s\r\nContent-Length: %d\r\n' "$status" "$type" \
			"$(wc -c <"$file.body")"
		[ $# -eq 0 ] || printf '%s\r\n' "$@"
		printf '\r\n'
		cat "$file.body"
	} >"$file"
	rm "$file.body"
}

# answer_json FILE TEXT [STATUS]: the text and nothing behind it.
answer_json() {
	printf %s "$2" | answer "$1" "${3-200}" application/json
}

# What a provider that is content says, for tests that are not about it.
GOOD_ANSWER='{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}'

# field FILE CUSTOM_ID EXPRESSION: of the record with this id, as compact JSON.
field() {
	jq -c --arg id "$2" "select(.custom_id == \$id) | $3" "$1"
}
