#!/usr/bin/env bats
# lbchunk, unpacking: items with the answers that results carry. lbchunk_wrap.bats has both
# jobs at once.

load helper

# Results of each API with a text: chat TEXT [REASON], responses TEXT [REASON], messages TEXT [REASON].
chat() {
	jq -nc --arg t "$1" --arg r "${2-stop}" '{choices: [{index: 0, message: {role: "assistant", content: $t}, finish_reason: $r}]}'
}

responses() {
	jq -nc --arg t "$1" --arg r "${2-}" '{object: "response", status: (if $r == "" then "completed" else "incomplete" end),
		incomplete_details: (if $r == "" then null else {reason: $r} end),
		output: [{type: "reasoning", summary: []}, {type: "message", role: "assistant", content: [{type: "output_text", text: $t}]}]}'
}

messages() {
	jq -nc --arg t "$1" --arg r "${2-end_turn}" '{type: "message", role: "assistant", content: [{type: "text", text: $t}], stop_reason: $r}'
}

# result BODY ITEMS [REQUEST BODY] [MORE OF LB]: a result line, with these bytes.
result() {
	printf '{"custom_id":"c","body":%s,"lb":{"items":%s%s},"response":{"status_code":200,"body":%s},"error":null}\n' \
		"${3-{\}}" "$2" "${4-}" "$1"
}

# unpacks STATUS EXPECTED [argument]...: the file in; what comes out is, byte for byte, EXPECTED.
unpacks() {
	local want=$1
	printf '%s\n' "$2" >want
	shift 2
	call lbchunk -u "$@" <in
	status_is "$want"
	same want out
}

# fails CODE [argument]...: the file in, a result for the item {"id":1}.
fails() {
	local code=$1
	shift
	call lbchunk -u "$@" <in
	status_is 1
	[ "$(jq -c '[.id, .error.code, has("answer"), (.error.message | length > 0)]' out)" = "[1,\"$code\",false,true]" ] ||
		{ cat out; return 1; }
}

SCHEMA_BODY='{"response_format":{"type":"json_schema"}}'

# bats test_tags=valgrind
@test "an answer in text, from each API, stands behind the item's own members" {
	local api
	for api in chat responses messages; do
		echo "$api"
		result "$($api $'a "b"\né \\n')" '[{"id":1, "big":12345678901234567890}]' >in
		unpacks 0 '{"id":1, "big":12345678901234567890,"answer":"a \"b\"\né \\n"}'
	done
}

# bats test_tags=valgrind
@test "an answer in JSON, where a schema was asked for, is that JSON; a fence around it goes" {
	local body text
	for body in "$SCHEMA_BODY" '{"text":{"format":{"type":"json_schema"}}}' '{"output_config":{"format":{"type":"json_schema"}}}' \
		'{"response_format":{"type":"json_object"}}'; do
		for text in '{"x": 1.0, "y": 12345678901234567890}' $' {"x": 1.0,\n "y": 12345678901234567890}\n' \
			$'```json\n{"x":1.0,"y":12345678901234567890}\n```' $'\n```\n{"x":1.0,"y":12345678901234567890}\n```\n'; do
			result "$(chat "$text")" '[{"id":1}]' "$body" >in
			unpacks 0 '{"id":1,"answer":{"x":1.0,"y":12345678901234567890}}'
		done
	done
	result "$(chat '{"x": 1}')" '[{"id":1}]' >in
	unpacks 0 '{"id":1,"answer":"{\"x\": 1}"}'
	for text in '' 'Sure: {"x":1}' '{"x":' '```json' '``````' $'```json\n{"x":\n```'; do
		result "$(chat "$text")" '[{"id":1}]' "$SCHEMA_BODY" >in
		fails bad_answer
	done
}

# bats test_tags=valgrind
@test "cut off, refused, filtered, empty: each API's way to say so is a failure" {
	local code body
	while read -r code body; do
		echo "$code $body"
		result "$(eval "$body")" '[{"id":1}]' >in
		fails "$code"
	done <<-'EOT'
		truncated chat half length
		truncated responses half max_output_tokens
		truncated messages half max_tokens
		truncated messages half model_context_window_exceeded
		content_filter chat half content_filter
		content_filter responses half content_filter
		refusal messages half refusal
		refusal echo '{"choices":[{"message":{"content":null,"refusal":"No."},"finish_reason":"stop"}]}'
		refusal echo '{"object":"response","status":"completed","output":[{"type":"message","content":[{"type":"refusal","refusal":"No."}]}]}'
		no_answer echo '{"choices":[]}'
		no_answer echo '{"choices":[{"message":{"content":null},"finish_reason":"stop"}]}'
		no_answer echo '{"choices":[{"message":{"tool_calls":[{"id":"t"}]},"finish_reason":"tool_calls"}]}'
		no_answer echo '{"object":"response","status":"completed","output":[]}'
		no_answer echo '{"object":"response","status":"failed","output":[]}'
		no_answer echo '{"type":"message","content":[],"stop_reason":"end_turn"}'
		no_answer echo '{}'
		no_answer echo '[1]'
		no_answer echo null
	EOT
}

# packed ANSWERS [ITEMS]: a result for three items whose text is the JSON.
packed() {
	result "$(chat "$1")" "${2-[{\"id\":1\},{\"id\":2\},{\"id\":3\}]}" '{}' ',"packed":true' >in
}

# outcomes: of each item of out, "id=answer" or "id!code".
outcomes() {
	jq -r 'if .error then "\(.id)!\(.error.code)" else "\(.id)=\(.answer)" end' out | xargs
}

# bats test_tags=valgrind
@test "packed answers go by their number; missing, repeated, surplus and malformed ones fail" {
	local want text
	while IFS='|' read -r want text; do
		echo "$text"
		packed "$text"
		call lbchunk -u <in
		[ "$(outcomes)" = "$want" ] || { outcomes; return 1; }
		[ "$status" -eq "$(grep -c '"error"' out | awk '{ print ($1 > 0) }')" ]
	done <<-'EOT'
		1=a 2=b 3=c|{"answers":[{"n":1,"answer":"a"},{"n":2,"answer":"b"},{"n":3,"answer":"c"}]}
		1=a 2=b 3=c|{"answers":[{"n":3,"answer":"c"},{"answer":"a","n":1},{"n":2,"answer":"b"}]}
		1=a 2=b 3=c|{"answers":[{"n":"3","answer":"c"},{"n":"1","answer":"a"},{"n":"2","answer":"b"}]}
		1=a 2=b 3=c|[{"n":1,"answer":"a"},{"n":2,"answer":"b"},{"n":3,"answer":"c"}]
		1=a 2!answer_missing 3=c|{"answers":[{"n":1,"answer":"a"},{"n":3,"answer":"c"}]}
		1=a 2!answer_missing 3=c|{"answers":[{"n":1,"answer":"a"},{"n":2},{"n":3,"answer":"c"}]}
		1!answer_missing 2!answer_missing 3!answer_missing|{"answers":[]}
		1=a 2!answer_repeated 3=c|{"answers":[{"n":1,"answer":"a"},{"n":2,"answer":"b"},{"n":2,"answer":"x"},{"n":3,"answer":"c"}]}
		1!answer_missing 2!answer_repeated 3=c|{"answers":[{"n":2,"answer":"b"},{"n":2,"answer":"b"},{"n":2,"answer":"b"},{"n":3,"answer":"c"}]}
		1!answers_surplus 2!answers_surplus 3!answers_surplus|{"answers":[{"n":1,"answer":"a"},{"n":2,"answer":"b"},{"n":3,"answer":"c"},{"n":4,"answer":"d"}]}
		1!answers_surplus 2!answers_surplus 3!answers_surplus|{"answers":[{"n":2,"answer":"a"},{"n":3,"answer":"b"},{"n":4,"answer":"c"}]}
		1!answers_surplus 2!answers_surplus 3!answers_surplus|{"answers":[{"n":0,"answer":"a"},{"n":1,"answer":"b"},{"n":2,"answer":"c"}]}
		1!answers_surplus 2!answers_surplus 3!answers_surplus|{"answers":[{"n":1,"answer":"a"},{"answer":"b"},{"n":3,"answer":"c"}]}
		1!answers_surplus 2!answers_surplus 3!answers_surplus|{"answers":[{"n":1.5,"answer":"a"},{"n":99999999999999999999,"answer":"c"}]}
		1!answers_surplus 2!answers_surplus 3!answers_surplus|{"answers":["a","b","c"]}
		1!bad_answer 2!bad_answer 3!bad_answer|{"answers":{"1":"a"}}
		1!bad_answer 2!bad_answer 3!bad_answer|{"results":[]}
		1!bad_answer 2!bad_answer 3!bad_answer|a, b, c
		1!bad_answer 2!bad_answer 3!bad_answer|{"answers":[{"n":1,"answer":"a"},{"n":2,"answer":"b"}
		1!bad_answer 2!bad_answer 3!bad_answer|"text"
	EOT
}

@test "packed answers keep their bytes, of any type" {
	packed '{"answers": [{"n":1, "answer":{"x": 1.0}}, {"n":2, "answer":12345678901234567890}, {"n":3, "answer":null}]}'
	unpacks 0 $'{"id":1,"answer":{"x":1.0}}\n{"id":2,"answer":12345678901234567890}\n{"id":3,"answer":null}'
	packed $'```json\n{"answers":[{"n":1,"answer":"\\u0041\\n"}]}\n```' '[{"id":1}]'
	unpacks 0 '{"id":1,"answer":"\u0041\n"}'
	result "$(chat x length)" '[{"id":1},{"id":2}]' '{}' ',"packed":true' >in
	call lbchunk -u <in
	[ "$(outcomes)" = '1!truncated 2!truncated' ]
}

@test "embeddings go by their index, not by their place" {
	result '{"data":[{"index":1,"embedding":[0.10,2e5]},{"index":0,"embedding":[1]}]}' '[{"id":1},{"id":2}]' >in
	unpacks 0 $'{"id":1,"v":[1]}\n{"id":2,"v":[0.10,2e5]}' --into v
	result '{"data":[{"index":1,"embedding":[2]},{"index":7,"embedding":[7]}]}' '[{"id":1},{"id":2}]' >in
	call lbchunk -u <in
	status_is 1
	[ "$(outcomes)" = '1!answer_missing 2=[2]' ]
	# Two vectors with one number: neither can be believed.
	result '{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[2]},{"index":1,"embedding":[3]}]}' '[{"id":1},{"id":2}]' >in
	call lbchunk -u <in
	status_is 1
	[ "$(outcomes)" = '1!answer_repeated 2=[3]' ]
}

# bats test_tags=valgrind
@test "--into names the member, which takes the place of one of that name; --answer says where it is" {
	result "$(chat new)" '[{"label": "old" ,"id":1}]' >in
	unpacks 0 '{"label": "new" ,"id":1}' --into label
	unpacks 0 '{"label": "old" ,"id":1,"answer":"new"}'
	result '{"a":[{"t":"deep"}],"n":12345678901234567890}' '[{"id":1}]' >in
	unpacks 0 '{"id":1,"answer":"deep"}' --answer '.a[0].t'
	unpacks 0 '{"id":1,"answer":"DEEP"}' --answer '.a[0].t | ascii_upcase'
	unpacks 0 '{"id":1,"answer":12345678901234567890}' --answer .n
	result '{"a":{"x":1}}' '[{"id":1}]' "$SCHEMA_BODY" >in
	unpacks 0 '{"id":1,"answer":{"x":1}}' --answer .a
	fails no_answer --answer .b
	fails no_answer --answer empty
	fails no_answer --answer '.a.x.y'
	result "$(chat half length)" '[{"id":1}]' >in
	fails truncated --answer '.choices[0].message.content'
}

@test "the error that an earlier run left in an item goes when there is an answer; any other stays" {
	result "$(chat yes)" '[{"id":1,"error":{"code":"http_500","message":"m"}}]' >in
	unpacks 0 '{"id":1,"answer":"yes"}'
	result "$(chat yes)" '[{"id":1,"error":"own"}]' >in
	unpacks 0 '{"id":1,"error":"own","answer":"yes"}'
	result "$(chat half length)" '[{"id":1,"error":{"code":"http_500","message":"m"}}]' >in
	fails truncated
}

# bats test_tags=valgrind
@test "a failed result fails each of its items with its error, as it stands" {
	local error='{"code":"http_500","message":"m", "n":1e400}'
	printf '{"custom_id":"c","lb":{"items":[{"id":1},"text",{"id":2,"error":"own"}]},"response":null,"error":%s}\n' "$error" >in
	unpacks 1 "{\"id\":1,\"error\":$error}
{\"item\":\"text\",\"error\":$error}
{\"id\":2,\"error\":$error}"
}

@test "items that are no objects, and results without items, get an object to stand in" {
	result "$(chat yes)" '["text"]' >in
	result "$(chat yes)" '[ [1, 2] ]' >>in
	result "$(chat yes)" '[12345678901234567890]' >>in
	printf '{"custom_id":"c","response":{"body":%s}}\n' "$(chat yes)" "$(chat yes)" >>in
	printf '{"response":{"body":%s}}\n' "$(chat yes)" >>in
	unpacks 0 '{"item":"text","answer":"yes"}
{"item":[1, 2],"answer":"yes"}
{"item":12345678901234567890,"answer":"yes"}
{"custom_id":"c","answer":"yes"}
{"custom_id":"c","answer":"yes"}
{"custom_id":null,"answer":"yes"}'
	printf '%s\n' '{"custom_id":"r","body":{} }' '{"any": "item"}' >in
	unpacks 0 "$(cat in)"
}

# bats test_tags=valgrind
@test "an item that has failed passes; requests pass, and it is said that they were never answered" {
	printf '%s\n' '{"id":1, "error":{"code":"http_500","message":"m"} }' '{"error":"own","n":1.0}' \
		'{"custom_id":"x","error":{"code":"refusal"},"text":"t"}' >in
	unpacks 1 "$(cat in)"
	[ ! -s err ]
	# A result that failed is none.
	echo '{"custom_id":"x","body":{},"response":null,"error":{"code":"refusal"}}' >in
	unpacks 1 '{"custom_id":"x","error":{"code":"refusal"}}'
	lbchunk -m m -p '\(.n)' >in < <(printf '{"n":%d}\n' 1 2 3)
	unpacks 0 "$(cat in)"
	[ "$(cat err)" = "lbchunk: -u: requests came that were never answered, and passed: 3; put  lbcall  before it" ]
}

# hostile SEED COUNT: objects of every shape that must pass unchanged, spaced as they please.
hostile() {
	cat >hostile.py <<-'EOT'
		import random, sys
		r = random.Random(int(sys.argv[1]))
		space = lambda: r.choice(["", "", "", " ", "\t", "  "])
		def string():
		    return '"' + "".join(r.choice(["a", "é", "😀", "\\u0041", "\\ud83d\\ude00", "\\ud800", "\\n", "\\\"", "\\\\", "\\/",
		        "\x7f", "}", "]", ",", ":", "\\u0000"]) for _ in range(r.randrange(6))) + '"'
		def value(depth):
		    kind = r.randrange(8 if depth else 6)
		    if kind == 0: return r.choice(["null", "true", "false"])
		    if kind == 1: return r.choice(["12345678901234567890123", "1e400", "-0.0", "1.0", "1E+2", "0", "-9223372036854775809"])
		    if kind < 6: return string()
		    if kind == 6: return "[" + space() + ("," + space()).join(value(depth - 1) + space() for _ in range(r.randrange(4))) + "]"
		    return obj(depth - 1, [])
		names = ['"a"', '"a"', '"id"', '"body"', '"lb"', '"error"', '"response"', '"answer"', '"items"', '"\\u0061"', '""']
		def obj(depth, first):
		    members = first + [r.choice(names) + space() + ":" + space() + value(depth) for _ in range(r.randrange(5))]
		    return "{" + space() + ("," + space()).join(m + space() for m in members) + "}"
		for i in range(int(sys.argv[2])):
		    print(obj(3, ['"k":%d' % i]))
	EOT
	python3 hostile.py "$1" "$2"
}

@test "items come back byte for byte, whatever is in them (seeded)" {
	start_mock
	local seed n
	seed=$RANDOM
	echo "seed: $seed"
	hostile "$seed" 400 >in
	for n in 1 7; do
		lbchunk -m m -n $n -p '\(.k)' --into the-answer lbcall -u "$MOCK" --auth none <in >out 2>err || { cat err; return 1; }
		[ "$(lines out)" -eq 400 ]
		# Without the answer, which stands last, each is the item.
		sed 's/,"the-answer":"[^"]*"}$/}/' out | sort >got
		sort in >want
		same want got
	done
}
