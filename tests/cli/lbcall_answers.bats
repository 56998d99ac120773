#!/usr/bin/env bats
# lbcall: streams, rate-limit headers, and several keys.

load helper
load recorder

# What counts of an answer, for each API.
essence() {
	jq -c '[.error.code, (.response.body |
		if .choices then [.choices[] | [.index, (.message | del(.refusal, .annotations)), .finish_reason]]
		elif .output then [.status, (.output[] | [.type, .role, (.content[] | [.type, .text])])]
		else [.role, .content, .stop_reason] end, .usage)]' "$@"
}

# ask API STREAM CONTENT: one request.
ask() {
	jq -nc --arg api "$1" --argjson stream "$2" --arg text "$3" '
		if $api == "responses" then {input: $text}
		else {messages: [{role: "user", content: $text}], max_tokens: 500} end
		| . + {model: "m"} + (if $stream then {stream: true} else {} end)
		| . + (if $stream and $api == "chat" then {stream_options: {include_usage: true}} else {} end)
		| {custom_id: $api, url: ({chat: "/v1/chat/completions", responses: "/v1/responses", messages: "/v1/messages"}[$api]), body: .}'
}

@test "a streamed answer is the answer that the plain request gets, for each API" {
	start_mock
	for text in 'hello there, how are you?' 'one of: cat, dog: a dog' 'Überraschung 😀 "quotes" \ and
lines'; do
		for api in chat responses messages; do
			ask $api false "$text" >plain
			ask $api true "$text" >streamed
			call lbcall -u "$MOCK" <plain
			status_is 0
			essence out >want
			call lbcall -u "$MOCK" <streamed
			status_is 0
			essence out >got
			same got want
			[ "$(wc -c <got)" -gt 30 ]
			holds out '.response.status_code == 200 and .lb.ms >= 0'
		done
	done
}

@test "a stream that is cut fails as connection_lost" {
	start_mock --fail cut:100%
	for api in chat responses messages; do ask $api true 'one of: cat, dog: a dog'; done >in
	call lbcall -u "$MOCK" --timeout 10s <in
	status_is 1
	[ "$(lines out)" -eq 3 ]
	holds out '.error.code == "connection_lost" and .response == null'
}

@test "a stream that ends early, makes no sense or carries an error fails" {
	start_recorder a
	chunk='data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}'
	last='data: {"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
	printf '%s\n\n' "$chunk" "$last" 'data: [DONE]' | answer a/whole 200 text/event-stream
	printf '%s\r\n\r\n' "$chunk" "$last" 'data: [DONE]' | answer a/charset 200 'Text/Event-Stream; charset=utf-8'
	printf '%s\n\n' "$chunk" | answer a/early 200 text/event-stream
	printf '%s\n\n' "$chunk" 'data: {"broken' "$last" 'data: [DONE]' | answer a/broken 200 text/event-stream
	printf '%s\n\n' "$chunk" 'data: {"error":{"message":"m","code":"server_error"}}' | answer a/error 200 text/event-stream
	printf '' | answer a/empty 200 text/event-stream
	printf '%s\n\n' 'data: {"error":{"message":"slow","code":"rate_limit_exceeded"}}' | answer a/limit 429 text/event-stream
	for id in whole charset early broken error empty limit; do
		printf '{"custom_id":"%s","url":"/v1/%s","body":{"stream":true}}\n' $id $id
	done >in
	call lbcall -u "$RECORDER" -k <in
	status_is 1
	jq -c '[.custom_id, .response.status_code, .error.code, .response.body.choices[0].message.content]' out >got
	cat >want <<-'EOT'
		["whole",200,null,"hi"]
		["charset",200,null,"hi"]
		["early",200,"bad_stream",null]
		["broken",200,"bad_stream",null]
		["error",200,"server_error",null]
		["empty",200,"bad_stream",null]
		["limit",429,"rate_limit_exceeded",null]
	EOT
	same got want
	# The text of a stream that is none is kept, as that of any answer that is none.
	[ "$(field out broken '.error.body | contains("data: {\"broken")')" = true ]
}

# header lines that differ between providers, and what they are in lb.ratelimit
@test "rate-limit headers stand in lb.ratelimit, under the same names for every provider" {
	start_recorder a
	echo '{}' | answer a/openai 200 application/json 'x-ratelimit-limit-requests: 500' 'x-ratelimit-limit-tokens: 30000' \
		'X-RateLimit-Remaining-Requests: 499' 'x-ratelimit-remaining-tokens: 29975' 'x-ratelimit-reset-requests: 120ms' \
		'x-ratelimit-reset-tokens: 6m0s'
	soon=$(date -u -d '+100 seconds' +%Y-%m-%dT%H:%M:%SZ)
	echo '{}' | answer a/messages 200 application/json 'anthropic-ratelimit-requests-limit: 50' \
		'anthropic-ratelimit-requests-remaining: 49' "anthropic-ratelimit-requests-reset: $soon" \
		'anthropic-ratelimit-input-tokens-limit: 40000' 'anthropic-ratelimit-input-tokens-remaining: 39000' \
		'anthropic-ratelimit-output-tokens-limit: 8000'
	echo '{"error":{"code":"rate_limit_exceeded"}}' | answer a/limited 429 application/json 'Retry-After: 7' 'x-should-retry: true'
	echo '{}' | answer a/none 200 application/json 'X-Other: 1'
	for id in openai messages limited none; do printf '{"custom_id":"%s","url":"/v1/%s","body":{}}\n' $id $id; done >in
	call lbcall -u "$RECORDER" <in
	status_is 1
	[ "$(field out openai .lb.ratelimit | jq -Sc .)" = '{"limit_requests":500,"limit_tokens":30000,"remaining_requests":499,"remaining_tokens":29975,"reset_requests":0.12,"reset_tokens":360}' ]
	[ "$(field out messages '.lb.ratelimit | del(.reset_requests)' | jq -Sc .)" = '{"limit_input_tokens":40000,"limit_output_tokens":8000,"limit_requests":50,"remaining_input_tokens":39000,"remaining_requests":49}' ]
	[ "$(field out messages '.lb.ratelimit.reset_requests | . > 60 and . <= 100')" = true ]
	[ "$(field out limited .lb.ratelimit | jq -Sc .)" = '{"retry_after":7,"should_retry":true}' ]
	[ "$(field out none '.lb | keys')" = '["ms"]' ]
}

@test "the limits of lbmock are seen with both APIs" {
	start_mock --rpm 1000 --tpm 100000
	ask chat false hello >in
	ask messages false hello >>in
	call lbcall -u "$MOCK" <in
	status_is 0
	holds out '.lb.ratelimit | .limit_requests == 1000 and .remaining_requests < 1000 and .reset_requests >= 0'
}

# How many of the heads in a/ carry each key, as "KEY COUNT ...".
keys_used() {
	tr -d '\r' <a/heads | sed -n 's/^Authorization: Bearer //p' | sort | uniq -c | awk '{ print $2, $1 }' | paste -sd ' ' -
}

# empty N: that many requests to a path that answers well.
empty() {
	yes '{"url":"/v1/good","body":{}}' | head -n "$1"
}

@test "several keys are used in turn" {
	start_recorder a
	answer_json a/default '{}'
	export KEY_A=sk-a KEY_B=sk-b KEY_C='' OPENAI_API_KEY=sk-none
	empty 10 >in
	call lbcall -u "$RECORDER" -K KEY_A,KEY_B,KEY_C,KEY_D -c 1 <in
	status_is 0
	[ "$(keys_used)" = 'sk-a 5 sk-b 5' ]
	[ "$(tr -d '\r' <a/heads | sed -n 's/^Authorization: Bearer //p' | head -n 4 | tr '\n' ' ')" = 'sk-a sk-b sk-a sk-b ' ]
}

# the status that the first key gets, header, how the eight requests after it are shared
@test "a key that is answered 429 rests, one that is answered 401 is set aside; other failures do nothing to it" {
	start_recorder a
	answer_json a/good '{}'
	export KEY_A=sk-a KEY_B=sk-b
	while IFS='|' read -r http header want; do
		echo "status $http, header '$header'"
		echo '{"error":{"code":"x"}}' | answer a/first "$http" application/json "${header:-X-Nothing: 1}"
		: >a/heads
		{ echo '{"url":"/v1/first","body":{}}'; empty 8; } >in
		call lbcall -u "$RECORDER" -K KEY_A,KEY_B -c 1 <in
		status_is 1
		[ "$(keys_used)" = "$want" ]
	done <<-'EOT'
		429||sk-a 1 sk-b 8
		429|retry-after: 60|sk-a 1 sk-b 8
		429|retry-after: 0|sk-a 5 sk-b 4
		401||sk-a 1 sk-b 8
		401|retry-after: 0|sk-a 1 sk-b 8
		500||sk-a 5 sk-b 4
		403||sk-a 5 sk-b 4
	EOT
}

@test "keys that are refused are set aside, each with one message that names its variable" {
	start_mock --key sk-good
	export KEY_A=sk-good KEY_B=sk-bad KEY_C=sk-worse KEY_D=sk-good
	requests 40 >in
	call lbcall -u "$MOCK" -K KEY_A,KEY_B,KEY_C,KEY_D -c 1 <in
	status_is 1
	[ "$(jq -c 'select(.error == null)' out | wc -l)" -eq 38 ]
	[ "$(jq -r 'select(.error != null) | .error.code' out | sort | uniq -c | xargs)" = '2 invalid_api_key' ]
	[ "$(lines err)" -eq 2 ]
	grep -q 'KEY_B was refused (401)' err
	grep -q 'KEY_C was refused (401)' err
	lacks err sk-
	# What is in flight with it fails as well, which is said once.
	requests 400 >in
	call lbcall -u "$MOCK" -K KEY_A,KEY_B -c 20 <in
	status_is 1
	[ "$(jq -c 'select(.error != null)' out | wc -l)" -le 100 ]
	[ "$(lines err)" -eq 1 ]
}

@test "a key that rests is better than one that is refused" {
	start_recorder a
	answer_json a/good '{}'
	answer_json a/first '{"error":{"code":"x"}}' 401
	echo '{"error":{"code":"x"}}' | answer a/second 429 application/json 'retry-after: 3600'
	export KEY_A=sk-a KEY_B=sk-b
	{ echo '{"url":"/v1/first","body":{}}'; echo '{"url":"/v1/second","body":{}}'; empty 6; } >in
	call lbcall -u "$RECORDER" -K KEY_A,KEY_B -c 1 <in
	status_is 1
	[ "$(keys_used)" = 'sk-a 1 sk-b 7' ]
}

@test "the last key that is left stays in use, however often it is refused" {
	start_mock --key sk-good
	export KEY_A=sk-bad KEY_B=sk-worse
	requests 10 >in
	call lbcall -u "$MOCK" -K KEY_A,KEY_B -c 1 <in
	status_is 1
	[ "$(jq -r .error.code out | sort | uniq -c | xargs)" = '10 invalid_api_key' ]
	[ "$(lines err)" -eq 1 ]
	# No key of these is sent, so that none is to blame.
	call lbcall -u "$MOCK" -K KEY_A,KEY_B -H 'Authorization: Bearer sk-own' <in
	status_is 1
	[ ! -s err ]
}

@test "when all keys rest, requests still go out" {
	start_recorder a
	echo '{"error":{"code":"x"}}' | answer a/default 429 application/json 'retry-after: 60'
	export KEY_A=sk-a KEY_B=sk-b
	empty 6 >in
	call lbcall -u "$RECORDER" -K KEY_A,KEY_B -c 1 <in
	status_is 1
	[ "$(lines out)" -eq 6 ]
	[ "$(lines a/bodies)" -eq 6 ]
}
