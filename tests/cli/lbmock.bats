#!/usr/bin/env bats
# lbmock(1): the provider to rehearse against keeps what its page promises.
#
# Tokens are those of the estimate that lbcost -e makes; the counts expected below come from there.

bats_require_minimum_version 1.5.0

setup() {
	LB_BIN=${LB_BIN:-"$BATS_TEST_DIRNAME/../../build/bin"}
	dir=$BATS_TEST_TMPDIR
	pid=
	cd "$dir"
}

teardown() {
	[ -z "$pid" ] || { kill "$pid" && wait "$pid"; } 2>/dev/null || true
}

# Start lbmock on a free port with the arguments; sets pid and url once it listens.
start() {
	rm -f port
	mkfifo port
	"$LB_BIN/lbmock" -p 0 --ready-fd 5 "$@" 5>port >out 2>err 3>&- &
	pid=$!
	read -r port <port
	url=http://127.0.0.1:$port
}

# End the server; status is what it exits with.
stop() {
	kill "${1:--TERM}" "$pid"
	status=0
	wait "$pid" || status=$?
	pid=
}

# post PATH BODY [curl arguments]: the response's body.
post() {
	local path=$1 body=$2
	shift 2
	curl -sS -H 'content-type: application/json' -d "$body" "$@" "$url$path"
}

# code PATH BODY [curl arguments]: the response's status; its body is left in the file body.
code() {
	post "$@" -o body -w '%{http_code}'
}

# headers PATH BODY [curl arguments]: the response's headers as "name: value" lines.
headers() {
	post "$@" -o body -D - | tr -d '\r'
}

# chat TEXT [SYSTEM]: a chat body. message TEXT: one for Anthropic.
chat() {
	jq -nc --arg t "$1" --arg s "${2-}" '{model: "m", messages: [
		(if $s == "" then empty else {role: "system", content: $s} end), {role: "user", content: $t}]}'
}

message() {
	jq -nc --arg t "$1" '{model: "m", max_tokens: 100, messages: [{role: "user", content: $t}]}'
}

# ask TEXT [SYSTEM]: the content of the answer.
ask() {
	post /v1/chat/completions "$(chat "$@")" | jq -r '.choices[0].message.content'
}

# structured TEXT SCHEMA: the answer to a chat with a JSON schema.
structured() {
	local body
	body=$(chat "$1" | jq -c --argjson s "$2" \
		'. + {response_format: {type: "json_schema", json_schema: {name: "x", strict: true, schema: $s}}}')
	post /v1/chat/completions "$body" | jq -r '.choices[0].message.content'
}

# The instructions and three items of the packed form.
packed() {
	printf '%s\n' 'Classify each as one of: web, database, game.' \
		'Return {"answers":[{"n":1,"answer":"..."}]}.' '' \
		'### 1' 'a game for two players' '### 2' 'a postgres database' '### 3' 'a web server'
}

# estimate BODY: the tokens of its prompt, as lbcost -e has them. tokens TEXT: those of a text.
estimate() {
	jq -nc --argjson b "$1" '{custom_id: "a", body: $b}' | "$LB_BIN/lbcost" -e --json --price 1,1 2>/dev/null | jq .input_tokens
}

tokens() {
	estimate "$(jq -nc --arg t "$1" '{model: "m", input: $t}')"
}

stats() {
	curl -sS "$url/lbmock/stats" | jq -c "$1"
}

@test "--help and --version go to stdout with status 0" {
	run --separate-stderr "$LB_BIN/lbmock" --help
	[ "$status" -eq 0 ]
	[[ $output == "usage: lbmock "* ]]
	[ -z "$stderr" ]
	run --separate-stderr "$LB_BIN/lbmock" -V
	[ "$status" -eq 0 ]
	[[ $output == "lbmock "[0-9]* ]]
}

@test "misuse is one line that names the mistake, then the synopsis, on stderr, with status 2" {
	while read -r mistake args; do
		run --separate-stderr "$LB_BIN/lbmock" $args
		[ "$status" -eq 2 ]
		[ -z "$output" ]
		[[ ${stderr_lines[0]} == "lbmock: "*"$mistake"* ]]
		[[ ${stderr_lines[1]} == "usage: lbmock "* ]]
		[ "${#stderr_lines[@]}" -lt 12 ]
	done <<-'END'
	--nonsense --nonsense
	-x -x
	--port --port
	--port --port=70000
	--rpm --rpm 0
	--latency --latency soon
	--latency --latency 1s±
	unknown --fail flood:1%
	share --fail 500:200%
	100% --fail 500:60%,503:60%
	KIND:SHARE --fail 500
	--retry-after --retry-after never
	operand operand
	END
}

@test "the port is told on stdout and on --ready-fd, and it serves there" {
	start
	[ "$(cat out)" = "lbmock: listening on http://127.0.0.1:$port" ]
	curl -sSf "$url/v1/models" | jq -e '.object == "list" and (.data | length) >= 1'
}

@test "a port in use is an error, status 4" {
	start
	run -4 "$LB_BIN/lbmock" -p "$port"
	[[ $output == *"$port"* ]]
}

@test "chat: id, model, answer and usage in OpenAI's form" {
	start
	body=$(chat 'efgh!' abcd)
	post /v1/chat/completions "$body" |
		jq -e --argjson in "$(estimate "$body")" --argjson out "$(tokens 'Answer to: efgh!')" '
		.object == "chat.completion" and (.id | startswith("chatcmpl-")) and .model == "m"
		and (now - .created | fabs) < 60 and .choices[0].finish_reason == "stop"
		and .choices[0].message == {role: "assistant", content: "Answer to: efgh!", refusal: null, annotations: []}
		and .usage.prompt_tokens == $in and .usage.completion_tokens == $out and .usage.total_tokens == $in + $out
		and .usage.prompt_tokens_details.cached_tokens == 0
		and .usage.completion_tokens_details.reasoning_tokens == 0 and has("system_fingerprint")'
}

@test "responses: instructions and input, in the form of the Responses API" {
	start
	body='{"model":"m","instructions":"abcd","input":"efgh!"}'
	post /v1/responses "$body" |
		jq -e --argjson in "$(estimate "$body")" --argjson out "$(tokens 'Answer to: efgh!')" '
		.object == "response" and (.id | startswith("resp_")) and .status == "completed"
		and .error == null and .incomplete_details == null
		and .output[0].content[0].type == "output_text"
		and .output[0].content[0].text == "Answer to: efgh!"
		and .usage == {input_tokens: $in, input_tokens_details: {cached_tokens: 0}, output_tokens: $out,
			output_tokens_details: {reasoning_tokens: 0}, total_tokens: ($in + $out)}'
	body='{"model":"m","input":[{"role":"user","content":[{"type":"input_text","text":"abcd"}]}]}'
	post /v1/responses "$body" | jq -e --argjson in "$(estimate "$body")" \
		'.output[0].content[0].text == "Answer to: abcd" and .usage.input_tokens == $in'
}

@test "messages: system and blocks, in Anthropic's form" {
	start
	body='{"model":"m","max_tokens":9,"system":[{"type":"text","text":"abcd"}],
		"messages":[{"role":"user","content":[{"type":"text","text":"efgh!"}]}]}'
	post /v1/messages "$body" |
		jq -e --argjson in "$(estimate "$body")" --argjson out "$(tokens 'Answer to: efgh!')" '
		.type == "message" and (.id | startswith("msg_")) and .role == "assistant"
		and .content == [{type: "text", text: "Answer to: efgh!"}]
		and .stop_reason == "end_turn" and .stop_sequence == null
		and .usage.input_tokens == $in and .usage.output_tokens == $out
		and .usage.cache_creation_input_tokens == 0 and .usage.cache_read_input_tokens == 0'
}

@test "usage follows the kind of text, as tokenizers do, and not its bytes" {
	start
	# Each three digits are one token; so are single letters with blanks between.
	while IFS='|' read -r text want; do
		[ "$(post /v1/embeddings "$(jq -nc --arg t "$text" '{model: "m", input: $t}')" | jq .usage.prompt_tokens)" = "$want" ]
	done <<-'END'
	123|1
	123456789|3
	a a a a|4
	END
}

@test "paths work without /v1 as well; each reply has a request id of its own" {
	start
	[ "$(code /chat/completions "$(chat a)")" = 200 ]
	[ "$(code /responses '{"model":"m","input":"a"}')" = 200 ]
	[ "$(code /messages "$(message a)")" = 200 ]
	[ "$(code /embeddings '{"model":"m","input":"a"}')" = 200 ]
	headers /v1/chat/completions "$(chat a)" | grep '^x-request-id: req_' >first
	headers /v1/chat/completions "$(chat a)" | grep '^x-request-id: req_' >second
	run ! cmp -s first second
	headers /v1/messages "$(message a)" | grep '^request-id: req_'
}

@test "what is not served says so: 404, 405, 400 in the provider's own words" {
	start
	[ "$(code /v1/nothing "$(chat a)")" = 404 ]
	jq -e '.error.code == "unknown_url"' body
	[ "$(curl -sS -o body -w '%{http_code}' "$url/v1/messages")" = 405 ]
	[ "$(code /v1/chat/completions '{"model":')" = 400 ]
	jq -e '.error.type == "invalid_request_error" and (.error.message | contains("byte 9"))' body
	[ "$(code /v1/chat/completions '{"messages":[]}')" = 400 ]
	jq -e '.error.message | contains("model")' body
	[ "$(code /v1/chat/completions '{"model":"m"}')" = 400 ]
	jq -e '.error.param == "messages" and .error.code == "missing_required_parameter"' body
	[ "$(code /v1/messages '[1')" = 400 ]
	jq -e '.type == "error" and .error.type == "invalid_request_error"' body
	[ "$(code /v1/messages '{"model":"m","messages":[]}')" = 400 ]
	jq -e '.error.message == "max_tokens: Field required"' body
}

@test "a body over 64 MiB is refused with 413, and the next call works" {
	start
	[ "$(head -c 68000000 /dev/zero | curl -sS -o body -w '%{http_code}' -H 'Expect:' --data-binary @- "$url/v1/chat/completions")" = 413 ]
	[ "$(ask hi)" = "Answer to: hi" ]
}

@test "the answer is the named label that shares most words with the text" {
	start
	while IFS='|' read -r label system text; do
		[ "$(ask "$(printf '%b' "$text")" "$(printf '%b' "$system")")" = "$label" ] || {
			echo "expected $label for: $text"
			return 1
		}
	done <<-'END'
	database||Classify as one of: web, database, game: a postgres database with tables
	game||Two players gaming\nAnswer with one word, one of: web, database or game.
	game|Answer with one of the following labels: web, database, game|some games
	positive||a positive, even very positive film (positive/negative/neutral)
	refunds|Labels: billing, refunds or shipping|I was refunded, then refunded again, and the bill is wrong
	blue paint|Choose one of these:\n- red paint\n- blue paint\n\n|The sky is blue
	node.js||Pick one of: node.js, python. My node is down
	yes|Say one of "yes", "no"|yes yes yes no
	Answer to: Classify this: https://x.y/a,b 12:30||Classify this: https://x.y/a,b 12:30
	END
}

@test "a request always gets the same answer, and ties are spread over the labels" {
	start
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		ask "One of: red, blue: number $i"
	done >first
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		ask "One of: red, blue: number $i"
	done >second
	cmp first second
	grep -q red first
	grep -q blue first
}

@test "a JSON schema is honoured: types, enum, const, bounds, minItems, anyOf, \$ref" {
	start
	structured 'the soup was tasty' '{"type":"object","properties":{
		"taste":{"enum":["bland","tasty","burnt"]}, "text":{"type":"string"},
		"list":{"type":"array","minItems":3,"items":{"$ref":"#/$defs/flag"}},
		"number":{"type":["null","integer"],"minimum":5,"maximum":6},
		"one":{"type":"array","items":{"type":"null"}},
		"some":{"anyOf":[{"type":"number"},{"type":"string"}]}, "fixed":{"const":{"x":[1]}},
		"deep":{"$ref":"#/definitions/deep"}},
		"$defs":{"flag":{"type":"boolean"}},
		"definitions":{"deep":{"type":"object","properties":{"a":{"type":"object","properties":{"b":{"enum":[1]}}}}}}}' >answer
	jq -e '(keys_unsorted == ["taste","text","list","number","one","some","fixed","deep"])
		and .taste == "tasty" and (.text | type) == "string" and (.list | map(type)) == ["boolean","boolean","boolean"]
		and (.number == 5 or .number == 6) and .one == [null] and (.some | type) == "number"
		and .fixed == {x: [1]} and .deep == {a: {b: 1}}' answer
}

@test "a schema that contains itself ends" {
	start
	structured x '{"type":"object","properties":{"a":{"$ref":"#"},"b":{"$ref":"#"},"c":{"$ref":"#"}}}' |
		jq -e 'has("a") and has("b") and has("c")' >/dev/null
}

@test "a schema that asks for very much gets what fits" {
	start
	structured x '{"type":"array","minItems":99999999999,"items":{"type":"array","minItems":99999999999,"items":{"$ref":"#"}}}' >answer
	jq -e 'length >= 1' answer >/dev/null
	[ "$(wc -c <answer)" -lt 10000000 ]
}

@test "numbers of a schema are JSON within its bounds, however large these are" {
	start
	while IFS='|' read -r schema expression; do
		structured x "{\"type\":\"object\",\"properties\":{\"n\":$schema}}" >answer
		grep -qE '^\{"n":-?[0-9.e+]+\}$' answer
		jq -e ".n | $expression" answer
	done <<-'END'
	{"type":"integer","minimum":1e300}|. >= 1e300
	{"type":"integer","maximum":-1e300}|. <= -1e300
	{"type":"integer","minimum":0.5,"maximum":3}|. >= 1 and . <= 3 and . == floor
	{"type":"integer","minimum":-2.5,"maximum":-2}|. == -2
	{"type":"number","minimum":-1e308,"maximum":1e308}|. >= -1e308 and . <= 1e308
	END
	post /v1/chat/completions '{"model":"m","messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_schema",
		"json_schema":{"name":"x","schema":{"type":"number","minimum":1e999}}}}' |
		jq -r '.choices[0].message.content' | grep -xE '[0-9.]+'
}

@test "a text that opens a list of labels at every other byte takes no time" {
	start
	for piece in '(' '(a,' 'x (y ' '("' 'one of the ' ': ' "('a'"; do
		head -c 200000 < <(yes "$piece" | tr -d '\n') |
			jq -Rsc '{model: "m", messages: [{role: "user", content: .}]}' >text
		curl -sSf --max-time 20 -o body -d @text "$url/v1/chat/completions"
	done
}

@test "schemas of the Responses API and of Anthropic, and the JSON mode" {
	start
	schema='{"type":"object","properties":{"colour":{"enum":["red","blue"]}}}'
	post /v1/responses "{\"model\":\"m\",\"input\":\"blue\",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"x\",\"schema\":$schema}}}" |
		jq -e '.output[0].content[0].text == "{\"colour\":\"blue\"}"'
	post /v1/messages "{\"model\":\"m\",\"max_tokens\":50,\"messages\":[{\"role\":\"user\",\"content\":\"blue\"}],
		\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":$schema}}}" |
		jq -e '.content[0].text == "{\"colour\":\"blue\"}"'
	post /v1/chat/completions "$(chat hi | jq -c '. + {response_format: {type: "json_object"}}')" |
		jq -e '.choices[0].message.content == "{\"answer\":\"Answer to: hi\"}"'
}

@test "the packed form: an answer for each item, about that item" {
	start
	[ "$(ask "$(packed)")" = '{"answers":[{"n":1,"answer":"game"},{"n":2,"answer":"database"},{"n":3,"answer":"web"}]}' ]
	# With labels in the items' own text, and numbers as they stand.
	[ "$(ask "$(printf '%s\n' '"answers"' '### 4' 'One of: a, b: b b' '### 7' 'One of: c, d: c')")" = \
		'{"answers":[{"n":4,"answer":"b"},{"n":7,"answer":"c"}]}' ]
	# A schema that packs, and one of the answer.
	structured "$(printf '%s\n' 'Rate.' '### 1' 'good food' '### 2' 'bad food')" '{"type":"object","properties":
		{"answers":{"type":"array","items":{"type":"object","properties":{"n":{"type":"integer"},
		"answer":{"type":"object","properties":{"r":{"enum":["good","bad"]}}}}}}}}' >answer
	[ "$(cat answer)" = '{"answers":[{"n":1,"answer":{"r":"good"}},{"n":2,"answer":{"r":"bad"}}]}' ]
}

@test "faults of the packed form" {
	while read -r kind want; do
		start --fail "$kind:100%"
		[ "$(ask "$(packed)" | jq -c '.answers | map(.n)')" = "$want" ]
		stop
	done <<-'END'
	repeat [1,2,3,1]
	surplus [1,2,3,4]
	renumber [0,1,2]
	END
	start --fail missing:100%
	ask "$(packed)" | jq -e '.answers | length == 2 and (map(.n) - [1,2,3]) == []'
	# It does not apply where nothing is packed, and is not counted then.
	[ "$(ask hi)" = "Answer to: hi" ]
	[ "$(stats '[.ok, .faults]')" = '[1,{"missing":1}]' ]
	stop
	start --fail malformed:100%
	ask "$(packed)" >answer
	run ! jq . answer
}

@test "--fail STATUS answers with each provider's own error" {
	while read -r status openai anthropic; do
		start --fail "$status:100%"
		[ "$(code /v1/chat/completions "$(chat a)")" = "$status" ]
		[ "$(jq -r '.error | .code // .type' body)" = "$openai" ]
		[ "$(code /v1/messages "$(message a)")" = "$status" ]
		[ "$(jq -r 'if .type == "error" and (.request_id | startswith("req_")) then .error.type else 1 end' body)" = "$anthropic" ]
		[ "$(stats ".faults[\"$status\"]")" = 2 ]
		stop
	done <<-'END'
	400 invalid_request_error invalid_request_error
	401 invalid_api_key authentication_error
	404 model_not_found not_found_error
	413 request_too_large request_too_large
	429 rate_limit_exceeded rate_limit_error
	500 server_error api_error
	503 server_is_overloaded overloaded_error
	529 server_is_overloaded overloaded_error
	END
}

@test "429 faults say when to come back: 1 s, or --retry-after" {
	start --fail 429:100%
	headers /v1/chat/completions "$(chat a)" | grep -x 'retry-after: 1'
	stop
	start --fail 429:100% --retry-after 1250ms
	headers /v1/messages "$(message a)" >h
	grep -x 'retry-after: 2' h
	grep -x 'retry-after-ms: 1250' h
}

@test "faults of the connection: cut, reset, hang" {
	start --fail cut:100%
	run --separate-stderr -18 post /v1/chat/completions "$(chat a)"
	[[ $output == '{"id":"chatcmpl-'* ]]
	stop
	start --fail reset:100%
	run -56 post /v1/chat/completions "$(chat a)"
	stop
	start --fail hang:100%
	run -28 post /v1/chat/completions "$(chat a)" --max-time 0.2
	# The client has left: the call is over as soon as that is noticed.
	for i in $(seq 200); do
		[ "$(stats .in_flight)" != 0 ] || break
	done
	[ "$(stats '[.in_flight, .faults.hang]')" = '[0,1]' ]
}

@test "faults in the body: garbage is never JSON, error200 has a number for a code" {
	start --fail garbage:100%
	for i in 1 2 3; do
		[ "$(code /v1/chat/completions "$(chat a)")" = 200 ]
		run ! jq -en 'input' body
	done
	stop
	start --fail error200:100%
	[ "$(code /v1/chat/completions "$(chat a)")" = 200 ]
	jq -e '.error.code | type == "number"' body
}

@test "refusals alternate between words and the filter; truncated answers say so" {
	start --fail refuse:100%
	post /v1/chat/completions "$(chat a)" | jq -e '.choices[0] | .finish_reason == "stop" and .message.content == null and (.message.refusal | length > 0)'
	post /v1/chat/completions "$(chat a)" | jq -e '.choices[0] | .finish_reason == "content_filter" and .message.content == ""'
	post /v1/responses '{"model":"m","input":"a"}' | jq -e '.status == "completed" and .output[0].content[0].type == "refusal"'
	post /v1/responses '{"model":"m","input":"a"}' | jq -e '.status == "incomplete" and .incomplete_details.reason == "content_filter"'
	post /v1/messages "$(message a)" | jq -e '.stop_reason == "refusal" and .content == []'
	stop
	start --fail truncate:100%
	# "Answer to: abcdef" has 17 bytes; half of it is 8.
	post /v1/chat/completions "$(chat abcdef)" | jq -e '.choices[0].finish_reason == "length" and .choices[0].message.content == "Answer t"'
	post /v1/responses '{"model":"m","input":"a"}' | jq -e '.status == "incomplete" and .incomplete_details.reason == "max_output_tokens"'
	post /v1/messages "$(message a)" | jq -e '.stop_reason == "max_tokens"'
}

@test "faults come at their rate, and the same with the same --seed" {
	start --fail 500:25%,503:25% --seed 7
	post '/v1/chat/completions?[1-400]' "$(chat a)" -o /dev/null -w '%{http_code}\n' >first
	stop
	start --fail 500:25%,503:0.25 --seed 7 --latency 1ms±1ms
	post '/v1/chat/completions?[1-400]' "$(chat a)" -o /dev/null -w '%{http_code}\n' >second
	stop
	start --fail 500:25%,503:25% --seed 8
	post '/v1/chat/completions?[1-400]' "$(chat a)" -o /dev/null -w '%{http_code}\n' >third
	cmp first second
	run ! cmp -s first third
	# 100 of each are to be expected; four standard deviations are 35.
	for status in 500 503; do
		n=$(grep -c "$status" first)
		[ "$n" -ge 65 ] && [ "$n" -le 135 ]
	done
}

@test "--prompt-tokens: prompts count that share of their estimate, answers as before" {
	local plain text='Is it weatherproof, and how many are in a set?'
	start
	plain=$(post /v1/chat/completions "$(chat "$text")" | jq -c '.usage | [.prompt_tokens, .completion_tokens]')
	stop
	start --prompt-tokens 250
	post /v1/chat/completions "$(chat "$text")" | jq -e --argjson plain "$plain" '.usage |
		.prompt_tokens == ($plain[0] * 2.5 | ceil) and .completion_tokens == $plain[1]'
	status=0
	"$LB_BIN/lbmock" --prompt-tokens 0 2>err || status=$?
	[ "$status" -eq 2 ]
	grep -q 'expected a number from 1 to 1000' err
}

@test "the cap on tokens really cuts, between characters" {
	start
	whole='Answer to: ééé ñandú über'
	for cap in 1 2 3 4 5 6; do
		body=$(chat 'ééé ñandú über' | jq -c ". + {max_tokens: $cap}")
		post /v1/chat/completions "$body" >answer
		jq -e --argjson cap "$cap" '.choices[0].finish_reason == "length" and .usage.completion_tokens <= $cap' answer
		text=$(jq -r '.choices[0].message.content' answer; echo .)
		text=${text%??}
		[[ $whole == "$text"* ]]
		[ "$(tokens "$text")" -le "$cap" ]
		[ "$(tokens "$text")" = "$(jq .usage.completion_tokens answer)" ]
		# One character more would be one token too many.
		longer=$(jq -rn --arg w "$whole" --arg t "$text" '$w[:($t | length) + 1]')
		[ "$(tokens "$longer")" -gt "$cap" ]
	done
	# The first letter is a token, and with the second it is more than one.
	post /v1/chat/completions "$(chat a | jq -c '. + {max_completion_tokens: 1, max_tokens: 9}')" |
		jq -e '.choices[0].message.content == "A" and .usage.completion_tokens == 1'
	post /v1/responses '{"model":"m","input":"a","max_output_tokens":1}' |
		jq -e '.status == "incomplete" and .incomplete_details.reason == "max_output_tokens" and .output[0].content[0].text == "A"'
	post /v1/messages '{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a"}]}' |
		jq -e '.stop_reason == "max_tokens" and .content[0].text == "A" and .usage.output_tokens == 1'
	# An answer that just fits is whole.
	post /v1/chat/completions "$(chat hi | jq -c ". + {max_tokens: $(tokens 'Answer to: hi')}")" |
		jq -e '.choices[0].finish_reason == "stop"'
}

@test "embeddings: 8 dimensions or as many as asked for, of length 1, the same for the same input" {
	start
	post /v1/embeddings '{"model":"m","input":["123","456","123"]}' >e
	jq -e '(.data | map(.index)) == [0,1,2] and (.data | map(.embedding | length)) == [8,8,8]
		and .data[0].embedding == .data[2].embedding and .data[0].embedding != .data[1].embedding
		and ([.data[0].embedding[] | . * .] | add - 1 | fabs) < 1e-6
		and .usage == {prompt_tokens: 3, total_tokens: 3}' e
	post /v1/embeddings '{"model":"m","input":"123"}' | jq -e --slurpfile e e '.data[0].embedding == $e[0].data[0].embedding'
	post /v1/embeddings '{"model":"m","input":[1,2,3],"dimensions":5}' |
		jq -e '(.data | length) == 1 and (.data[0].embedding | length) == 5 and .usage.prompt_tokens == 3'
	post /v1/embeddings '{"model":"m","input":[[1,2],[3]]}' | jq -e '(.data | length) == 2 and .usage.prompt_tokens == 3'
	# 2 floats are 8 bytes.
	[ "$(post /v1/embeddings '{"model":"m","input":"a","dimensions":2,"encoding_format":"base64"}' |
		jq -r '.data[0].embedding' | base64 -d | wc -c)" -eq 8 ]
}

@test "--rpm: headers, then 429 with when to come back, for each key on its own" {
	start --rpm 2
	headers /v1/chat/completions "$(chat a)" -H 'Authorization: Bearer one' >h
	grep -x 'x-ratelimit-limit-requests: 2' h
	grep -x 'x-ratelimit-remaining-requests: 1' h
	grep -x 'x-ratelimit-reset-requests: 30s' h
	[ "$(code /v1/chat/completions "$(chat a)" -H 'Authorization: Bearer one')" = 200 ]
	headers /v1/chat/completions "$(chat a)" -H 'Authorization: Bearer one' >h
	grep '^HTTP/1.1 429' h
	grep -Ex 'retry-after: (30|29)' h
	grep -Ex 'retry-after-ms: (30000|29[0-9]{3})' h
	jq -e '.error.code == "rate_limit_exceeded" and (.error.message | contains("requests per min (RPM): Limit 2, Used 2, Requested 1."))' body
	[ "$(code /v1/chat/completions "$(chat a)" -H 'x-api-key: two')" = 200 ]
	[ "$(stats '[.ok, .rate_limited]')" = '[3,1]' ]
}

@test "--tpm counts the input and the cap on the output; what can never fit says so" {
	start --tpm 1000
	prompt=$(estimate "$(chat abcd)")
	# The prompt, and 16 because there is no cap.
	headers /v1/chat/completions "$(chat abcd)" | grep -x "x-ratelimit-remaining-tokens: $((1000 - prompt - 16))"
	# What is left and what came in since is fewer than this.
	body=$(chat abcd | jq -c '. + {max_tokens: 990}')
	[ "$(code /v1/chat/completions "$body")" = 429 ]
	jq -e --arg n "$((prompt + 990))" '.error.type == "tokens" and (.error.message
		| contains("tokens per min (TPM): Limit 1000, Used") and contains("Requested \($n)."))' body
	headers /v1/chat/completions "$(chat abcd | jq -c '. + {max_tokens: 1000}')" >h
	grep '^HTTP/1.1 429' h
	run ! grep -i '^retry-after' h
	[ "$(jq -r .error.message body)" = "Request too large for m on tokens per min (TPM): Limit 1000, Requested $((prompt + 1000))." ]
}

@test "Anthropic's rate limit headers tell the time of the reset" {
	start --rpm 60 --tpm 6000
	headers /v1/messages "$(message abcd)" >h
	grep -x 'anthropic-ratelimit-requests-limit: 60' h
	grep -x 'anthropic-ratelimit-requests-remaining: 59' h
	# 100 tokens and those of the prompt, of 6,000 a minute, are back after little more than a second.
	grep -x "anthropic-ratelimit-tokens-remaining: $((6000 - $(estimate "$(message abcd)") - 100))" h
	reset=$(sed -n 's/^anthropic-ratelimit-tokens-reset: //p' h)
	[[ $reset =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z$ ]]
	late=$(($(date -d "$reset" +%s) - $(date +%s)))
	[ "$late" -ge 0 ] && [ "$late" -le 3 ]
	run ! grep '^x-ratelimit' h
	stop
	start --rpm 1
	[ "$(code /v1/messages "$(message a)")" = 200 ]
	[ "$(code /v1/messages "$(message a)")" = 429 ]
	jq -e '.type == "error" and .error.type == "rate_limit_error"' body
}

@test "--burst bounds what may come at once; the bucket refills" {
	start --rpm 1200 --burst 2
	post '/v1/chat/completions?[1-3]' "$(chat a)" -o /dev/null -w '%{http_code}\n' >codes
	[ "$(head -n 2 codes | tr '\n' ' ')" = '200 200 ' ]
	# One request is back after 50 ms.
	for i in $(seq 1000); do
		[ "$(code /v1/chat/completions "$(chat a)")" != 200 ] || break
	done
	[ "$i" -lt 1000 ]
}

@test "--quota: after N calls the credit is spent, as each provider says it" {
	start --quota 2
	[ "$(code /v1/chat/completions "$(chat a)")" = 200 ]
	[ "$(code /v1/messages "$(message a)")" = 200 ]
	[ "$(code /v1/chat/completions "$(chat a)")" = 429 ]
	jq -e '.error.type == "insufficient_quota" and .error.code == "insufficient_quota"' body
	[ "$(code /v1/messages "$(message a)")" = 400 ]
	jq -e '.error.message | startswith("Your credit balance is too low")' body
	[ "$(stats '[.ok, .quota]')" = '[2,2]' ]
}

@test "--key: whoever does not send it gets 401; without it nobody is asked" {
	start --key sk-good
	[ "$(code /v1/chat/completions "$(chat a)")" = 401 ]
	jq -e '.error.code == "invalid_api_key"' body
	[ "$(code /v1/chat/completions "$(chat a)" -H 'Authorization: Bearer sk-bad')" = 401 ]
	[ "$(code /v1/chat/completions "$(chat a)" -H 'Authorization: Bearer sk-good')" = 200 ]
	[ "$(code /v1/messages "$(message a)" -H 'x-api-key: sk-good')" = 200 ]
	[ "$(code /v1/messages "$(message a)")" = 401 ]
	jq -e '.error.type == "authentication_error"' body
}

# Joins the data lines of the stream in file stream.
data() {
	sed -n 's/^data: //p' stream
}

@test "chat streams: role, pieces, reason, usage, [DONE]; together the whole answer" {
	start
	text='żółć 日本語 naïve café'
	body=$(chat "$text" | jq -c '. + {stream: true, stream_options: {include_usage: true}}')
	post /v1/chat/completions "$body" -D h >stream
	grep -i '^content-type: text/event-stream' h
	[ "$(data | tail -n 1)" = '[DONE]' ]
	data | grep -v DONE | jq -s . >chunks
	jq -e 'all(.object == "chat.completion.chunk") and (map(.id) | unique | length) == 1
		and .[0].choices[0].delta.role == "assistant" and length > 5
		and .[-2].choices[0].finish_reason == "stop" and .[-1].choices == []' chunks
	[ "$(jq -r 'map(.choices[0].delta.content // "") | join("")' chunks)" = "Answer to: $text" ]
	jq -e 'all(.choices[0].delta.content // "" | contains("\ufffd") | not)' chunks
	post /v1/chat/completions "$(chat "$text")" | jq -e --slurpfile c chunks '.usage == $c[0][-1].usage'
	# Without include_usage there is no such chunk.
	post /v1/chat/completions "$(chat hi | jq -c '. + {stream: true}')" >stream
	data | grep -v DONE | jq -se 'all(has("usage") | not)'
}

@test "Responses streams: numbered events, deltas, and the whole response at the end" {
	start
	post /v1/responses '{"model":"m","input":"some words to stream","stream":true}' >stream
	[ "$(sed -n 's/^event: //p' stream | uniq | tr '\n' ' ')" = 'response.created response.in_progress response.output_item.added response.content_part.added response.output_text.delta response.output_text.done response.content_part.done response.output_item.done response.completed ' ]
	data | jq -s . >events
	jq -e 'map(.sequence_number) == [range(length)]' events
	jq -e '(map(select(.type == "response.output_text.delta").delta) | join("")) == "Answer to: some words to stream"
		and .[-1].response.output[0].content[0].text == "Answer to: some words to stream"
		and .[-1].response.status == "completed" and .[-1].response.usage.output_tokens == $out' --argjson out "$(tokens 'Answer to: some words to stream')" events
	post /v1/responses '{"model":"m","input":"a","stream":true,"max_output_tokens":1}' >stream
	[ "$(sed -n 's/^event: //p' stream | tail -n 1)" = response.incomplete ]
}

@test "Anthropic streams: message_start to message_stop" {
	start
	body=$(message 'some words to stream' | jq -c '. + {stream: true}')
	post /v1/messages "$body" >stream
	[ "$(sed -n 's/^event: //p' stream | uniq | tr '\n' ' ')" = 'message_start content_block_start ping content_block_delta content_block_stop message_delta message_stop ' ]
	data | jq -se --argjson in "$(estimate "$body")" --argjson out "$(tokens 'Answer to: some words to stream')" '
		(map(select(.type == "content_block_delta").delta.text) | join("")) == "Answer to: some words to stream"
		and .[0].message.usage.input_tokens == $in and .[0].message.content == []
		and .[-2].delta.stop_reason == "end_turn" and .[-2].usage.output_tokens == $out'
}

@test "a stream that is cut ends half-way, without [DONE]" {
	start --fail cut:100%
	run --separate-stderr -18 post /v1/chat/completions "$(chat 'some words to stream' | jq -c '. + {stream: true}')"
	[[ $output == 'data: {'* ]]
	[[ $output != *DONE* ]]
}

@test "--latency holds replies back, hundreds at a time" {
	start --latency 300ms
	post '/v1/chat/completions?[1-200]' "$(chat a)" -Z --parallel-immediate --parallel-max 200 \
		-o /dev/null -w '%{http_code} %{time_total}\n' >times
	[ "$(grep -c '^200 ' times)" -eq 200 ]
	awk '$2 < 0.3 { exit 1 }' times
	[ "$(stats '.peak_in_flight >= 100')" = true ]
}

@test "--latency MEAN±SPREAD varies around its mean; +- will do as well" {
	for spread in 100ms±50ms 100ms+-50ms; do
		start --latency "$spread" --seed 1
		post '/v1/chat/completions?[1-100]' "$(chat a)" -Z --parallel-immediate --parallel-max 100 \
			-o /dev/null -w '%{time_total}\n' >times
		# 100 draws: the mean is right to four standard errors, 20 ms, and what the machine adds.
		awk '{ s += $1; if ($1 < low || low == 0) low = $1; if ($1 > high) high = $1 }
			END { m = s / NR; exit !(m > 0.08 && m < 0.4 && low < m - 0.02 && high > m + 0.05) }' times
		stop
	done
}

@test "--log: a line for each call, with what was billed and never the key" {
	start --log log --rpm 1000 --fail cut:100%
	run --separate-stderr -18 post /v1/chat/completions "$(chat abcd | jq -c '. + {max_tokens: 50, user: "item-1"}')" -H 'Authorization: Bearer sk-very-secret'
	stop
	start --log log
	[ "$(code /v1/messages "$(message abcd | jq -c '. + {metadata: {custom_id: "item-2"}, stream: true}')")" = 200 ]
	[ "$(code /v1/chat/completions '{}')" = 400 ]
	[ "$(wc -l <log)" -eq 3 ]
	jq -e -s '(map(keys_unsorted) | unique) == [["t","path","model","status","fault","custom","prompt_tokens","completion_tokens","max_tokens","key","hash","stream","batch"]]' log
	jq -e -s 'all(now - .t < 60 and now - .t > -1) and all(.hash | test("^[0-9a-f]{16}$"))' log
	jq -e -s --argjson in "$(estimate "$(chat abcd)")" --argjson out "$(tokens 'Answer to: abcd')" '.[0]
		| .path == "/v1/chat/completions" and .model == "m" and .status == 200 and .fault == "cut"
		and .custom == "item-1" and .prompt_tokens == $in and .completion_tokens == $out and .max_tokens == 50
		and (.key | test("^[0-9a-f]{8}$")) and .stream == false' log
	jq -e -s '.[1] | .path == "/v1/messages" and .fault == null and .custom == "item-2" and .key == null and .max_tokens == 100 and .stream' log
	jq -e -s '.[2] | .status == 400 and .model == null and .prompt_tokens == 0 and .completion_tokens == 0' log
	run ! grep -q secret log
	[ "$(stat -c %a log)" = 600 ]
}

@test "--log: equal bodies and keys have equal hashes, others do not" {
	start --log log
	for key in one two one; do
		code /v1/chat/completions "$(chat "$key")" -H "Authorization: Bearer $key"
	done
	jq -e -s 'map(.key) | .[0] == .[2] and .[0] != .[1]' log
	jq -e -s 'map(.hash) | .[0] == .[2] and .[0] != .[1]' log
}

@test "--log: a call is in it although its client died before the reply" {
	start --log log --latency 1h
	run -28 post /v1/chat/completions "$(chat a)" --max-time 0.2
	jq -e '.status == 200 and .prompt_tokens > 6' log
	stop
	[ "$status" -eq 0 ]
}

@test "--pretty prints over several lines, and the same JSON" {
	start --pretty
	post /v1/chat/completions "$(chat 'a "quoted: {text}", \ and more')" >answer
	[ "$(wc -l <answer)" -gt 20 ]
	jq -e '.choices[0].message.content == "Answer to: a \"quoted: {text}\", \\ and more"' answer
	jq --indent 2 . answer | cmp - answer
}

@test "--socket serves a Unix socket as well, and removes it at the end" {
	start --socket sock
	curl -sSf --unix-socket sock http://localhost/v1/models >/dev/null
	curl -sSf "$url/v1/models" >/dev/null
	# One that a killed server left behind does not stand in the way of the next.
	kill -KILL "$pid"
	wait "$pid" || true
	[ -S sock ]
	start --socket sock
	curl -sSf --unix-socket sock http://localhost/v1/models >/dev/null
	stop
	[ ! -e sock ]
}

@test "SIGTERM and SIGINT end it with status 0, with calls still waiting" {
	for signal in -TERM -INT; do
		start --latency 1h
		post '/v1/chat/completions?[1-20]' "$(chat a)" -Z --parallel-immediate >/dev/null 2>&1 3>&- &
		client=$!
		for i in $(seq 500); do
			[ "$(stats .in_flight)" != 20 ] || break
		done
		[ "$(stats .in_flight)" = 20 ]
		stop "$signal"
		[ "$status" -eq 0 ]
		[ ! -s err ]
		wait "$client" || true
	done
}

@test "statistics add up: requests are ok, limited, over quota, wrong, or faults" {
	start --fail 500:50%,truncate:10% --quota 20 --rpm 30 --seed 3
	post '/v1/chat/completions?[1-40]' "$(chat a)" -o /dev/null
	stats '.requests == 40 and .requests == .ok + .rate_limited + .quota + .errors + ([.faults[]] | add)' | grep -x true
	# The quota is used up first, then what a minute allows.
	[ "$(stats '[.quota >= 10, .rate_limited <= 10]')" = '[true,true]' ]
}

# example N: the Nth example of the manual page, as a shell would get it.
example() {
	awk -v n="$1" '/^\.Bd/ { k++; on = 1; next } /^\.Ed/ { on = 0 } on && k == n' \
		"$BATS_TEST_DIRNAME/../../man/lbmock.1" | sed 's/\\e$/\\/; s/\\(+-/±/g'
}

@test "the examples of the manual page work" {
	PATH=$LB_BIN:$PATH
	[[ $(example 1) == "lbmock "* ]]
	# shellcheck disable=SC2046 # its arguments, which have no blanks in them
	start $(example 1 | sed -n '/^lbmock/,/&$/p' | tr -d '\\\n&' | sed 's/^lbmock//')
	[[ $(code /v1/chat/completions "$(chat a)") =~ ^(200|429|500)$ ]]
	stop
	rm port
	eval "$(example 3)" 3>&-
	pid=$!
	eval "$(example 2 | sed "s/8080/$port/")" | jq -e '.choices[0].message.content == "web"'
	body=$(chat 'Classify as one of: web, database, game: a web page')
	[ "$(eval "$(example 4)")" = $(($(estimate "$body") + $(tokens web))) ]
}
