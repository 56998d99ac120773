#!/usr/bin/env bats
# lbbatch(1): what providers do wrong, or late, or only half; for both kinds of API.

load helper
load batch
load recorder

# both FUNCTION [argument]...: with OpenAI's requests, and with Anthropic's; the file in has them.
both() {
	local api
	for api in openai anthropic; do
		echo "$api: $*"
		rm -rf job calls
		requests 40 >in
		[ $api = openai ] || { anthropic <in >in2 && mv in2 in; }
		"$@"
		stop_mock
	done
}

# whole FAULT CREATED [option]...: with this fault all requests have their results, of so many batches.
whole() {
	provider --batch-fail "$1" "${@:3}"
	batch --rounds 20 <in
	status_is 0
	each_id_once 40
	holds out '.error == null and .response.status_code == 200'
	[ "$2" = - ] || made "$2"
}

# each_id_once N: there is one line for each of r1 to rN.
each_id_once() {
	jq -r .custom_id out | sort >got
	requests "$1" | jq -r .custom_id | sort >want
	same got want
}

some_fail() {
	provider --batch-fail "$1:30%"
	batch <in
	status_is 1
	each_id_once 40
	failed=$(jq -s 'map(select(.error)) | length' out)
	[ "$failed" -gt 0 ]
	[ "$failed" -lt 40 ]
	jq -c 'select(.error)' out >failures
	# shellcheck disable=SC2016 # jq's variable
	holds failures '.response.status_code == $status and .lb.batch and .error.message != ""' --argjson status "$1"
	made 1
	# Again: only those are asked, each once.
	jq -r .custom_id failures | sort >failed_ids
	: >calls
	batch <in
	each_id_once 40
	jq -r 'select(.custom).custom' calls | sed 's/.*-//' | sort >asked_ids
	same asked_ids failed_ids
}

@test "requests that fail inside a batch are failed results; the next run asks them again" {
	both some_fail 500
	both some_fail 400
}

@test "lbretry --rounds asks again what failed in a way that heals" {
	provider --batch-fail 503:30%
	requests 40 >in
	call lbretry --rounds -n 30 -b 10ms lbbatch -s job --poll 10ms <in
	status_is 0
	each_once out 40
	paid 40
}

@test "requests that expire are asked again, what is finished is salvaged" {
	both whole expire:40% -
	paid 40
	both whole batch-expire:2 -
	paid 40
}

expires() {
	provider --batch-fail expire:100%
	batch --rounds "$1" <in
	status_is 1
	codes_are out "batch_expired 40"
	made $(($1 + 1))
}

@test "--rounds bounds how often" {
	both expires 0
	both expires 2
}

# bats test_tags=valgrind
@test "requests without a line, with a broken one, or only a stranger's: asked again, never mixed up" {
	both whole omit:30% -
	both whole broken:30% -
	grep -q "lines that cannot be read: [1-9]" err
}

@test "repeated and unknown lines are counted and left out" {
	both whole twice:30% 1
	grep -q "for a request that has one: [1-9]" err
	lacks err "that cannot be read"
	both whole stranger:30% 1
	grep -qx "lbbatch: part 1: in its results are lines with unknown ids: [1-9][0-9]*; they are left out" err
}

@test "a cancelled batch: what is finished comes out, the rest fails" {
	cancelled() {
		provider --batch-fail batch-cancel:1
		batch <in
		status_is 1
		each_id_once 40
		[[ $(codes out) == "batch_cancelled "*" null "* ]]
		made 1
	}
	both cancelled
}

@test "a batch that failed half-way: what is finished comes out, the rest fails" {
	local batch='"id":"batch_1","object":"batch"' counts='"request_counts":{"total":3,"completed":1,"failed":0}'
	local failed="$batch"',"status":"failed","errors":{"data":[{"code":"token_limit_exceeded","message":"Full."}]},'$counts
	start_recorder a
	answer_json a/files '{"id":"file-1"}'
	answer_json a/batches "{$batch}"
	answer_json a/batches_batch_1 "{$batch}"
	requests 3 >in
	begin in -u "$RECORDER"
	until_true grep -q '"created"' job/journal
	tag=$(jq -r 'select(.tag).tag' job/journal)
	echo '{"custom_id":"1-'"$tag"'-r2","response":{"status_code":200,"body":{}},"error":null}' |
		answer a/files_out_content 200 application/jsonl
	answer_json a/new "{$failed"',"output_file_id":"out"}'
	mv a/new a/batches_batch_1
	end
	status_is 1
	codes_are out "batch_failed 2 null 1"
	jq -c 'select(.error)' out >failures
	holds failures '.error.message == "token_limit_exceeded: Full."'
	[ "$(jq -r 'select(.error == null).custom_id' out)" = r2 ]
	# The next run asks again what failed, and nothing else.
	answer_json a/batches_batch_1 "{$batch}"
	begin in -u "$RECORDER"
	until_true out_has 1
	kill -INT "$pid"
	end
	[ "$(jq -r 'select(.error == null).custom_id' out)" = r2 ]
	[ "$(jq -r .custom_id job/2.requests | paste -s -d ' ')" = "r1 r3" ]
	# Some is finished, and its file never shows.
	rm -rf job
	answer_json a/batches_batch_1 "{$failed}"
	batch -u "$RECORDER" <in
	status_is 1
	codes_are out "batch_lost 3"
	holds out '.error.message == "token_limit_exceeded: Full."'
}

@test "the file, the batch, and the results may be late" {
	provider --batch-fail file-late:3
	requests 40 >in
	batch <in
	status_is 0
	each_once out 40
	made 1
	stop_mock
	both whole batch-late:3 1
	both whole output-late:3 1
}

@test "an outage does not use up the time that results may be late" {
	requests 2 >in
	start_recorder a
	answer_json a/files '{"id":"file-1"}'
	answer_json a/batches '{"id":"batch_1","object":"batch","status":"in_progress"}'
	answer_json a/batches_batch_1 '{"id":"batch_1","object":"batch","status":"completed",
		"request_counts":{"total":2,"completed":2,"failed":0}}'
	begin in -u "$RECORDER" --poll 10ms
	until_true grep -q '^GET /v1/batches/batch_1' a/heads
	tag=$(jq -r 'select(.tag).tag' job/journal)
	for i in 0 1; do
		echo '{"custom_id":"'$i-$tag-r$((i + 1))'","response":{"status_code":200,"body":{}},"error":null}'
	done | answer a/files_out_content 200 application/jsonl
	answer_json a/last '{"id":"batch_1","object":"batch","status":"completed","output_file_id":"out",
		"request_counts":{"total":2,"completed":2,"failed":0}}'
	echo '{"error":{"message":"Busy."}}' | answer a/new 503 application/json 'Retry-After: 1'
	mv a/new a/batches_batch_1
	until_true grep -q "Busy.; trying again" err
	answer_json a/new '{"id":"batch_1","object":"batch","status":"completed",
		"request_counts":{"total":2,"completed":2,"failed":0}}'
	heads=$(lines a/heads)
	mv a/new a/batches_batch_1
	more() { [ "$(lines a/heads)" -gt "$heads" ]; }
	until_true more
	mv a/last a/batches_batch_1
	end
	status_is 0
	each_once out 2
	[ "$(grep -c '^POST /v1/batches' a/heads)" -eq 1 ]
}

@test "a file that never shows, and a batch that is lost: an end, and a reason" {
	provider --batch-fail file-late:100000
	requests 4 >in
	batch <in
	status_is 1
	holds out '.response.status_code == 404 and (.error.message | test("File"))'
	made 0
	stop_mock
	lost() {
		provider --batch-fail batch-vanish:1
		batch <in
		status_is 1
		codes_are out "batch_lost 40"
		made 1
		# The next run asks anew.
		batch <in
		status_is 0
		each_id_once 40
		made 2
	}
	both lost
}

@test "polls that fail, with 429 or 500, are waited out" {
	both whole poll-500:80% 1 --batch-time 200ms
	grep -q "trying again" err
	both whole poll-429:30% 1
}

@test "calls that fail, are cut off or refused at random: each is made again, and no batch twice" {
	storm() {
		provider --fail 500:15%,429:10%,cut:10%,reset:5% --retry-after 10ms --batch-time 20ms
		batch --max-requests 10 <in
		[ "$(lines out)" -eq 40 ]
		each_id_once 40
		# Some may have failed inside their batches, by the same dice.
		[[ $status == 0 || $status == 1 ]]
		made 4
	}
	both storm
}

@test "results that come garbled are fetched again, not paid for again" {
	start_recorder a
	answer_json a/files '{"id":"file-1"}'
	answer_json a/batches '{"id":"batch_1","object":"batch","status":"in_progress"}'
	answer_json a/batches_batch_1 '{"id":"batch_1","object":"batch","status":"completed","output_file_id":"out",
		"request_counts":{"total":2,"completed":2,"failed":0}}'
	echo '<html>busy</html>' | answer a/files_out_content 200 text/html
	requests 2 >in
	begin in -u "$RECORDER" --poll 1s
	until_true grep -q "lines that cannot be read: 1" err
	tag=$(jq -r 'select(.tag).tag' job/journal)
	for i in 0 1; do
		echo '{"custom_id":"'$i-$tag-r$((i + 1))'","response":{"status_code":200,"body":{}},"error":null}'
	done | answer a/new 200 application/jsonl
	mv a/new a/files_out_content
	end
	status_is 0
	each_once out 2
	[ "$(grep -c '^POST /v1/batches' a/heads)" -eq 1 ]
}

@test "no answer to the making of a batch: it is looked for, and not made twice" {
	both whole create-after:1 1
	paid 40
	both whole create-before:1 1
	paid 40
}

@test "whatever our clock says, or said: a batch that was made is found" {
	clock_at() {
		provider --batch-fail create-after:1
		begin in --poll 1h
		until_true made 1
		kill -KILL "$pid"
		end
		sed -i 's/"at":[0-9]*/"at":'"$1"'/' job/journal
		batch <in
		status_is 0
		each_id_once 40
		made 1
		paid 40
	}
	both clock_at 4000000000
	both clock_at 1
}

@test "others make batches of the same size meanwhile: each job has its own" {
	among_others() {
		local state
		rm -rf first later
		provider
		for state in first job later; do
			call lbbatch -s $state --poll 10ms --submit <in
			status_is 0
		done
		[ "$(jq 'select(.event == "creating").newest' job/journal)" -gt 1000000000 ]
		sed -i '/"created"/d' job/journal
		batch <in
		status_is 0
		each_id_once 40
		made 3
		paid 120
	}
	both among_others
}

# unsettled FILE: a run on it whose creates are not answered, and which the list and the results in the
# folder a tell what came of them.
unsettled() {
	answer_json a/files '{"id":"file-1"}'
	answer_json a/messages_batches oops 500
	answer_json a/batches oops 500
	begin "$1" -u "$RECORDER"
	until_true grep -q creating job/journal
	kill -KILL "$pid"
	end
	rm a/heads
}

# asked PATTERN: how many calls there were.
asked() {
	grep -c "$1" a/heads || true
}

@test "a batch that was there before is not looked into, nor the list behind it" {
	start_recorder a
	requests 1 | anthropic >in
	unsettled in
	sed -i 's/"creating",/&"newest":4000000100,/' job/journal
	answer_json a/messages_batches '{"data":[{"id":"b_1","processing_status":"ended","results_url":"x",
		"request_counts":{"succeeded":1},"created_at":"2096-10-02T07:06:39Z"}],"has_more":true,"last_id":"b_1"}'
	begin in -u "$RECORDER"
	until_true grep -q '^POST' a/heads
	kill -KILL "$pid"
	end
	[ "$(asked '^GET /v1/messages/batches?limit=100 ')" -eq 5 ]
	[ "$(asked '^GET')" -eq 5 ]
}

@test "a list of batches whose pages lead in a circle, or that has none, ends" {
	local i batch='"object":"batch","status":"completed","created_at":4000000000,"metadata":{}'
	start_recorder a
	requests 1 >in
	unsettled in
	# The server takes no notice of the cursor: the batch is not there, after some looks.
	answer_json a/batches '{"object":"list","data":[{"id":"b_1",'"$batch"'}],"has_more":true,"last_id":"b_1"}'
	answer_json a/batches_b_1 '{"id":"b_1",'"$batch"'}'
	begin in -u "$RECORDER"
	until_true grep -q '^POST /v1/batches' a/heads
	kill -KILL "$pid"
	end
	[ "$(asked '^GET /v1/batches?')" -le 12 ]
	# And one that leads on for ever: it gives up, and makes no batch.
	rm -rf job a/heads
	unsettled in
	rm a/batches
	mkfifo a/batches
	(
		for ((i = 0; i < 3000; i++)); do
			body='{"object":"list","data":[{"id":"b_'$i'",'$batch'}],"has_more":true,"last_id":"b_'$i'"}'
			printf 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' \
				${#body} "$body" >a/batches || exit
		done
	) 3>&- &
	MOCK_PIDS+=("$!")
	call lbbatch -s job --poll 10ms -u "$RECORDER" <in
	status_is 1
	codes_are out "bad_response 1"
	grep -q "not known whether it has a batch.*it has no end" err
	[ "$(asked '^POST /v1/batches')" -eq 0 ]
}

# An Anthropic batch is known by its results only.
@test "results that come garbled, or not to this key, do not hide a batch that was made" {
	local results='{"id":"b_1","type":"message_batch","processing_status":"ended","results_url":"x",
		"request_counts":{"succeeded":1},"created_at":"2100-01-01T00:00:00Z"}'
	start_recorder a
	requests 1 | anthropic >in
	unsettled in
	answer_json a/messages_batches '{"data":['"$results"'],"has_more":false}'
	answer_json a/messages_batches_b_1 "$results"
	answer_json a/messages_batches_b_1_results '{"type":"error","error":{"type":"permission_error","message":"No."}}' 403
	batch -u "$RECORDER" <in
	status_is 1
	codes_are out "permission_error 1"
	echo '<html>busy</html>' | answer a/messages_batches_b_1_results 200 text/html
	begin in -u "$RECORDER" --poll 100ms
	until_true grep -q "trying again" err
	tag=$(jq -r 'select(.tag).tag' job/journal)
	{
		echo '<html>busy</html>'
		echo '{"custom_id":"0-'"$tag"'-r1","result":{"type":"succeeded","message":{"content":[]}}}'
	} | answer a/new 200 application/jsonl
	mv a/new a/messages_batches_b_1_results
	end
	status_is 0
	each_once out 1
	[ "$(asked '^POST')" -eq 0 ]
}

@test "several batches at a time whose making is not answered" {
	several() {
		provider --batch-time 100ms --batch-fail create-after:3,create-before:2
		batch --max-requests 5 <in
		status_is 0
		each_id_once 40
		made 8
		paid 40
	}
	both several
}

@test "many batches at a time whose results nobody reads: few files are open" {
	provider
	requests 600 >in
	mkfifo results
	(ulimit -n 40 && exec lbbatch -s job --poll 10ms --max-requests 4 <in >results 2>err 3>&-) &
	pid=$!
	MOCK_PIDS+=("$pid")
	exec 8<results
	# All are fetched while the pipe is full.
	fetched() { [ "$(grep -c '"fetched"' job/journal)" -eq 150 ]; }
	until_true fetched || { exec 8<&-; false; }
	cat <&8 >out
	exec 8<&-
	end
	status_is 0
	each_once out 600
}

@test "an outage is waited for, and said" {
	provider --batch-time 1h
	requests 10 >in
	begin in
	until_true made 1
	stop_mock
	until_true grep -q "connect_failed: .*trying again" err
	# It never comes back. What is there stays there.
	kill -TERM "$pid"
	end
	status_is 3
	codes_are out "batch_pending 10"
	# It was never there: nothing to look for.
	call lbbatch -s other --poll 10ms -u http://127.0.0.1:9 --status </dev/null
	timeout -s TERM 1 lbbatch -s job2 --poll 10ms -u http://127.0.0.1:9 <in >out 2>err || status=$?
	status_is 124
	codes_are out "cancelled 10"
}

@test "an account without credit: status 3, what is not sent stays unsent" {
	start_recorder a
	answer_json a/files '{"id":"file-1","object":"file"}'
	answer_json a/batches '{"error":{"code":"insufficient_quota","message":"No credit."}}' 429
	requests 30 >in
	call lbbatch -s job --poll 10ms --max-requests 10 -u "$RECORDER" <in
	status_is 3
	[ "$(lines out)" -eq 30 ]
	holds out '.error.code | IN("insufficient_quota", "quota_exhausted")'
	grep -q "insufficient_quota: No credit." err
	# With credit again the same command sends all of them.
	answer_json a/batches '{"id":"batch_1","object":"batch","status":"in_progress","created_at":1,"metadata":{}}'
	call lbbatch -s job --poll 10ms --max-requests 10 -u "$RECORDER" --submit <in
	status_is 0
	[ "$(grep -c '^POST /v1/batches' a/heads)" -ge 4 ]
}
