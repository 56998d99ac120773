#!/usr/bin/env bats
# lbmock(1): message batches.

load helper
load lbmock_batches

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

@test "results are kept for 29 days from a batch's creation" {
	begin
	run_messages 2
	advance 695h
	send GET "/v1/messages/batches/$batch/results"
	[ "$code" = 200 ]
	same body output
	advance 2h
	send GET "/v1/messages/batches/$batch/results"
	is 404 '.error.type == "not_found_error"'
	send GET "/v1/messages/batches/$batch"
	is 200 '.processing_status == "ended" and .results_url == null and (.archived_at | fromdate) - (.created_at | fromdate) == 29 * 86400'
}

@test "the address of results is JSON whatever the caller calls the server" {
	begin
	run_messages 1
	send GET "/v1/messages/batches/$batch" -H 'Host: a"b\'
	is 200 ".results_url == \"http://a\\\"b\\\\/v1/messages/batches/$batch/results\""
}

@test "batches that have ended take little memory" {
	[ -r /proc/self/status ] || skip "there is no /proc"
	begin
	# Each has results of some 40 KB.
	messages_of 200 >in
	create_messages
	until_true state_messages ended
	[ "$(curl -sSf "$(jq -r .results_url body)" | wc -c)" -gt 40000 ]
	before=$(resident)
	curl -sSf -H 'content-type: application/json' --data-binary @in -o body "$MOCK/v1/messages/batches?[1-200]"
	batch=$(jq -r .id body)
	until_true state_messages ended
	after=$(resident)
	grep -q __asan_init "$LB_BIN/lbmock" || [ $((after - before)) -lt 4000 ]
}

# What the server has in memory, in KiB.
resident() {
	awk '/^RssAnon:/ { print $2 }' "/proc/$MOCK_PID/status"
}
