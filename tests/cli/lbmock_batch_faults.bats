#!/usr/bin/env bats
# lbmock(1): what goes wrong with files and batches.

load helper
load lbmock_batches

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
	# What is reset cannot be cut as well.
	rm log
	begin --batch-fail create-before:1 --fail cut:100%
	run upload in
	file=$(jq -r .file log)
	run create
	[ "$status" -ne 18 ]
	jq -se '.[1] | .path == "/v1/batches" and .status == null and .fault == "create-before" and .batch == null' log
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

@test "a fault is in the log and the statistics when it was met, and only then" {
	begin --batch-fail file-late:1,create-before:1,create-after:1,batch-late:1,output-late:1,500:100%
	echo '{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}' >in
	upload in
	send GET "/v1/files/$file"
	is 404
	run create
	run create
	create
	send GET "/v1/batches/$batch"
	is 404
	until_true state completed
	jq -se 'map(.fault | select(. != null)) | .[:4] == ["file-late", "create-before", "create-after", "batch-late"]' log
	# Of the two batches each has a request that is not valid: no other fault could hit it.
	jq -se 'map(select(.hash != null) | [.status, .fault]) == [[400, null], [400, null]]' log
	jq -se 'map(select(.path == "/v1/batches/*" and .status == 200)) | (map(.fault) | index("output-late")) != null' log
	curl -sS "$MOCK/lbmock/stats" | jq -e '.faults == {"404": 2, reset: 2} and .errors == 0
		and .requests == .ok + 4 and .batched == 2'
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
