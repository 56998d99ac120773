#!/usr/bin/env bats
# lbcall: what it sends, and what it makes of good answers.

load helper
load recorder

# request ID [URL [BODY]]: a record.
request() {
	printf '{"custom_id":"%s","url":"%s","body":%s}\n' "$1" "${2-/v1/chat/completions}" "${3-{\}}"
}

# bats test_tags=valgrind
@test "the body goes out byte for byte" {
	start_recorder a
	answer_json a/default "$GOOD_ANSWER"
	cat >want <<-'EOT'
		{"n":12345678901234567890,"m":-0,"x":1.0,"y":1e400,"z":1E-7}
		{ "a" :	1 , "a":2,"a": 1.0 }
		{"s":"\u0041\/\ud83d\ude00\ud800 é😀 \\n","":[]}
		{}
		{"zz":[[],{},[ ]],"body":{"body":1}}
	EOT
	awk '{ printf "{\"custom_id\":\"%d\",\"body\":%s,\"x\":1}\n", NR, $0 }' want >in
	call lbcall -u "$RECORDER" -c 1 <in
	status_is 0
	[ "$(lines out)" -eq 5 ]
	same a/bodies want
}

@test "a body of two megabytes goes out and comes back whole" {
	start_recorder a
	head -c 1500000 /dev/zero | base64 -w 0 >text
	printf '{"text":"%s"}' "$(cat text)" >body
	answer a/default 200 application/json <body
	{
		printf '{"custom_id":"big","body":'
		cat body
		printf '}\n'
	} >in
	call lbcall -u "$RECORDER" <in
	status_is 0
	head -c -1 a/bodies >sent
	same sent body
	jq -c .response.body out | head -c -1 >received
	same received body
}

@test "a request is a POST of JSON to the path, with nothing of the record but its body" {
	start_recorder a
	answer_json a/default "$GOOD_ANSWER"
	OPENAI_API_KEY=sk-one call lbcall -u "$RECORDER" <<<'{"custom_id":"marker-1","method":"POST","x":"marker-2","url":"/v1/chat/completions","body":{"a":1},"headers":{"X-Evil":"marker-3"}}'
	status_is 0
	[ "$(head -n 1 a/heads)" = $'POST /v1/chat/completions HTTP/1.1\r' ]
	tr -d '\r' <a/heads | sort >heads
	printf '%s\n' "" "Accept: */*" "Accept-Encoding: deflate, gzip, br, zstd" "Authorization: Bearer sk-one" \
		"Content-Length: 7" "Content-Type: application/json" "Host: 127.0.0.1:$RECORDER_PORT" \
		"POST /v1/chat/completions HTTP/1.1" "User-Agent: lb" >want
	grep -v '^Accept-Encoding' heads | sort >some
	grep -v '^Accept-Encoding' want | sort >some_want
	same some some_want
	lacks a/heads marker
	[ "$(cat a/bodies)" = '{"a":1}' ]
}

# The bodies of canned answers, and what stands in the result for them.
@test "an answer is kept as received; one of several lines becomes one line" {
	start_recorder a
	answer_json a/compact '{"n":12345678901234567890,"x":1.0,"y":1e400,"s":"\u0041\/ é","a":1,"a":2}'
	answer_json a/spaced ' { "a" : 1 ,	"b":[ ] } '
	printf '{\n  "a": 1.0,\n  "s": "two \\n  lines",\r\n  "b": [\n    1,\n    2\n  ]\n}\n' | answer a/pretty 200 application/json
	printf '{"a":1}\n' | answer a/newline 200 application/json
	printf '{"a":1}' | answer a/charset 201 'text/plain; charset=utf-8'
	printf '[1]' | answer a/array 200 application/json
	for name in compact spaced pretty newline charset array; do request $name /v1/$name; done >in
	call lbcall -u "$RECORDER" <in
	status_is 0
	[ "$(lines out)" -eq 6 ]
	body_is() {
		grep -F "\"custom_id\":\"$1\"" out | grep -qF "\"body\":$2},\"error\":null,\"lb\":" || { grep "$1" out; return 1; }
	}
	body_is compact '{"n":12345678901234567890,"x":1.0,"y":1e400,"s":"\u0041\/ é","a":1,"a":2}'
	body_is spaced '{ "a" : 1 ,	"b":[ ] }'
	body_is pretty '{"a":1.0,"s":"two \n  lines","b":[1,2]}'
	body_is newline '{"a":1}'
	body_is charset '{"a":1}'
	body_is array '[1]'
	[ "$(field out charset .response.status_code)" = 201 ]
}

@test "a result has the members of its request, and id, response, error and lb.ms" {
	start_recorder a
	answer a/first 200 application/json 'X-Request-Id: req_1' <<<'{}'
	answer a/messages 201 application/json 'request-id: req_2' <<<'{}'
	answer_json a/default '{}'
	cat >in <<-'EOT'
		{"z":1,"custom_id":"a","body":{},"url":"/v1/first","lb":{"cost":1.50,"ms":7}}
		{"custom_id":"b","body":{},"id":"mine","error":null}
		{"custom_id":{"c":3},"params":{"max_tokens":1}}
	EOT
	cat >want <<-'EOT'
		{"z":1,"custom_id":"a","body":{},"url":"/v1/first","lb":{"cost":1.50,"ms":0},"id":"call_N","response":{"status_code":200,"request_id":"req_1","body":{}},"error":null}
		{"custom_id":"b","body":{},"id":"mine","error":null,"response":{"status_code":200,"request_id":null,"body":{}},"lb":{"ms":0}}
		{"custom_id":{"c":3},"params":{"max_tokens":1},"id":"call_N","response":{"status_code":201,"request_id":"req_2","body":{}},"error":null,"lb":{"ms":0}}
	EOT
	call lbcall -u "$RECORDER" -k <in
	status_is 0
	sed -E 's/"ms":[0-9]+/"ms":0/; s/"call_[0-9a-f]{16}_[1-3]"/"call_N"/' out >got
	same got want
}

@test "3,000 hostile records: outside of id, response, error and lb no byte changes, nor of the body" {
	start_recorder a
	answer_json a/default '{}'
	for seed in 1 2 3; do
		: >a/bodies
		"$AIDS/hostile" make "$seed" 1000 records segments bodies
		call lbcall -u "$RECORDER" -k -c 1 <records
		status_is 0
		"$AIDS/hostile" check segments out
		same a/bodies bodies
		[ "$(grep -cF '{"status_code":200,"request_id":null,"body":{}}' out)" -eq 1000 ]
	done
}

@test "-H adds headers, takes the place of our own, and reads them from a file" {
	start_recorder a
	answer_json a/default "$GOOD_ANSWER"
	printf 'X-Two: from a file\r\nAuthorization: Bearer sk-file\n\nContent-Type: text/x; a="b"\n' >headers
	OPENAI_API_KEY=sk-env call lbcall -u "$RECORDER" -H 'X-One: 1:2' -H @headers -H 'anthropic-version: 2026-10-21' <<-'EOT'
		{"url":"/v1/messages","body":{}}
	EOT
	status_is 0
	tr -d '\r' <a/heads >heads
	for line in 'X-One: 1:2' 'X-Two: from a file' 'Authorization: Bearer sk-file' 'Content-Type: text/x; a="b"' \
		'anthropic-version: 2026-10-21'; do
		[ "$(grep -ciF "${line%%:*}:" heads)" -eq 1 ]
		grep -qxF "$line" heads
	done
	lacks heads sk-env
}

# The header lines with a key, of the heads in DIR.
key_headers() {
	tr -d '\r' <"$1/heads" | grep -iE '^(authorization|x-api-key|api-key):' || true
}

@test "--auth says how the key goes out; each API has a key and a way of its own" {
	start_recorder a
	answer_json a/default "$GOOD_ANSWER"
	export OPENAI_API_KEY=sk-o ANTHROPIC_API_KEY=sk-a
	while IFS='|' read -r auth url want; do
		echo "auth '$auth', url $url"
		: >a/heads
		# shellcheck disable=SC2086 # none, or one option
		call lbcall -u "$RECORDER" ${auth:+--auth $auth} <<<"{\"url\":\"$url\",\"body\":{}}"
		status_is 0
		[ "$(key_headers a)" = "$want" ]
		[ "$(grep -c '^anthropic-version: 2023-06-01' a/heads)" -eq "$([[ $url == */messages ]] && echo 1 || echo 0)" ]
	done <<-'EOT'
		|/v1/chat/completions|Authorization: Bearer sk-o
		|/v1/messages|x-api-key: sk-a
		|/v1/responses|Authorization: Bearer sk-o
		bearer|/v1/messages|Authorization: Bearer sk-a
		x-api-key|/v1/embeddings|x-api-key: sk-o
		api-key|/v1/chat/completions|api-key: sk-o
		none|/v1/chat/completions|
		none|/v1/messages|
	EOT
}

# base, the record's url, the path that is posted to
@test "a path goes under the base URL" {
	start_recorder a
	answer_json a/default "$GOOD_ANSWER"
	while read -r base url want; do
		echo "base '$base', url $url"
		: >a/heads
		[ "$base" != - ] || base=
		call lbcall -u "$RECORDER$base" <<<"{\"url\":\"$url\",\"body\":{}}"
		status_is 0
		[ "$(head -n 1 a/heads)" = "POST $want HTTP/1.1"$'\r' ]
		: >a/heads
		OPENAI_BASE_URL=$RECORDER$base ANTHROPIC_BASE_URL=$RECORDER$base call lbcall <<<"{\"url\":\"$url\",\"body\":{}}"
		status_is 0
		[ "$(head -n 1 a/heads)" = "POST $want HTTP/1.1"$'\r' ]
	done <<-'EOT'
		- /v1/chat/completions /v1/chat/completions
		/ /v1/chat/completions /v1/chat/completions
		- /chat/completions /chat/completions
		/v1 /v1/chat/completions /v1/chat/completions
		/v1/ /v1/chat/completions /v1/chat/completions
		/v1 /chat/completions /v1/chat/completions
		/openai/v1 /v1/responses /openai/v1/responses
		/v1beta/openai /v1/chat/completions /v1beta/openai/chat/completions
		/v1beta/openai/ /chat/completions /v1beta/openai/chat/completions
		- /v1/messages /v1/messages
		/v1 /v1/messages /v1/messages
		/anthropic /v1/messages /anthropic/v1/messages
		/anthropic/v1 /v1/messages /anthropic/v1/messages
		- /openai/deployments/d/chat/completions?api-version=2024-10-21 /openai/deployments/d/chat/completions?api-version=2024-10-21
		/v1 /v10/x /v1/v10/x
		- /v1/messages?beta=true /v1/messages?beta=true
	EOT
}

@test "-u goes before the variables, and each API has its variable" {
	start_recorder a
	answer_json a/default '{"a":1}'
	one=$RECORDER
	start_recorder b
	answer_json b/default '{"a":1}'
	printf '%s\n' '{"url":"/v1/messages","body":{}}' '{"url":"/v1/embeddings","body":{}}' >in
	OPENAI_BASE_URL=$one/v1 ANTHROPIC_BASE_URL=$RECORDER call lbcall <in
	status_is 0
	[ "$(grep ^POST a/heads)" = $'POST /v1/embeddings HTTP/1.1\r' ]
	[ "$(grep ^POST b/heads)" = $'POST /v1/messages HTTP/1.1\r' ]
	OPENAI_BASE_URL=$one/v1 ANTHROPIC_BASE_URL=$one call lbcall -u "$RECORDER" <in
	status_is 0
	[ "$(grep -c ^POST a/heads)" -eq 1 ]
	[ "$(grep -c ^POST b/heads)" -eq 3 ]
}

@test "without a url it is chat for a body, and messages for params" {
	start_recorder a
	answer_json a/default '{"a":1}'
	call lbcall -u "$RECORDER" -c 1 <<<$'{"body":{}}\n{"params":{}}\n{"url":null,"body":{}}'
	status_is 0
	[ "$(grep ^POST a/heads | cut -d' ' -f2 | tr '\n' ' ')" = '/v1/chat/completions /v1/messages /v1/chat/completions ' ]
}

@test "a base URL may be a Unix socket, with a prefix" {
	start_mock --socket "$PWD/sock" --log log
	request a /v1/chat/completions '{"model":"m","messages":[{"role":"user","content":"x"}]}' >in
	call lbcall -u "unix:$PWD/sock" <in
	status_is 0
	call lbcall -u "unix:$PWD/sock:/v1" <in
	status_is 0
	call lbcall -u "unix:$PWD/sock:/none" <in
	status_is 1
	[ "$(jq -r .path log | tr '\n' ' ')" = '/v1/chat/completions /v1/chat/completions ' ]
	call lbcall -u "unix:$PWD/no-such" <in
	status_is 1
	holds out '.error.code == "connect_failed" and .response == null'
	holds out '.error.message == "cannot connect to the socket \($path): No such file or directory"' \
		--arg path "$PWD/no-such"
}
