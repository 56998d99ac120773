#!/usr/bin/env bats
# lbmock(1): batches and their states.

load helper
load lbmock_batches

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
	# Metadata is measured in characters, whatever they take.
	while read -r want key value; do
		create /v1/responses "$(jq -nc --argjson k "$key" --argjson v "$value" '{("é" * $k): ("\u0001" * $v)}')"
		is "$want" "$([ "$want" = 200 ] || echo '.error.param == "metadata"')"
	done <<-'END'
	200 64 512
	400 65 512
	400 64 513
	END
	create /v1/responses "$(jq -nc '[range(16) | {key: "\(.)", value: ""}] | from_entries')"
	is 200
	create /v1/responses "$(jq -nc '[range(17) | {key: "\(.)", value: ""}] | from_entries')"
	is 400
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
	stop_mock
	# A tenth of the time goes into validating it.
	begin --batch-time 1h --batch-window 5m
	upload in
	create
	advance 4m
	state validating
	advance 1m
	until_true state expired
	is 200 '.request_counts.completed == 0 and .expired_at - .created_at >= 300 and .in_progress_at == null'
	fetch
	same <(jq -r .custom_id errors | sort) <(jq -r .custom_id in | sort)
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
