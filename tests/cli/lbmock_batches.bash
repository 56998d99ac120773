# shellcheck shell=bash
# lbmock_batches: what the bats files about lbmock's files and batches share.
#
#     load helper
#     load lbmock_batches

# Start lbmock with a log, and what else is said.
begin() {
	start_mock --log log "$@"
}

# send METHOD PATH [curl argument]...: the body goes to the file body, the status to code.
send() {
	local method=$1 path=$2
	shift 2
	code=$(curl -sS -X "$method" -o body -w '%{http_code}' "$@" "$MOCK$path") || return
}

# is CODE [JQ EXPRESSION]: the last call's status, and what is true of its body.
is() {
	[ "$code" = "$1" ] && jq -e "${2:-true}" body >/dev/null && return
	echo "status $code, not $1, or not: ${2-}"
	cut -c1-1000 body
	return 1
}

# advance DURATION: the provider's clock.
advance() {
	curl -sSf -X POST "$MOCK/lbmock/advance?by=$1" >/dev/null
}

# lines_of N [MODEL]: N chat requests in OpenAI's form, r1 to rN.
lines_of() {
	jq -nc --argjson n "$1" --arg m "${2:-m}" 'range(1; $n + 1) | {custom_id: "r\(.)", method: "POST",
		url: "/v1/chat/completions", body: {model: $m, messages: [{role: "user", content: "number \(.)"}]}}'
}

# upload FILE [PURPOSE]: sets file to its id.
upload() {
	send POST /v1/files -F "purpose=${2:-batch}" -F "file=@$1" || return
	file=$(jq -r .id body)
}

# create [ENDPOINT] [METADATA]: a batch of the file; sets batch to its id.
# shellcheck disable=SC2120 # the tests do pass arguments
create() {
	send POST /v1/batches -d "$(jq -nc --arg f "$file" --arg e "${1:-/v1/chat/completions}" --argjson m "${2:-null}" \
		'{input_file_id: $f, endpoint: $e, completion_window: "24h", metadata: $m}')" || return
	batch=$(jq -r .id body)
}

# run_batch N: N requests through a batch to its end, whatever that is; its output is in the file output,
# its errors in errors, the last look at it in body.
run_batch() {
	lines_of "$1" >in
	upload in
	create
	until_true ended
	fetch
}

# Has the batch ended? Its object is in body.
ended() {
	send GET "/v1/batches/$batch" && is 200 '.status | IN("completed", "failed", "expired", "cancelled")'
}

# state STATE: is it in this state? Its object is in body.
state() {
	send GET "/v1/batches/$batch" && is 200 ".status == \"$1\""
}

# The files of the batch in body.
fetch() {
	local id
	: >output
	: >errors
	id=$(jq -r '.output_file_id // empty' body)
	[ -z "$id" ] || curl -sSf "$MOCK/v1/files/$id/content" >output
	id=$(jq -r '.error_file_id // empty' body)
	[ -z "$id" ] || curl -sSf "$MOCK/v1/files/$id/content" >errors
}

# paid: the custom ids that were answered, from the log.
paid() {
	jq -r 'select(.batch != null and .prompt_tokens > 0) | .custom' log | sort
}

# messages_of N: a message batch of N requests, r1 to rN.
messages_of() {
	jq -nc --argjson n "$1" '{requests: [range(1; $n + 1) | {custom_id: "r\(.)",
		params: {model: "m", max_tokens: 50, messages: [{role: "user", content: "number \(.)"}]}}]}'
}

# create_messages: of the file in; sets batch.
create_messages() {
	send POST /v1/messages/batches -H 'content-type: application/json' --data-binary @in || return
	batch=$(jq -r .id body)
}

# state_messages STATE: as state.
state_messages() {
	send GET "/v1/messages/batches/$batch" && is 200 ".processing_status == \"$1\""
}

# run_messages N: as run_batch; its results are in the file output.
run_messages() {
	messages_of "$1" >in
	create_messages
	until_true state_messages ended
	curl -sSf "$(jq -r .results_url body)" >output
}
