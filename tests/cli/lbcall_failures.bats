#!/usr/bin/env bats
# lbcall: answers that are no good, and answers that never come. Each is one failed result.

load helper
load recorder

# A request for each answer that stands in the directory a.
ask_all() {
	local file
	for file in a/*; do
		case ${file#a/} in heads | bodies | err | go) continue ;; esac
		printf '{"custom_id":"%s","url":"/v1/%s","body":{}}\n' "${file#a/}" "${file#a/}"
	done >in
	call lbcall -u "$RECORDER" "$@" <in
}

# fails ID STATUS CODE: the result of this id is a failure with an HTTP answer.
fails() {
	[ "$(field out "$1" '[.response.status_code, .error.code]')" = "[$2,\"$3\"]" ] || {
		echo "not [$2,\"$3\"]:"
		grep -F "\"custom_id\":\"$1\"" out
		return 1
	}
}

@test "an answer that is not JSON is bad_response, its text in error.body" {
	start_recorder a
	printf '<html>\n<b>oops & "x"\\</b>\t</html>' | answer a/html 200 text/html
	printf '{"a":"\377\300"}' | answer a/utf8 200 application/json
	printf '{"a":1' | answer a/half 200 application/json
	printf '{"a":01}' | answer a/number 200 application/json
	printf '{"a":1}{"b":2}' | answer a/two 200 application/json
	printf 'a\0b' | answer a/nul 200 application/json
	printf '' | answer a/empty 200 application/json
	printf '' | answer a/nothing 204 application/json
	{ printf '%0600d' 0 | tr 0 '['; printf '%0600d' 0 | tr 0 ']'; } | answer a/deep 200 application/json
	ask_all
	status_is 1
	[ "$(lines out)" -eq 9 ]
	for id in html utf8 half number two nul empty deep; do fails $id 200 bad_response; done
	fails nothing 204 bad_response
	holds out '.response.body == null and (.response | has("body"))'
	[ "$(field out html .error.body)" = '"<html>\n<b>oops & \"x\"\\</b>\t</html>"' ]
	[ "$(field out utf8 .error.body)" = '"{\"a\":\"��\"}"' ]
	[ "$(field out half .error.body)" = '"{\"a\":1"' ]
	[ "$(field out nul .error.body)" = '"a\u0000b"' ]
	[ "$(field out empty .error.body)" = '""' ]
	[ "$(field out deep '.error.body | length')" = 1200 ]
}

@test "a 200 that carries an error is a failure" {
	start_recorder a
	answer_json a/number '{"error":{"code":502,"message":"upstream"}}'
	answer_json a/word '{"error":{"code":"server_error","message":"m"}}'
	answer_json a/text '{"error":"it broke"}'
	answer_json a/empty '{"error":{}}'
	answer_json a/anthropic '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
	answer_json a/null '{"error":null,"choices":[]}'
	ask_all
	status_is 1
	fails number 200 http_502
	fails word 200 server_error
	fails text 200 error_in_response
	fails empty 200 error_in_response
	fails anthropic 200 overloaded_error
	[ "$(field out null .error)" = null ]
	[ "$(field out number .error.message)" = '"upstream"' ]
	[ "$(field out text .error.message)" = '"it broke"' ]
	[ "$(field out word .response.body.error.code)" = '"server_error"' ]
}

@test "4xx and 5xx: the provider's code, or http_NNN; status and body as received" {
	start_recorder a
	answer_json a/o429 '{"error":{"message":"Rate limit","type":"requests","param":null,"code":"rate_limit_exceeded"}}' 429
	answer_json a/quota '{"error":{"message":"m","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}' 429
	answer_json a/type '{"error":{"message":"m","type":"invalid_request_error","param":null,"code":null}}' 400
	answer_json a/a529 '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_9"}' 529
	answer_json a/a400 '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long"}}' 400
	answer_json a/router '{"error":{"code":402,"message":"no credits"}}' 402
	answer_json a/plain '{"detail":"Not Found"}' 404
	answer_json a/strange '[1,2]' 503
	printf '<h1>Bad Gateway</h1>\n' | answer a/html 502 text/html
	printf '' | answer a/empty 500 text/plain
	ask_all
	status_is 1
	[ "$(lines out)" -eq 10 ]
	fails o429 429 rate_limit_exceeded
	fails quota 429 insufficient_quota
	fails type 400 invalid_request_error
	fails a529 529 overloaded_error
	fails a400 400 invalid_request_error
	fails router 402 http_402
	fails plain 404 http_404
	fails strange 503 http_503
	fails html 502 http_502
	fails empty 500 http_500
	[ "$(field out html '[.response.body, .error.body]')" = '[null,"<h1>Bad Gateway</h1>\n"]' ]
	[ "$(field out router .error.message)" = '"no credits"' ]
	grep -qF '"response":{"status_code":503,"request_id":null,"body":[1,2]}' out
	grep -qF '"body":{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_9"}}' out
}

@test "a redirect is a failure, and is not followed" {
	start_recorder b
	answer_json b/default '{}'
	elsewhere=$RECORDER
	start_recorder a
	for status in 301 302 303 307 308; do
		printf '' | answer a/$status $status text/plain "Location: $elsewhere/v1/x"
	done
	OPENAI_API_KEY=sk-secret ask_all
	status_is 1
	[ "$(lines out)" -eq 5 ]
	for status in 301 302 303 307 308; do fails $status $status http_$status; done
	holds out '.error.message | contains("redirect")'
	[ ! -s b/heads ]
}

# transport ID CODE: a failure without an answer.
transport() {
	[ "$(field out "$1" '[.response, .error.code]')" = "[null,\"$2\"]" ] || {
		echo "not [null,\"$2\"]:"
		grep -F "\"custom_id\":\"$1\"" out
		return 1
	}
}

@test "an answer that waits holds no other back" {
	start_recorder a
	printf '@@WAIT@@HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}' >a/default
	requests 50 >in
	lbcall -u "$RECORDER" -c 50 <in >out 2>err 3>&- &
	until_true has_lines 50 a/bodies
	[ ! -s out ]
	touch a/go
	wait $!
	[ "$(lines out)" -eq 50 ]
}

@test "answers that break off, stall, or never begin" {
	start_recorder a
	printf 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{"a":1}' >a/short
	printf 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n7\r\n{"a":1}\r\n' >a/chunk
	printf 'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a"@@STOP@@' >a/stall
	printf 'HTTP/1.1 200 OK\r\nContent-@@STOP@@' >a/head
	printf '@@STOP@@' >a/hang
	printf 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd' >a/notgzip
	printf 'SSH-2.0-OpenSSH_9.2\r\nConnection: close\r\n\r\n' >a/ssh
	answer_json a/good '{"ok":1}'
	ask_all --timeout 400ms
	status_is 1
	[ "$(lines out)" -eq 8 ]
	transport short connection_lost
	transport chunk connection_lost
	for id in stall head hang; do transport $id timeout; done
	transport notgzip transport_error
	[ "$(field out ssh '.response')" = null ]
	[ "$(field out good '.error')" = null ]
	holds out '.error == null or (.error.message | length > 0)'
}

# bats test_tags=valgrind
@test "nobody listens, no such host, no such scheme" {
	# A port that was free a moment ago.
	start_recorder a
	stop_mocks
	call lbcall -u "$RECORDER" <<<"$(requests 3)"
	status_is 1
	[ "$(lines out)" -eq 3 ]
	holds out '.error.code == "connect_failed" and .response == null and (.lb.ms >= 0)'
	call lbcall -u http://no-such-host.invalid --connect-timeout 20s <<<"$(requests 2)"
	status_is 1
	[ "$(lines out)" -eq 2 ]
	holds out '.error.code == "resolve_failed" and .response == null'
}

@test "--max-response counts decoded bytes: at the limit, over it, endless, and a gzip bomb" {
	start_recorder a
	printf '"%0998d"' 0 | answer a/exact 200 application/json
	printf '"%0999d"' 0 | answer a/over 200 application/json
	{
		printf 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"'
		head -c 3000 /dev/zero | tr '\0' x
		printf '@@STOP@@'
	} >a/endless
	# 20 MB of nothing in 20 KB.
	{ printf '"'; head -c 20000000 /dev/zero | tr '\0' x; printf '"'; } | gzip -9 |
		answer a/bomb 200 application/json 'Content-Encoding: gzip'
	[ "$(wc -c <a/bomb)" -lt 30000 ]
	printf '{"small":1}' | gzip | answer a/small 200 application/json 'Content-Encoding: gzip'
	ask_all --max-response 1000 --timeout 20s
	status_is 1
	[ "$(lines out)" -eq 5 ]
	[ "$(field out exact '.error')" = null ]
	[ "$(field out small '.response.body')" = '{"small":1}' ]
	for id in over endless bomb; do transport $id response_too_large; done
}

# kind, HTTP status (or null) and code of the results that it makes
@test "each fault of a provider is one failed result" {
	while read -r fault http code; do
		echo "fault $fault"
		start_mock --fail "$fault:100%"
		requests 12 >in
		call lbcall -u "$MOCK" --timeout 500ms <in
		stop_mock
		status_is 1
		[ "$(jq -r .custom_id out | sort -n | tr '\n' ' ')" = '1 2 3 4 5 6 7 8 9 10 11 12 ' ]
		holds out "(.response.status_code == $http) and (.error.code | test(\"^($code)\$\"))"
	done <<-'EOT'
		429 429 rate_limit_exceeded
		400 400 [a-z_]+
		401 401 invalid_api_key
		500 500 server_error|http_500
		503 503 [a-z_]+|http_503
		hang null timeout
		cut null connection_lost
		reset null connection_lost
		garbage 200 bad_response
		error200 200 http_[0-9]+
	EOT
}

@test "10,000 requests at 200 with mixed faults: 10,000 different results, failures as the server counts them" {
	start_mock --latency 5ms±5ms --seed 7 --log log \
		--fail 429:1%,500:1%,503:0.5%,cut:0.5%,reset:0.5%,garbage:0.5%,error200:0.5%,hang:0.5%
	requests 10000 >in
	call lbcall -u "$MOCK" -c 200 --timeout 4s <in
	status_is 1
	[ "$(lines out)" -eq 10000 ]
	[ "$(jq -r .custom_id out | sort -un | wc -l)" -eq 10000 ]
	# Nothing was asked twice.
	[ "$(lines log)" -eq 10000 ]
	faults=$(jq -r 'select(.fault != null) | .fault' log | wc -l)
	[ "$faults" -gt 300 ]
	[ "$(jq -c 'select(.error != null)' out | wc -l)" -eq "$faults" ]
	holds out '(.error == null) == (.response.body.choices[0].message.content == "Answer to: Say \(.custom_id).")'
}

@test "what is no request fails without being sent, and the rest goes on" {
	start_mock --log log
	{
		requests 1
		printf '%s\n' '{"custom_id":"item"}' '[1]' '"text"' 'not json' '{"custom_id":"b","body":"text"}' \
			'{"custom_id":"get","method":"GET","body":{}}' '{"custom_id":"n","body":null,"params":{}}'
		requests 1
	} >in
	call lbcall -u "$MOCK" -k <in
	status_is 1
	jq -c '[.custom_id, .error.code]' out >got
	cat >want <<-'EOT'
		["1",null]
		["item","not_a_request"]
		[null,"not_a_request"]
		[null,"not_a_request"]
		[null,"bad_record"]
		["b","not_a_request"]
		["get","unsupported_method"]
		["n","not_a_request"]
		["1",null]
	EOT
	same got want
	[ "$(lines log)" -eq 2 ]
	[ "$(sed -n 3p out)" = '{"custom_id":null,"response":null,"error":{"code":"not_a_request","message":"line 3: not a request: it has no body; lbchunk makes requests of items","line":3,"raw":"[1]"}}' ]
	[ "$(sed -n 2p out)" = '{"custom_id":"item","error":{"code":"not_a_request","message":"not a request: it has no body; lbchunk makes requests of items"}}' ]
}
