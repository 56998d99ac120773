#!/usr/bin/env bats
# lbbatch(1): requests to results through batches: what comes out, what is sent, and where to.

load helper
load batch
load recorder

# bats test_tags=valgrind
@test "each request has its result, as lbcall would write it, at the batch price" {
	provider
	requests 30 >in
	batch <in
	status_is 0
	each_once out 30
	made 1
	paid 30
	holds out '.lb == {"batch": true}'
	# The same answers, but for what differs from call to call.
	call lbcall <in
	jq -c '[.custom_id, .method, .url, .body, .response.body.choices, .response.body.usage, .error]' out | sort >called
	batch <in
	jq -c '[.custom_id, .method, .url, .body, .response.body.choices, .response.body.usage, .error]' out | sort >batched
	same batched called
}

@test "Anthropic's requests go to message batches" {
	provider
	requests 30 | anthropic >in
	batch <in
	status_is 0
	[ "$(lines out)" -eq 30 ]
	holds out '.error == null and .response.body.content[0].text != "" and .lb.batch'
	[ "$(jq -r 'select(.requests).path' calls)" = /v1/messages/batches ]
	# Anthropic's own form of a request.
	rm -r job
	jq -c '{custom_id, params: .body}' in >form
	batch <form
	status_is 0
	holds out '.error == null and has("params") and (has("url") | not)'
}

@test "the bytes of a request come out as they came, whatever its id is" {
	provider
	cat >in <<-'EOT'
		{"custom_id":"one","body":{"model":"m","messages":[{"role":"user","content":"\u0041 1.0 é"}],"x":12345678901234567890},"mine":[1.0,1e400,-0]}
		{ "custom_id" : 12.50 , "body":{"model":"m","messages":[]} }
		{"custom_id":null,"body":{"model":"m","messages":[]},"a":1,"a":2}
		{"body":{"model":"m","messages":[]},"lb":{"other":[ 1 ]}}
		{"custom_id":"a b/c\n\u0000ü\"","body":{"model":"m","messages":[]}}
		{"custom_id":"0123456789012345678901234567890123456789012345678901234567890123456789","body":{"model":"m","messages":[]}}
	EOT
	batch -k <in
	status_is 0
	[ "$(lines out)" -eq 6 ]
	# Without what was added they are the input again.
	sed -E 's/,?"id":"batch_req_[^"]*"//; s/,?"response":\{"status_code":200.*$//' out >head
	head -n 1 head >one
	printf '%s\n' '{"custom_id":"one","body":{"model":"m","messages":[{"role":"user","content":"\u0041 1.0 é"}],"x":12345678901234567890},"mine":[1.0,1e400,-0]' >want
	same one want
	for text in '{ "custom_id" : 12.50 ,' '{"custom_id":null,' '"a":1,"a":2' '"other":[ 1 ]' '"a b/c\n\u0000ü\""'; do
		grep -qF -e "$text" out
	done
	holds out '.error == null'
	# What the provider got as ids suits any of them.
	jq -r 'select(.custom).custom' calls >ids
	[ "$(lines ids)" -eq 6 ]
	[ "$(grep -cE '^[a-zA-Z0-9_-]{1,64}$' ids)" -eq 6 ]
}

@test "3,000 hostile records: outside of id, response, error and lb no byte changes, nor of the body" {
	start_recorder a
	answer_json a/files '{"id":"file-1"}'
	answer_json a/batches '{"error":{"message":"No."}}' 400
	for seed in 1 2 3; do
		rm -rf job
		: >a/bodies
		"$AIDS/hostile" make "$seed" 1000 records segments bodies
		call lbbatch -s job --poll 10ms -u "$RECORDER" -k <records
		status_is 1
		"$AIDS/hostile" check segments out
		sed -n 's/^{"custom_id":"[^"]*","method":"POST","url":"[^"]*","body":\(.*\)}\r*$/\1/p' a/bodies | sort >got
		sort bodies >want
		same got want
	done
}

@test "a request that stands in the input twice is asked and answered twice" {
	provider
	requests 3 >in
	cat in in >twice
	batch <twice
	status_is 0
	[ "$(lines out)" -eq 6 ]
	[ "$(jq -r .custom_id out | sort | uniq -c | awk '{ print $1 }' | sort -u)" = 2 ]
	paid 6
	# Again: all six are there.
	batch <twice
	status_is 0
	[ "$(lines out)" -eq 6 ]
	paid 6
}

@test "-k writes in input order" {
	provider
	requests 200 >in
	batch -k --max-requests 30 <in
	status_is 0
	jq -r .custom_id in >want
	jq -r .custom_id out >got
	same got want
	# Without it they come as the provider has them, so the test above can fail.
	batch <in
	jq -r .custom_id out >got
	if cmp -s got want; then false; fi
}

@test "batches are split by number, bytes, model and url" {
	provider
	requests 25 >in
	batch --max-requests 10 <in
	status_is 0
	each_once out 25
	[ "$(jq -r 'select(.requests).requests' calls | sort -n | paste -s -d ' ')" = "5 10 10" ]
	rm -r job
	: >calls
	batch --max-bytes 2k <in
	status_is 0
	each_once out 25
	jq -e -s 'map(select(.path == "/v1/files").bytes) | length == 2 and max < 2048 + 500' calls >/dev/null
	rm -r job
	: >calls
	# Two models, and another endpoint.
	{
		requests 4
		requests 4 5 | sed 's/gpt-4o-mini/gpt-4o/'
		requests 4 9
		echo '{"custom_id":"v","url":"/v1/embeddings","body":{"model":"text-embedding-3-small","input":"x"}}'
	} >in
	batch <in
	status_is 0
	[ "$(lines out)" -eq 13 ]
	[ "$(jq -r 'select(.requests).requests' calls | sort -n | paste -s -d ' ')" = "1 4 8" ]
}

@test "a full batch is on its way while the input goes on" {
	provider
	mkfifo in
	begin in --max-requests 5
	exec 7>in
	requests 5 >&7
	until_true made 1
	until_true out_has 5
	requests 3 6 >&7
	exec 7>&-
	end
	status_is 0
	each_once out 8
	made 2
}

@test "lbcall's options serve: -c bounds the calls, and any number that lbcall takes will do" {
	provider --latency 30ms
	requests 12 >in
	for calls in 1 10000; do
		rm -rf job
		batch -c $calls -k --max-requests 3 --timeout 60s --progress <in
		status_is 0
		each_once out 12
	done
	call lbbatch -s job -c 0 <in
	status_is 2
}

@test "--enqueued keeps the tokens that wait below the limit" {
	provider --batch-time 100ms --batch-enqueued 120
	requests 40 >in
	batch --enqueued 110 <in
	status_is 0
	each_once out 40
	paid 40
	lacks err "queue is full"
	[ "$(created)" -gt 3 ]
	rm -r job
	: >calls
	# Without it batches are refused, and made again when there is room.
	batch --max-requests 8 <in
	status_is 0
	each_once out 40
	paid 40
	grep -q "queue is full" err
}

# bats test_tags=valgrind
@test "results pass untouched, items fail, and bad requests too" {
	provider
	{
		echo '{"custom_id":"done","response":{"status_code":200,"body":{}},"error":null}'
		echo '{"id":1,"name":"an item"}'
		echo '{"custom_id":"get","method":"GET","body":{}}'
		echo '{"custom_id":"far","url":"https://example.com/v1/chat/completions","body":{"model":"m"}}'
		echo '{"custom_id":"query","url":"/v1/chat/completions?a=b","body":{"model":"m"}}'
		echo '{"custom_id":"stream","body":{"model":"m","messages":[],"stream":true}}'
		requests 1
	} >in
	batch <in
	status_is 1
	[ "$(lines out)" -eq 7 ]
	grep -qxF '{"custom_id":"done","response":{"status_code":200,"body":{}},"error":null}' out
	[ "$(jq -r 'select(.error) | (.custom_id // "item") + " " + .error.code' out | sort | paste -s -d ,)" = \
		"far url_refused,get unsupported_method,item not_a_request,query url_refused,stream batch_unsupported" ]
	paid 1
}

@test "a request that no batch can hold fails, and the others go" {
	provider
	requests 3 >in
	jq -nc '{custom_id: "big", body: {model: "gpt-4o-mini", messages: [{role: "user", content: ("x" * 3000)}]}}' >>in
	batch --max-bytes 2k <in
	status_is 1
	codes_are out "null 3 request_too_large 1"
}

@test "keys: none is sent without one, one is used for all, and none is kept" {
	start_mock --log calls --key sk-right
	requests 3 >in
	export OPENAI_BASE_URL=$MOCK
	OPENAI_API_KEY=sk-wrong batch <in
	status_is 1
	codes_are out "invalid_api_key 3"
	holds out '.response.status_code == 401'
	# What failed is asked again.
	export FIRST=sk-right SECOND=sk-other
	batch -K NONE,FIRST,SECOND <in
	status_is 0
	each_once out 3
	lacks job/journal sk-
	if grep -rq sk-right job err; then false; fi
	call lbbatch -s early -K FIRST --submit --max-requests 2 <in
	status_is 0
	unset OPENAI_BASE_URL
	call lbbatch -s other <in
	status_is 2
	codes_are out "no_api_key 3"
	grep -q "no API key: set OPENAI_API_KEY" err
	# Batches that are there, or may be, from when there was one: this run ends all the same.
	sed -i 's#"base":"[^"]*"#"base":"https://api.openai.com:443/v1"#
		/"created","part":2,/d' early/journal
	call timeout -s KILL 10 lbbatch -s early <in
	status_is 2
	codes_are out "no_api_key 3"
}

@test "the state stays with its address" {
	provider --batch-time 1h
	requests 3 >in
	batch --submit <in
	status_is 0
	stop_mock
	start_mock --log calls2
	call lbbatch -s job --poll 10ms -u "$MOCK" <in
	status_is 2
	grep -q "give the same URL" err
	[ ! -s calls2 ]
}

@test "base URLs: a path, a Unix socket, absolute URLs of the base's or an allowed origin" {
	start_mock --log calls --socket "$PWD/sock"
	requests 3 >in
	call lbbatch -s one --poll 10ms -u "$MOCK/v1" <in
	status_is 0
	each_once out 3
	call lbbatch -s two --poll 10ms -u "unix:$PWD/sock" <in
	status_is 0
	each_once out 3
	sed "s#/v1/chat#$MOCK/v1/chat#" in >absolute
	call lbbatch -s three --poll 10ms -u "$MOCK" <absolute
	status_is 0
	[ "$(lines out)" -eq 3 ]
	call lbbatch -s four --poll 10ms -u http://127.0.0.1:9 --allow-origin "$MOCK" <absolute
	status_is 0
	[ "$(lines out)" -eq 3 ]
	call lbbatch -s five --poll 10ms -u http://127.0.0.1:9 <absolute
	status_is 1
	codes_are out "url_refused 3"
}

@test "misuse: status 2, and what is missing or wrong" {
	local case
	while read -r text args; do
		# shellcheck disable=SC2086 # words
		call lbbatch $args </dev/null
		status_is 2
		grep -qe "$text" err
		[ ! -s out ]
	done <<-'EOT'
		DIRECTORY -u http://127.0.0.1:9
		exclude -s job --submit --status
		exclude -s job --cancel --status
		--json -s job --json
		--poll -s job --poll 0
		--poll -s job --poll 2h
		--rounds -s job --rounds x
		--max-requests -s job --max-requests 0
		--enqueued -s job --enqueued 0
		operand -s job lbcall
		rounds.has.no.place:.it.is.for.sending.requests$ -s job --status --rounds 5
		poll.has.no.place -s job --cancel --poll 1s
		-k.has.no.place -s job --status -k
		max-requests.has.no.place -s job --status --max-requests 5
		max-bytes.has.no.place -s job --cancel --max-bytes 1M
		enqueued.has.no.place -s job --status --enqueued 1M
	EOT
	[ ! -e job ]
}

# bats test_tags=valgrind
@test "--submit ends when the batches are made, --status tells of them, the next run has the results" {
	provider --batch-time 1h
	requests 25 >in
	batch --submit -v --max-requests 10 <in
	status_is 0
	[ ! -s out ]
	made 3
	[ "$(grep -c 'requests: batch batch_' err)" -eq 3 ]
	call lbbatch -s job --status
	status_is 0
	[ "$(lines out)" -eq 4 ]
	[ "$(grep -c 'batch_' out)" -eq 3 ]
	call lbbatch -s job --status --json
	status_is 0
	holds out '.status | IN("validating", "in_progress")'
	[ "$(jq -s 'map(.requests) | add' out)" -eq 25 ]
	# The input again with --submit makes nothing anew.
	batch --submit <in
	status_is 0
	[ ! -s out ]
	made 3
	advance 2h
	batch <in
	status_is 0
	each_once out 25
	made 3
	call lbbatch -s job --status --json
	holds out '.status == "done" and .completed == .requests and .failed == 0'
	# The requests of the state are an input, too.
	cat job/*.requests | batch
	each_once out 25
	made 3
}

@test "--submit: what cannot be sent comes out as failed" {
	provider --key k
	requests 3 >in
	batch --submit <in
	status_is 1
	codes_are out "invalid_api_key 3"
}

@test "--cancel ends the batches; what was done is fetched, the rest fails and can be asked again" {
	provider --batch-time 1h
	requests 20 >in
	batch --submit <in
	advance 30m
	call lbbatch -s job --cancel
	status_is 0
	grep -q cancelling out
	advance 1h
	batch <in
	status_is 1
	[ "$(lines out)" -eq 20 ]
	done=$(jq -s 'map(select(.error == null)) | length' out)
	[ "$done" -gt 0 ]
	codes_are out "batch_cancelled $((20 - done)) null $done"
	made 1
	# What failed is asked by the next run, and what is done is not.
	begin in
	until_true made 2
	advance 2h
	end
	status_is 0
	each_once out 20
	paid 20
}

@test "--status and --cancel need no lock, no input and no state but a readable one" {
	provider --batch-time 1h
	requests 3 >in
	begin in
	until_true made 1
	call lbbatch -s job --status
	status_is 0
	call lbbatch -s job --cancel
	status_is 0
	advance 1h
	end
	status_is 1
	codes_are out "batch_cancelled 3"
	call lbbatch -s nowhere --status
	status_is 4
	[ ! -e nowhere ]
	stop_mock
	# Batches that are done need no provider.
	call lbbatch -s job --status
	status_is 0
	grep -q " done " out
}
