#!/usr/bin/env bats
# lbchunk, unpacking: items with the answers that results carry; and around a command, where it asks
# again for what a pack left out.

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

# A model to be wrapped: answers each item with "for ID", after a fault of the kind in FAULT at the
# first request for a pack with an item; notes how many items each request had.
model() {
	cat >model.py <<-'EOT'
		import json, os, re, sys
		fault = os.environ.get("FAULT", "")
		log = open("sizes", "a", buffering=1)
		faulty = set()
		def answer(r):
		    user = r["body"]["messages"][-1]["content"]
		    if not r["lb"].get("packed"):
		        log.write("1\n")
		        return "for " + user
		    ids = re.findall(r"### \d+\n(.*)\n", user)
		    log.write("%d\n" % len(ids))
		    answers = [{"n": n + 1, "answer": "for " + i} for n, i in enumerate(ids)]
		    if fault.startswith("always-") or not faulty & set(ids):
		        faulty.update(ids)
		        kind = fault.replace("always-", "")
		        if kind == "missing": answers = answers[:-1]
		        if kind == "empty": answers = []
		        if kind == "repeated": answers.append({"n": 1, "answer": "wrong"})
		        if kind == "surplus": answers.append({"n": len(ids) + 1, "answer": "wrong"})
		        if kind == "renumbered":
		            for a in answers: a["n"] += 1
		        if kind == "prose": return "I would say " + ids[0]
		        if kind == "torn": return json.dumps({"answers": answers})[:-2]
		    answers.reverse()
		    return json.dumps({"answers": answers})
		for line in sys.stdin:
		    r = json.loads(line)
		    choice = {"message": {"content": answer(r)}, "finish_reason": "stop"}
		    if fault == "length" and r["lb"].get("packed"):
		        choice["finish_reason"] = "length"
		    print(json.dumps({"custom_id": r["custom_id"], "response": {"status_code": 200, "body": {"choices": [choice]}},
		        "error": None}), flush=True)
	EOT
	seq 100 | jq -c '{id: "i\(.)"}' >in
}

@test "around a command: what a faulty pack left out is asked again, in smaller packs, and each gets its own answer" {
	model
	local fault
	for fault in missing empty repeated surplus renumbered prose torn length; do
		echo "fault: $fault"
		rm -f sizes
		FAULT=$fault call lbchunk -k -m m -n 8 -p '\(.id)' python3 model.py <in
		status_is 0
		holds out '.answer == "for " + .id'
		jq -c 'del(.answer)' out >got
		same in got
		# 100 items in packs of 8; then packs of at most half that.
		[ "$(head -n 1 sizes)" -eq 8 ]
		[ "$(sort -n sizes | uniq | grep -c '^[1248]$')" -ge 2 ]
	done
}

@test "around a command: a pack that fails for ever comes down to single requests, and ends" {
	model
	head -n 8 in >eight
	FAULT=always-empty call lbchunk -m m -n 8 -p '\(.id)' python3 model.py <eight
	status_is 0
	holds out '.answer == "for " + .id'
	# One request for eight, then two, four, and all by themselves.
	[ "$(xargs <sizes)" = "8 4 4 2 2 2 2 1 1 1 1 1 1 1 1" ]
}

@test "around a command: a failed request is not asked again, and fails each of its items" {
	jq -nc 'range(4) | {id: "i\(.)"}' >in
	call lbchunk -k -m m -n 4 -p x sh -c 'tee seen | jq -c ". + {response: null, error: {code: \"http_500\"}}"' <in
	status_is 1
	[ "$(lines seen)" -eq 1 ]
	jq -c '. + {error: {code: "http_500"}}' in >want
	same want out
	# The command may leave out all but the id; and may die.
	call lbchunk -k -m m -n 4 -p x jq -c '{custom_id, response: null, error: {code: "http_500"}}' <in
	status_is 1
	same want out
	call lbchunk -k -m m -n 4 -p x true <in
	status_is 4
	[ "$(jq -r '"\(.id) \(.error.code)"' out | xargs)" = "i0 command_died i1 command_died i2 command_died i3 command_died" ]
}

@test "around a command: items of every kind and bad lines, in input order with -k" {
	model
	printf '%s\n' '"s"' '{"custom_id":"x","body":{}}' '{"error":"e"}' broken '[1]' 7 '{"custom_id":"x","response":{},"error":null}' >in
	call lbchunk -k -m m -n 3 -p x --id '"same"' python3 model.py <in
	status_is 1
	cat >want <<-'EOT'
		{"item":"s","answer":"for x"}
		{"custom_id":"x","body":{},"answer":"for x"}
		{"error":"e","answer":"for x"}
		bad_record
		{"item":[1],"answer":"for x"}
		{"item":7,"answer":"for x"}
		{"custom_id":"x","response":{},"error":null,"answer":"for x"}
	EOT
	jq -r 'if .error.code? then .error.code else tojson end' out >got
	same want got
}

@test "around a command with --rounds: one that answers at end of input is asked again, too" {
	model
	FAULT=missing call lbchunk -k --rounds -m m -n 8 -p '\(.id)' sh -c 'python3 model.py | tac' <in
	status_is 0
	holds out '.answer == "for " + .id'
	jq -c 'del(.answer)' out >got
	same in got
}

@test "around a command: a signal; what is gathered is cancelled, what is asked is answered" {
	model
	mkfifo stdin gate
	timeout -k 5 60 lbchunk -m m -n 2 -p '\(.id)' sh -c 'cat >asked; read -r go <gate; python3 model.py <asked' <stdin >out 2>err 3>&- &
	pid=$!
	exec 8>stdin
	printf '{"id":"%s"}\n' a b c >&8
	until [ -s asked ]; do sleep 0.01; done
	kill -INT "$(pgrep -P "$pid" -x lbchunk)"
	echo go >gate
	exec 8>&-
	status=0
	wait "$pid" || status=$?
	status_is 3
	[ "$(jq -r '"\(.id) \(.answer) \(.error.code)"' out | sort | xargs -d '\n')" = "a for a null b for b null c null cancelled" ]
}

@test "bad_item failures travel through the call and back to their item" {
	start_mock
	printf '%s\n' '{"id":"a","n":1}' '{"id":"b","n":"x"}' '"text"' >in
	lbchunk -m m -n 2 -p '\(.n + 1)' <in | lbcall -u "$MOCK" --auth none | lbchunk -u >out
	[ "$(jq -r '"\(.id // .item) \(.error.code)"' out | sort | xargs -d '\n')" = "a null b bad_item text bad_item" ]
	call lbchunk -m m -n 2 -p '\(.n + 1)' lbcall -u "$MOCK" --auth none <in
	status_is 1
	[ "$(jq -r '"\(.id // .item) \(.error.code)"' out | sort | xargs -d '\n')" = "a null b bad_item text bad_item" ]
}

@test "a provider that garbles packs: nobody gets another's answer, and asking again gets all of them" {
	start_mock --seed 7 --fail missing:10%,repeat:10%,surplus:10%,renumber:10%,malformed:10%
	local colours='red green blue black white brown pink'
	jq -nc --arg c "$colours" '($c / " ") as $c | range(700) | {id: ., colour: $c[. % 7]}' >in
	ask=(-m m -n 7 -s "Answer with one of: ${colours// /, }." -p 'A thing of \(.colour) colour, number \(.id)')
	# Without asking again, a wrong answer would show: in a pack no two colours are alike.
	lbchunk "${ask[@]}" <in | lbcall -u "$MOCK" --auth none | lbchunk -u >out
	[ "$(jq .id out | sort -nu | wc -l)" -eq 700 ]
	holds out 'if .error then .error.code | IN("answer_missing", "answer_repeated", "answers_surplus", "bad_answer")
		else .answer == .colour end'
	[ "$(jq -r '.error.code // empty' out | sort -u | wc -l)" -eq 4 ]
	call lbchunk "${ask[@]}" lbcall -u "$MOCK" --auth none <in
	status_is 0
	[ "$(jq .id out | sort -nu | wc -l)" -eq 700 ]
	holds out '.answer == .colour'
}
