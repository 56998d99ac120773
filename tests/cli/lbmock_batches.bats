#!/usr/bin/env bats
# lbmock(1): files, batches and message batches, their states and what goes wrong with them.

load helper

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

@test "misuse names the option and what is wrong" {
	while IFS='|' read -r option value wrong; do
		call lbmock "$option" "$value"
		status_is 2
		[[ $(head -n 1 err) == "lbmock: $option $value: "*"$wrong"* ]]
	done <<-'END'
	--batch-time|soon|duration
	--batch-window|x|duration
	--batch-window|99999d|10 years
	--batch-size|0|size
	--batch-size|2G|size
	--batch-enqueued|0|number
	--batch-fail|flood:1%|unknown
	--batch-fail|hang:1%|--fail
	--batch-fail|500:x|share
	--batch-fail|500:60%,expire:50%|100%
	--batch-fail|file-late:x|number
	--batch-fail|poll-slow:1%|status
	--batch-fail|expire|KIND
	--fail|expire:1%|unknown
	END
}

@test "a file: uploaded, looked up, downloaded byte for byte, deleted" {
	begin
	head -c 300000 /dev/urandom >in
	send POST /v1/files -F purpose=batch -F file=@in
	is 200 '(.id | startswith("file-")) and .object == "file" and .bytes == 300000 and .filename == "in"
		and .purpose == "batch" and .status == "processed" and .expires_at == null and (now - .created_at | fabs) < 60'
	file=$(jq -r .id body)
	cp body first
	send GET "/v1/files/$file"
	same body first
	send GET "/v1/files/$file/content"
	[ "$code" = 200 ]
	same body in
	send DELETE "/v1/files/$file"
	is 200 ".id == \"$file\" and .deleted"
	for path in "/v1/files/$file" "/v1/files/$file/content" /files/file-x; do
		send GET "$path"
		is 404 '.error.message | startswith("No such File object")'
	done
	send PUT "/v1/files/$file" -D headers
	is 405
	grep -qi '^allow: GET, DELETE' headers
}

@test "an empty file, and one with no newline at its end and delimiters in it, arrive as they are" {
	begin
	: >empty
	printf -- '--x\r\n--y--\r\n\r\n-' >odd
	for name in empty odd; do
		upload "$name"
		is 200 ".bytes == $(wc -c <"$name")"
		send GET "/v1/files/$file/content"
		same body "$name"
	done
}

@test "uploads that are no good say what is wrong" {
	begin
	echo x >in
	send POST /v1/files -d x
	is 400 '.error.message | contains("multipart")'
	send POST /v1/files -F purpose=batch
	is 400 '.error.param == "file"'
	send POST /v1/files -F file=@in
	is 400 '.error.param == "purpose"'
	send POST /v1/files -F purpose=batch -F file=@in -F 'expires_after[anchor]=created_at' -F 'expires_after[seconds]=5'
	is 400 '.error.param == "expires_after"'
	send POST /v1/files -F purpose=batch -F file=@in -F 'expires_after[anchor]=now' -F 'expires_after[seconds]=7200'
	is 400 '.error.param == "expires_after"'
}

@test "a file with expires_after is gone by then" {
	begin
	echo x >in
	send POST /v1/files -F purpose=batch -F file=@in -F 'expires_after[anchor]=created_at' -F 'expires_after[seconds]=7200'
	is 200 '.expires_at - .created_at == 7200'
	file=$(jq -r .id body)
	advance 7000s
	send GET "/v1/files/$file"
	is 200
	advance 300s
	send GET "/v1/files/$file"
	is 404
}

@test "a file may have 200 MiB, or what --batch-size says, and is refused with 413 above" {
	begin
	truncate -s 209715200 in
	upload in
	is 200 '.bytes == 209715200'
	truncate -s 209715201 in
	upload in
	is 413 '.error.code == "request_too_large"'
	stop_mock
	begin --batch-size 1k
	head -c 1024 /dev/zero >in
	upload in
	is 200
	head -c 1025 /dev/zero >in
	upload in
	is 413
}

@test "a batch: made, seen, done; each answer is what a call would have got" {
	begin
	lines_of 20 >in
	upload in
	create /v1/chat/completions '{"tag":"a b","n":"1"}'
	is 200 '(.id | startswith("batch_")) and .object == "batch" and .endpoint == "/v1/chat/completions"
		and .completion_window == "24h" and .status == "validating" and .errors == null
		and .output_file_id == null and .error_file_id == null and .metadata == {tag: "a b", n: "1"}
		and .expires_at - .created_at == 86400 and .in_progress_at == null and .completed_at == null
		and .request_counts == {total: 0, completed: 0, failed: 0}'
	jq -e --arg f "$file" '.input_file_id == $f' body
	until_true state completed
	is 200 '.model == "m" and .request_counts == {total: 20, completed: 20, failed: 0} and .error_file_id == null
		and .created_at <= .in_progress_at and .in_progress_at <= .finalizing_at and .finalizing_at <= .completed_at
		and ([.failed_at, .expired_at, .cancelling_at, .cancelled_at] | all(. == null)) and .metadata.tag == "a b"'
	cp body object
	fetch
	holds output '(keys_unsorted == ["id","custom_id","response","error"]) and (.id | startswith("batch_req_"))
		and .error == null and .response.status_code == 200 and (.response.request_id | startswith("req_"))'
	# Each request once, and not in the order of the input.
	same <(jq -r .custom_id output | sort) <(jq -r .custom_id in | sort)
	[ "$(jq -r .custom_id output)" != "$(jq -r .custom_id in)" ]
	jq -se --slurpfile b object 'map(.response.body.usage) | $b[0].usage
		== {input_tokens: (map(.prompt_tokens) | add), input_tokens_details: {cached_tokens: 0},
		output_tokens: (map(.completion_tokens) | add), output_tokens_details: {reasoning_tokens: 0},
		total_tokens: (map(.total_tokens) | add)}' output
	sed -n 7p in | jq -c .body | curl -sSf -d @- "$MOCK/v1/chat/completions" | jq -S 'del(.id, .created)' >alone
	jq -S 'select(.custom_id == "r7").response.body | del(.id, .created)' output >batched
	same alone batched
	send GET "/v1/files/$(jq -r .output_file_id object)"
	is 200 '.purpose == "batch_output" and (.filename | endswith("_output.jsonl"))'
}

@test "batches of responses and embeddings" {
	begin
	echo '{"custom_id":"a","method":"POST","url":"/v1/responses","body":{"model":"m","input":"hi"}}' >in
	upload in
	create /v1/responses
	until_true state completed
	fetch
	holds output '.response.body.output[0].content[0].text == "Answer to: hi"'
	echo '{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{"model":"m","input":["hi","ho"]}}' >in
	upload in
	create /v1/embeddings
	until_true state completed
	fetch
	holds output '.response.body.data | length == 2'
}

@test "in simulated time a batch validates, is in progress, finalizes, and has ended" {
	begin --batch-time 100m
	lines_of 10 >in
	upload in
	create
	state validating
	advance 9m
	state validating
	advance 2m
	until_true state in_progress
	is 200 '.request_counts == {total: 10, completed: 0, failed: 0}'
	# In progress from 10 to 90 minutes: after 51 five of ten are done.
	advance 40m
	until_true has_completed 5
	state in_progress
	is 200 '.output_file_id == null'
	[ "$(paid | wc -l)" -eq 5 ]
	advance 40m
	until_true state finalizing
	is 200 '.request_counts.completed == 10'
	advance 9m
	until_true state completed
	is 200 '.in_progress_at - .created_at >= 660 and .finalizing_at - .in_progress_at >= 4800
		and .completed_at - .created_at >= 6000 and .completed_at - .created_at < 6060'
}

# Are so many requests of the batch done?
has_completed() {
	send GET "/v1/batches/$batch" && is 200 ".request_counts.completed == $1"
}

@test "--batch-time in real time: 200 ms are 200 ms" {
	begin --batch-time 200ms
	lines_of 3 >in
	upload in
	start=$(date +%s%N)
	create
	until_true state completed
	[ $(($(date +%s%N) - start)) -ge 200000000 ]
}

@test "what is wrong with the input fails the batch and is told by line" {
	begin
	line='{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[]}}'
	while IFS='|' read -r code_wanted where param second; do
		{
			echo "$line"
			echo "$second"
		} >in
		upload in
		create
		until_true state failed
		is 200 '.failed_at != null and .output_file_id == null and .request_counts.total == 0 and .errors.object == "list"'
		jq -e --arg c "$code_wanted" --argjson l "$where" --argjson p "$param" '.errors.data
			| length == 1 and .[0].code == $c and .[0].line == $l and .[0].param == $p and (.[0].message | length) > 10' body ||
			{ echo "for $code_wanted:"; cat body; return 1; }
	done <<-'END'
	invalid_json_line|2|null|{"custom_id":"b",
	invalid_json_line|2|null|[]
	missing_required_parameter|2|"custom_id"|{"method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}
	missing_required_parameter|2|"body"|{"custom_id":"b","method":"POST","url":"/v1/chat/completions"}
	duplicate_custom_id|2|"custom_id"|{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}
	invalid_method|2|"method"|{"custom_id":"b","method":"GET","url":"/v1/chat/completions","body":{"model":"m"}}
	url_mismatch|2|"url"|{"custom_id":"b","method":"POST","url":"/v1/embeddings","body":{"model":"m"}}
	model_mismatch|2|"body.model"|{"custom_id":"b","method":"POST","url":"/v1/chat/completions","body":{"model":"n"}}
	invalid_request|2|"body.stream"|{"custom_id":"b","method":"POST","url":"/v1/chat/completions","body":{"model":"m","stream":true}}
	END
	: >in
	upload in
	create
	until_true state failed
	is 200 '.errors.data[0] | .code == "empty_file" and .line == null'
	[ -z "$(paid)" ]
}

@test "at most 50,000 requests, and of embeddings 50,000 inputs" {
	begin
	awk 'BEGIN { for (i = 1; i <= 50000; i++) printf "{\"custom_id\":\"r%d\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}}\n", i }' >in
	upload in
	create
	until_true state completed
	is 200 '.request_counts == {total: 50000, completed: 50000, failed: 0}'
	fetch
	[ "$(grep -o '"custom_id":"r[0-9]*"' output | sort -u | wc -l)" -eq 50000 ]
	sed -n '1s/r1/again/p' in >>in
	upload in
	create
	until_true state failed
	is 200 '.errors.data | length == 1 and .[0].code == "too_many_tasks"'
	jq -nc 'range(2) | {custom_id: "\(.)", method: "POST", url: "/v1/embeddings", body: {model: "m", input: [range(25001) | "x"]}}' >in
	upload in
	create /v1/embeddings
	until_true state failed
	is 200 '.errors.data[0].code == "too_many_tasks"'
}

@test "a create that is no good says what is wrong" {
	begin
	echo x >in
	upload in fine-tune
	other=$file
	upload in
	while IFS='|' read -r want param body; do
		send POST /v1/batches -d "$body"
		is "$want" ".error.param == $param"
	done <<-END
	400|null|{"input_file_id":
	400|"input_file_id"|{"endpoint":"/v1/responses","completion_window":"24h"}
	400|"endpoint"|{"input_file_id":"$file","completion_window":"24h"}
	400|"endpoint"|{"input_file_id":"$file","endpoint":"/v1/messages","completion_window":"24h"}
	400|"completion_window"|{"input_file_id":"$file","endpoint":"/v1/responses","completion_window":"1h"}
	400|"metadata"|{"input_file_id":"$file","endpoint":"/v1/responses","completion_window":"24h","metadata":{"a":1}}
	400|"input_file_id"|{"input_file_id":"$other","endpoint":"/v1/responses","completion_window":"24h"}
	404|"input_file_id"|{"input_file_id":"file-x","endpoint":"/v1/responses","completion_window":"24h"}
	END
	send GET /v1/batches
	is 200 '.data == []'
}

@test "--batch-enqueued: a model's batches that wait may hold so many tokens" {
	# The prompts of three requests are below 40 tokens, of two batches of them above.
	begin --batch-enqueued 40 --batch-time 1h
	lines_of 3 >in
	upload in
	create
	first=$batch
	create
	second=$batch
	advance 10m
	batch=$first
	until_true state in_progress
	batch=$second
	until_true state failed
	is 200 '.errors.data | length == 1 and .[0].code == "token_limit_exceeded" and .[0].line == null'
	# Another model has a limit of its own, and what has ended does not count.
	lines_of 3 n >in
	upload in
	create
	advance 10m
	until_true state in_progress
	batch=$first
	advance 1h
	until_true state completed
	lines_of 3 >in
	upload in
	create
	advance 10m
	until_true state in_progress
}

@test "a cancelled batch keeps what was done; the rest is called off and not paid" {
	begin --batch-time 100m
	lines_of 10 >in
	upload in
	create
	advance 51m
	until_true has_completed 5
	send POST "/v1/batches/$batch/cancel"
	is 200 '.status == "cancelling" and .cancelling_at != null and .cancelled_at == null'
	send POST "/v1/batches/$batch/cancel"
	is 200 '.status == "cancelling"'
	advance 9m
	state cancelling
	advance 2m
	until_true state cancelled
	is 200 '.cancelled_at - .cancelling_at >= 600 and .request_counts == {total: 10, completed: 5, failed: 0} and .completed_at == null'
	fetch
	[ "$(lines output)" -eq 5 ]
	[ "$(lines errors)" -eq 5 ]
	holds errors '.response == null and .error.code == "batch_cancelled"'
	same <(jq -r .custom_id output errors | sort) <(jq -r .custom_id in | sort)
	same <(jq -r .custom_id output | sort) <(paid)
	send POST "/v1/batches/$batch/cancel"
	is 409 '.error.message == "Cannot cancel a batch with status '"'cancelled'"'."'
	send POST /v1/batches/batch_x/cancel
	is 404
}

@test "a batch can be cancelled before it has been validated, whatever is in it" {
	begin --batch-time 1h
	{
		lines_of 2
		echo no
	} >in
	upload in
	create
	send POST "/v1/batches/$batch/cancel"
	is 200 '.status == "cancelling"'
	advance 1h
	until_true state cancelled
	fetch
	holds errors '.error.code == "batch_cancelled"'
	[ "$(lines errors)" -eq 2 ]
	[ -z "$(paid)" ]
}

@test "a batch that is not through in its window expires with what was done" {
	begin --batch-time 60h
	lines_of 10 >in
	upload in
	create
	advance 23h
	until_true state in_progress
	advance 1h
	until_true state expired
	# In progress from 6 to 54 hours: after 24 three of ten are done.
	is 200 '.request_counts == {total: 10, completed: 3, failed: 0} and .expired_at != null and .completed_at == null'
	fetch
	[ "$(lines output)" -eq 3 ]
	holds errors '.response == null and .error.code == "batch_expired"'
	same <(jq -r .custom_id output errors | sort) <(jq -r .custom_id in | sort)
	same <(jq -r .custom_id output | sort) <(paid)
	# The same if nobody looked for long.
	run_batch_in 40h
	is 200 '.status == "expired" and .request_counts == {total: 4, completed: 1, failed: 0}'
	stop_mock
	begin --batch-time 1h --batch-window 90m
	run_batch_in 2h
	is 200 '.status == "completed" and .expires_at - .created_at == 5400'
}

# run_batch_in DURATION: run_batch with time let pass at once.
run_batch_in() {
	lines_of 4 >in
	upload in
	create
	advance "$1"
	until_true ended
}

@test "lists: newest first, by the page" {
	begin
	lines_of 1 >in
	upload in
	send GET /v1/batches
	is 200 '. == {object: "list", data: [], first_id: null, last_id: null, has_more: false}'
	for i in 1 2 3 4 5; do
		create /v1/chat/completions "{\"tag\":\"$i\"}"
	done
	send GET /v1/batches
	is 200 '(.data | map(.metadata.tag) | join("")) == "54321" and .has_more == false
		and .first_id == .data[0].id and .last_id == .data[4].id'
	seen=
	after=
	while :; do
		send GET "/v1/batches?limit=2$after"
		is 200 '.data | length <= 2'
		seen+=$(jq -r '.data | map(.metadata.tag) | join("")' body)/
		[ "$(jq .has_more body)" = true ] || break
		after="&after=$(jq -r .last_id body)"
	done
	[ "$seen" = 54/32/1/ ]
	for query in limit=0 limit=101 limit=x after=batch_x; do
		send GET "/v1/batches?$query"
		is 400
	done
}

@test "a share of the requests fails: in the error file, as a call would, and not paid" {
	begin --batch-fail 500:30%,400:20% --seed 1
	run_batch 200
	is 200 '.status == "completed" and .request_counts.total == 200
		and .request_counts.completed + .request_counts.failed == 200'
	[ "$(jq .request_counts.failed body)" -eq "$(lines errors)" ]
	[ "$(jq .request_counts.completed body)" -eq "$(lines output)" ]
	holds errors '.error == null and (.response.status_code | IN(500, 400)) and .response.body.error.message != null'
	# 60 and 40 are to be expected; four standard deviations are 26 and 23.
	n=$(jq -s 'map(select(.response.status_code == 500)) | length' errors)
	[ "$n" -ge 34 ] && [ "$n" -le 86 ]
	n=$(jq -s 'map(select(.response.status_code == 400)) | length' errors)
	[ "$n" -ge 17 ] && [ "$n" -le 63 ]
	same <(jq -r .custom_id output errors | sort) <(jq -r .custom_id in | sort)
	same <(jq -r .custom_id output | sort) <(paid)
	jq -se 'map(select(.fault == "500")) | length > 30 and all(.status == 500 and .prompt_tokens == 0)' log
}

@test "a request that is no good is a 400 in the error file; when all fail there is no output" {
	begin
	echo '{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}' >in
	upload in
	create
	until_true state completed
	is 200 '.output_file_id == null and .request_counts == {total: 1, completed: 0, failed: 1}'
	fetch
	holds errors '.response.status_code == 400 and .response.body.error.param == "messages"'
}

@test "a share of the requests expires, and so does the batch" {
	begin --batch-fail expire:40% --seed 1
	run_batch 50
	is 200 '.status == "expired" and .expired_at != null'
	[ "$(lines output)" -gt 10 ]
	[ "$(lines errors)" -gt 5 ]
	holds errors '.response == null and .error.code == "batch_expired"'
	same <(jq -r .custom_id output errors | sort) <(jq -r .custom_id in | sort)
	same <(jq -r .custom_id output | sort) <(paid)
}

@test "results that are missing, twice, of strangers, broken: all of them paid" {
	while IFS='|' read -r kind count ids readable; do
		begin --batch-fail "$kind:100%"
		run_batch 6
		is 200 '.status == "completed" and .request_counts.completed == 6'
		[ "$(lines output)" -eq "$count" ]
		grep -cE '^\{.*\}$' output >whole || true
		[ "$(cat whole)" -eq "$readable" ]
		[ "$(grep -oE '"custom_id":"[^"]*"' output | sort -u | wc -l)" -eq "$ids" ]
		[ "$(paid | wc -l)" -eq 6 ]
		jq -se --arg k "$kind" 'map(select(.custom != null)) | length == 6 and all(.fault == $k)' log
		rm log
		stop_mock
	done <<-'END'
	omit|0|0|0
	twice|12|6|12
	stranger|12|12|12
	broken|6|6|0
	END
}

@test "faults of answers, as in --fail" {
	begin --batch-fail truncate:100%
	run_batch 3
	holds output '.response.body.choices[0].finish_reason == "length"'
	stop_mock
	begin --batch-fail refuse:100%
	run_messages 3
	holds output '.result.message.stop_reason == "refusal"'
}

@test "the same --seed makes the same faults in batches" {
	for seed in 7 7 8; do
		begin --batch-fail 500:50% --seed "$seed"
		run_batch 40
		jq -r .custom_id errors >>"errors-$seed"
		stop_mock
	done
	[ "$(sort errors-7 | uniq -c | awk '$1 != 2' | wc -l)" -eq 0 ]
	lacks <(sort -u errors-7 | cmp - <(sort errors-8) && echo equal) equal
}

@test "batches that are cancelled by somebody, or expire, half-way" {
	begin --batch-fail batch-cancel:1,batch-expire:1
	for want in cancelled:batch_cancelled expired:batch_expired; do
		run_batch 10
		is 200 ".status == \"${want%:*}\" and .request_counts == {total: 10, completed: 5, failed: 0}"
		[ "$(lines output)" -eq 5 ]
		[ "$(lines errors)" -eq 5 ]
		holds errors ".error.code == \"${want#*:}\""
	done
	run_batch 10
	is 200 '.status == "completed"'
}

@test "a file is not found at first" {
	begin --batch-fail file-late:2
	lines_of 1 >in
	upload in
	create
	is 404 '.error.message | startswith("No such File object")'
	send GET "/v1/files/$file"
	is 404
	create
	is 200
}

@test "a batch is not found at first, but it is in the list" {
	begin --batch-fail batch-late:2
	lines_of 1 >in
	upload in
	create
	send GET /v1/batches
	is 200 '.data | length == 1'
	for want in 404 404 200; do
		send GET "/v1/batches/$batch"
		is "$want"
	done
	messages_of 1 >in
	create_messages
	for want in 404 404 200; do
		send GET "/v1/messages/batches/$batch"
		is "$want"
	done
}

@test "a batch that has ended is seen without its files at first" {
	begin --batch-fail output-late:2
	lines_of 1 >in
	upload in
	create
	until_true state completed
	is 200 '.output_file_id == null and .request_counts.completed == 1'
	send GET "/v1/batches/$batch"
	is 200 '.output_file_id == null'
	send GET "/v1/batches/$batch"
	is 200 '.output_file_id != null'
	messages_of 1 >in
	create_messages
	until_true state_messages ended
	is 200 '.results_url == null'
	send GET "/v1/messages/batches/$batch"
	send GET "/v1/messages/batches/$batch"
	is 200 '.results_url != null'
}

@test "a create that is cut off: before anything is made, or after" {
	begin --batch-fail create-before:1,create-after:1
	lines_of 1 >in
	upload in
	for want in 0 1 2; do
		if [ "$want" -lt 2 ]; then
			run create
			[ "$status" -eq 56 ] || [ "$status" -eq 52 ]
		else
			create
			is 200
		fi
		send GET /v1/batches
		is 200 ".data | length == $want"
	done
	jq -se 'map(select(.path == "/v1/batches" and .method == "POST"))
		| map([.status, .fault, .batch != null]) == [[null, "create-before", false], [null, "create-after", true], [200, null, true]]' log
	stop_mock
	begin --batch-fail create-after:1
	messages_of 1 >in
	run create_messages
	[ "$status" -ne 0 ]
	send GET /v1/messages/batches
	is 200 '.data | length == 1'
}

@test "polls fail: 429 with when to come again, 500; nothing else does" {
	begin --batch-fail poll-429:100% --retry-after 2s
	lines_of 1 >in
	upload in
	create
	is 200
	send GET "/v1/batches/$batch" -D headers
	is 429 '.error.code == "rate_limit_exceeded"'
	grep -qi '^retry-after: 2' headers
	send GET /v1/batches
	is 200
	jq -se 'map(select(.fault == "poll-429")) | length == 1' log
	stop_mock
	begin --batch-fail poll-500:100%
	messages_of 1 >in
	create_messages
	is 200
	send GET "/v1/messages/batches/$batch"
	is 500 '.error.type == "api_error"'
}

@test "a batch that vanishes when it has ended is not found any more, for ever" {
	begin --batch-time 1h --batch-fail batch-vanish:1
	lines_of 1 >in
	upload in
	create
	advance 30m
	until_true state in_progress
	advance 30m
	until_true vanished
	for i in 1 2 3; do
		send GET "/v1/batches/$batch"
		is 404
	done
	send GET /v1/batches
	is 200 '.data == []'
	[ "$(paid)" = r1 ]
}

vanished() {
	send GET "/v1/batches/$batch" && is 404
}

@test "--fail hits calls for files and batches as well" {
	begin --fail 503:100%
	lines_of 1 >in
	upload in
	is 503
	stop_mock
	rm log
	begin --fail cut:100%
	head -c 100000 /dev/zero >in
	run upload in
	[ "$status" -eq 18 ]
	# What was cut was carried out.
	file=$(jq -r 'select(.path == "/v1/files").file' log)
	run curl -sS -o got "$MOCK/v1/files/$file/content"
	[ "$status" -eq 18 ]
	[ "$(wc -c <got)" -eq 50000 ]
}

@test "the log tells uploads, creates with their metadata, cancels, and what came by batch" {
	begin --batch-time 1h
	lines_of 3 >in
	send POST /v1/files -H 'Authorization: Bearer k' -F purpose=batch -F file=@in
	file=$(jq -r .id body)
	create /v1/chat/completions '{"tag":"t-1"}'
	send POST "/v1/batches/$batch/cancel"
	messages_of 2 >in
	create_messages
	advance 2h
	until_true state_messages ended
	stop_mock
	jq -se --arg f "$file" '.[0] | .method == "POST" and .path == "/v1/files" and .status == 200 and .file == $f
		and .bytes > 300 and (.key | test("^[0-9a-f]{8}$"))' log
	jq -se 'map(select(.path == "/v1/batches")) | length == 1 and .[0].requests == 3 and .[0].metadata == {tag: "t-1"}
		and (.[0].batch | startswith("batch_"))' log
	jq -se 'map(select(.path == "/v1/batches/*/cancel")) | length == 1 and .[0].batch != null' log
	jq -se 'map(select(.path == "/v1/messages/batches")) | length == 1 and .[0].requests == 2 and .[0].metadata == null' log
	jq -se 'map(select(.prompt_tokens > 0)) | (map(.custom) | sort) == ["r1", "r2"]
		and all(.path == "/v1/messages" and (.batch | startswith("msgbatch_")) and .status == 200)' log
}

@test "equal bodies have equal hashes in the log, by call or by batch" {
	begin
	lines_of 2 >in
	head -n 1 in | jq -c .body | curl -sSf -d @- -o body "$MOCK/v1/chat/completions"
	upload in
	create
	until_true state completed
	jq -se 'map(select(.hash != null)) | (map(select(.batch == null))[0].hash) as $call
		| length == 3 and (map(select(.batch != null)) | all((.hash == $call) == (.custom == "r1")))' log
}

@test "--key guards files and batches; --rpm counts their calls in a bucket of their own" {
	begin --key sk-good
	for call in 'POST /v1/files' 'GET /v1/files/x' 'POST /v1/batches' 'GET /v1/batches' 'GET /v1/batches/x' \
		'POST /v1/messages/batches' 'GET /v1/messages/batches/x/results'; do
		# shellcheck disable=SC2086
		send $call
		is 401
		# shellcheck disable=SC2086
		send $call -H 'x-api-key: sk-good'
		[ "$code" != 401 ]
	done
	stop_mock
	begin --rpm 2
	body=$(lines_of 1 | jq -c .body)
	for want in 200 200 429; do
		send GET /v1/batches
		is "$want"
	done
	for want in 200 200 429; do
		send POST /v1/chat/completions -d "$body"
		is "$want"
	done
	send GET /v1/batches -D headers
	is 429
	grep -qi '^retry-after: ' headers
}

@test "--quota counts the requests of batches" {
	begin --quota 3
	run_batch 5
	is 200 '.request_counts == {total: 5, completed: 3, failed: 2}'
	holds errors '.response.status_code == 429 and .response.body.error.code == "insufficient_quota"'
	[ "$(paid | wc -l)" -eq 3 ]
	curl -sS "$MOCK/lbmock/stats" | jq -e '.batched == 5'
}

@test "a message batch: counts stay 0 until it has ended, then its results are there" {
	begin --batch-time 1h
	messages_of 5 >in
	create_messages
	is 200 '(.id | startswith("msgbatch_")) and .type == "message_batch" and .processing_status == "in_progress"
		and .request_counts == {processing: 5, succeeded: 0, errored: 0, canceled: 0, expired: 0}
		and .results_url == null and .ended_at == null and .cancel_initiated_at == null and .archived_at == null
		and (.expires_at | fromdate) - (.created_at | fromdate) == 86400'
	advance 40m
	state_messages in_progress
	is 200 '.request_counts == {processing: 5, succeeded: 0, errored: 0, canceled: 0, expired: 0}'
	send GET "/v1/messages/batches/$batch/results"
	is 404 '.type == "error" and .error.type == "not_found_error"'
	advance 20m
	until_true state_messages ended
	is 200 '.request_counts == {processing: 0, succeeded: 5, errored: 0, canceled: 0, expired: 0} and .ended_at != null'
	[ "$(jq -r .results_url body)" = "$MOCK/v1/messages/batches/$batch/results" ]
	curl -sSf "$(jq -r .results_url body)" >output
	holds output '(keys_unsorted == ["custom_id","result"]) and .result.type == "succeeded" and .result.message.type == "message"'
	same <(jq -r .custom_id output | sort) <(jq -r '.requests[].custom_id' in | sort)
	[ "$(jq -r .custom_id output)" != "$(jq -r '.requests[].custom_id' in)" ]
	jq -c '.requests[3].params' in | curl -sSf -d @- "$MOCK/v1/messages" | jq -S 'del(.id)' >alone
	jq -S 'select(.custom_id == "r4").result.message | del(.id)' output >batched
	same alone batched
}

@test "one bad request keeps a message batch from being made" {
	begin
	good='{"custom_id":"a","params":{"model":"m","max_tokens":1,"messages":[]}}'
	while IFS='|' read -r message body; do
		printf '%s' "$body" >in
		create_messages
		is 400 ".type == \"error\" and .error.type == \"invalid_request_error\" and (.error.message | contains(\"$message\"))"
	done <<-END
	byte|{"requests":[
	at least 1|{}
	at least 1|{"requests":[]}
	requests.1.custom_id|{"requests":[$good,{"custom_id":"no blanks","params":{}}]}
	requests.1.custom_id|{"requests":[$good,{"custom_id":"","params":{}}]}
	requests.1.custom_id|{"requests":[$good,{"custom_id":"$(printf 'x%.0s' {1..65})","params":{}}]}
	requests.1.custom_id|{"requests":[$good,{"params":{}}]}
	requests.1.custom_id: Duplicate|{"requests":[$good,$good]}
	requests.1.params|{"requests":[$good,{"custom_id":"b"}]}
	END
	send GET /v1/messages/batches
	is 200 '.data == []'
	printf '%s' "{\"requests\":[{\"custom_id\":\"$(printf 'x%.0s' {1..64})\",\"params\":{}}]}" >in
	create_messages
	is 200
}

@test "a message batch has 100,000 requests and 256 MiB at most, or what --batch-size says" {
	begin
	awk 'BEGIN { printf "{\"requests\":["; for (i = 0; i < 100000; i++) printf "%s{\"custom_id\":\"%d\",\"params\":{}}", i ? "," : "", i; printf "]}" }' >in
	create_messages
	is 200 '.request_counts.processing == 100000'
	sed -i 's/\]}$/,{"custom_id":"x","params":{}}]}/' in
	create_messages
	is 413 '.error.type == "request_too_large"'
	truncate -s 268435457 in
	create_messages
	is 413 '.error.type == "request_too_large"'
	stop_mock
	begin --batch-size 1k
	messages_of 2 >in
	create_messages
	is 200
	messages_of 20 >in
	create_messages
	is 413
}

@test "message batches: errored, expired and canceled results" {
	begin
	jq -nc '{requests: [{custom_id: "s", params: {stream: true}}, {custom_id: "z", params: {max_tokens: 0}}, {custom_id: "n", params: {messages: null}}]
		| map(.params = {model: "m", max_tokens: 5, messages: [{role: "user", content: "x"}]} + .params)}' >in
	create_messages
	until_true state_messages ended
	is 200 '.request_counts.errored == 3'
	curl -sSf "$(jq -r .results_url body)" >output
	holds output '.result.type == "errored" and .result.error.type == "error"
		and .result.error.error.type == "invalid_request_error" and (.result.error.request_id | startswith("req_"))'
	[ -z "$(paid)" ]
	stop_mock
	begin --batch-fail 529:30%,expire:30% --seed 2
	run_messages 60
	same <(jq -r .custom_id output | sort) <(jq -r '.requests[].custom_id' in | sort)
	jq -s 'map(.result.type) | group_by(.) | map({key: .[0], value: length}) | from_entries' output >kinds
	jq -e --slurpfile k kinds '.request_counts | .succeeded == $k[0].succeeded and .errored == $k[0].errored and .expired == $k[0].expired
		and .errored > 5 and .expired > 5' body
	jq -se 'map(select(.result.type == "errored")) | all(.result.error.error.type == "overloaded_error")' output
	jq -se 'map(select(.result.type == "expired")) | all(.result == {type: "expired"})' output
	stop_mock
	begin --batch-time 100m
	messages_of 10 >in
	create_messages
	advance 51m
	send POST "/v1/messages/batches/$batch/cancel"
	is 200 '.processing_status == "canceling" and .cancel_initiated_at != null and .request_counts.processing == 10'
	advance 11m
	until_true state_messages ended
	is 200 '.request_counts == {processing: 0, succeeded: 5, errored: 0, canceled: 5, expired: 0}'
	curl -sSf "$(jq -r .results_url body)" >output
	jq -se 'map(select(.result == {type: "canceled"})) | length == 5' output
	send POST "/v1/messages/batches/$batch/cancel"
	is 400
}

@test "lists of message batches go forth and back" {
	begin
	messages_of 1 >in
	ids=()
	for i in 1 2 3 4 5; do
		create_messages
		ids+=("$batch")
	done
	send GET '/v1/messages/batches?limit=2'
	is 200 ".has_more and (.data | map(.id)) == [\"${ids[4]}\", \"${ids[3]}\"] and .first_id == \"${ids[4]}\" and .last_id == \"${ids[3]}\""
	send GET "/v1/messages/batches?limit=3&after_id=${ids[3]}"
	is 200 "(.has_more | not) and (.data | map(.id)) == [\"${ids[2]}\", \"${ids[1]}\", \"${ids[0]}\"]"
	send GET "/v1/messages/batches?limit=2&before_id=${ids[0]}"
	is 200 ".has_more and (.data | map(.id)) == [\"${ids[2]}\", \"${ids[1]}\"]"
	send GET "/v1/messages/batches?before_id=${ids[3]}"
	is 200 "(.has_more | not) and (.data | map(.id)) == [\"${ids[4]}\"]"
	send GET /v1/batches
	is 200 '.data == []'
	send GET '/v1/messages/batches?limit=1001'
	is 400
}

@test "POST /lbmock/advance wants a duration" {
	begin
	for query in '' '?by=' '?by=soon' '?by=99999999d'; do
		send POST "/lbmock/advance$query"
		is 400
	done
	send POST '/lbmock/advance?by=1h'
	is 200 '.time - now | . > 3590 and . < 3610'
}

@test "batches go on while calls are answered, and a stop in the middle of them is clean" {
	begin --batch-time 1s
	lines_of 1000 >in
	upload in
	for i in 1 2 3 4; do
		create
	done
	lines_of 1 | jq -c .body >one
	curl -sSf -d @one "$MOCK/v1/chat/completions?[1-200]" -o body
	kill "$MOCK_PID"
	status=0
	wait "$MOCK_PID" || status=$?
	[ "$status" -eq 0 ]
	[ ! -s mock.err ]
	MOCK_PIDS=()
}

@test "a temporary file that cannot be made ends it with a message, status 4" {
	TMPDIR=$PWD/nowhere begin
	lines_of 1 >in
	run upload in
	status=0
	wait "$MOCK_PID" || status=$?
	MOCK_PIDS=()
	[ "$status" -eq 4 ]
	grep -q "^lbmock: cannot make a temporary file in $PWD/nowhere: " mock.err
}
