#!/usr/bin/env bats
# lbchunk, packing: the requests that it makes of items. lbchunk_unpack.bats has the way back.

load helper

ITEM='{"id":"a","name":"mug"}'

# bodies EXPECTED: those of out, one to a line, have the values in the file, which is written by hand.
bodies() {
	jq -cS .body out >got
	jq -cS . "$1" >wanted
	same wanted got
}

# items FILE: those that the requests of out carry, as they stand there, one request to a line.
items() {
	grep -o '"lb":{"items":\[.*' out | sed 's/^"lb":{"items":\[//; s/\]}}$//' >"$1"
}

# pack [argument]...: on the lines of the file in.
pack() {
	call lbchunk "$@" <in
	status_is 0
	[ ! -s err ]
}

# bats test_tags=valgrind
@test "one item to a request: the record, byte for byte" {
	echo "$ITEM" >in
	pack -m gpt-4o -p 'Say: \(.name)'
	echo '{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o","messages":[{"role":"user","content":"Say: mug"}]},"lb":{"items":[{"id":"a","name":"mug"}]}}' >want
	same want out
}

# bats test_tags=valgrind
@test "one item to a request: url and body for each API" {
	echo "$ITEM" >in
	local api url
	cat >want.chat <<-'EOT'
		{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Say: mug"}],"max_tokens":9}
	EOT
	cat >want.responses <<-'EOT'
		{"model":"m","instructions":"Be brief.","input":"Say: mug","max_output_tokens":9}
	EOT
	cat >want.messages <<-'EOT'
		{"model":"m","system":"Be brief.","messages":[{"role":"user","content":"Say: mug"}],"max_tokens":9}
	EOT
	while read -r api url; do
		pack --api "$api" -m m -s 'Be brief.' -p 'Say: \(.name)' --max-output 9
		bodies "want.$api"
		holds out '.url == $url and .method == "POST" and (.lb | has("packed") | not)' --arg url "$url"
	done <<-'EOT'
		chat /v1/chat/completions
		responses /v1/responses
		messages /v1/messages
	EOT
	pack --api embeddings -m e
	echo '{"model":"e","input":["{\"id\":\"a\",\"name\":\"mug\"}"]}' >want
	bodies want
	holds out '.url == "/v1/embeddings"'
}

# bats test_tags=valgrind
@test "several items to a request: numbered, with a schema for the answers, for each API" {
	printf '%s\n' '{"id":"a","name":"mug"}' '{"id":"b","name":"jug"}' '{"id":"c","name":"pot"}' >in
	# The model is told the same by the text and by the schema.
	cat >schema <<-'EOT'
		{"type":"object","properties":{"answers":{"type":"array","items":{"type":"object",
		"properties":{"n":{"type":"integer"},"answer":{"type":"string"}},
		"required":["n","answer"],"additionalProperties":false}}},
		"required":["answers"],"additionalProperties":false}
	EOT
	text='There are 2 numbered items below. Treat each of them on its own.
Reply with one JSON object and nothing else: {"answers":[{"n":1,"answer":...},...]}, with exactly one entry for each item, n being the item'"'"'s number.

### 1
Say: mug

### 2
Say: jug
'
	local api form
	while read -r api form; do
		pack --api "$api" -m m -n 2 -s 'All \(map(.id) | join("+"))' -p 'Say: \(.name)'
		[ "$(lines out)" -eq 2 ]
		head -n 1 out >first
		jq -n --slurpfile schema schema --arg text "$text" "$form" >want
		head -n 1 out | jq -cS .body >got
		same <(jq -cS . want) got
		holds first '.lb == {items: [{id: "a", name: "mug"}, {id: "b", name: "jug"}], packed: true}'
		# The last one is alone, and asked for plainly.
		tail -n 1 out >last
		holds last '(.lb | has("packed") | not) and .custom_id == "c"'
		lacks last '###'
		lacks last json_schema
	done <<-'EOT'
		chat {model: "m", messages: [{role: "system", content: "All a+b"}, {role: "user", content: $text}], response_format: {type: "json_schema", json_schema: {name: "answer", strict: true, schema: $schema[0]}}}
		responses {model: "m", instructions: "All a+b", input: $text, text: {format: {type: "json_schema", name: "answer", strict: true, schema: $schema[0]}}}
		messages {model: "m", system: "All a+b", messages: [{role: "user", content: $text}], max_tokens: 4096, output_config: {format: {type: "json_schema", schema: $schema[0]}}}
	EOT
	pack --api embeddings -m e -n 2 -p 'Say: \(.name)'
	printf '%s\n' '{"model":"e","input":["Say: mug","Say: jug"]}' '{"model":"e","input":["Say: pot"]}' >want
	bodies want
	holds out '.lb | has("packed") | not'
}

# prompt TEXT EXPECTED [ITEM]: what stands in the body for a prompt.
prompt() {
	printf '%s\n' "${3-$ITEM}" >in
	pack -m m -p "$1"
	printf '%s' "$2" >want
	jq -j '.body.messages[0].content' out >got
	same want got
}

@test "the prompt is literal but for \\( ), which takes any jq expression" {
	prompt 'say "it" \n \t \u0041 $x `y` é 😀 \\ %s {}' 'say "it" \n \t \u0041 $x `y` é 😀 \\ %s {}'
	prompt $'two\nlines\r\n' $'two\nlines\r\n'
	prompt '\(.name)' mug
	prompt '\(.name)\(.name) \(.id)' 'mugmug a'
	prompt '\(.nothing)|\(empty)|\(null)' 'null|null|null'
	prompt '\([.name, (.id | ascii_upcase)] | join("\(1+1)"))' 'mug2A'
	prompt '\("\("a)b" | length)")' '3'
	prompt '\(.)' '{"id":"a","name":"mug"}'
	prompt '\(.a[1].b)' 'x"y' '{"a":[0,{"b":"x\"y"}]}'
	prompt '\("\\(")' '\('
	prompt '\(.n)' 'a ") \(.x) b' '{"n":"a \") \\(.x) b"}'
	# Plain paths keep the digits that jq would lose.
	prompt '\(.n) \(.f)' '12345678901234567890 1.00' '{"n":12345678901234567890,"f":1.00}'
	prompt '\(.)' '{"n":[12345678901234567890,1e400]}' '{ "n": [12345678901234567890, 1e400] }'
}

@test "@FILE reads a prompt or system text; one newline at its end goes" {
	printf 'Say:\n\n"\\(.name)"\n\n' >prompt
	printf 'System \\(.id)\n' >system
	echo "$ITEM" >in
	pack -m m -p @prompt -s @system
	holds out '.body.messages[0].content == "System a" and .body.messages[1].content == "Say:\n\n\"mug\"\n"'
}

@test "--schema becomes the structured output of each API" {
	echo "$ITEM" >in
	cat >schema <<-'EOT'
		{ "type": "object",
		  "properties": { "n": { "type": "number", "maximum": 12345678901234567890, "minimum": 1.0 } },
		  "required": ["n"], "additionalProperties": false }
	EOT
	local compact='{"type":"object","properties":{"n":{"type":"number","maximum":12345678901234567890,"minimum":1.0}},"required":["n"],"additionalProperties":false}'
	pack -m m -p x --schema schema
	grep -qF ',"response_format":{"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":'"$compact"'}}},"lb"' out
	pack --api responses -m m -p x --schema schema
	grep -qF ',"text":{"format":{"type":"json_schema","name":"answer","strict":true,"schema":'"$compact"'}}},"lb"' out
	pack --api messages -m m -p x --schema schema
	grep -qF ',"output_config":{"format":{"type":"json_schema","schema":'"$compact"'}}},"lb"' out
	holds out '.lb | has("packed") | not'
}

@test "--schema with its root elsewhere than at the top: packed, and what \$ref names stays at the root" {
	echo "$ITEM" >in
	echo '{"type":"array","items":{"$ref":"#/$defs/t"},"$defs":{"t":{"type":"string"}},"definitions":{"u":{}}}' >schema
	pack -m m -p x --schema schema
	cat >want <<-'EOT'
		{"type":"object","properties":{"answers":{"type":"array","items":{"type":"object",
		"properties":{"n":{"type":"integer"},"answer":{"type":"array","items":{"$ref":"#/$defs/t"}}},
		"required":["n","answer"],"additionalProperties":false}}},
		"required":["answers"],"additionalProperties":false,
		"$defs":{"t":{"type":"string"}},"definitions":{"u":{}}}
	EOT
	jq -cS .body.response_format.json_schema.schema out >got
	same <(jq -cS . want) got
	holds out '.lb.packed == true and (.body.messages[0].content | contains("There is 1 numbered item below."))'
}

@test "--max-output goes by the name that the API and the model want" {
	echo "$ITEM" >in
	local api model field
	while read -r api model field; do
		echo "$api $model $field"
		pack --api "$api" -m "$model" -p x --max-output 77
		[ "$(jq -c '.body | del(.model, .messages, .input)' out)" = "{\"$field\":77}" ]
	done <<-'EOT'
		chat gpt-4o max_tokens
		chat gpt-4.1-mini max_tokens
		chat gpt-4 max_tokens
		chat gpt-3.5-turbo max_tokens
		chat gpt-5 max_completion_tokens
		chat gpt-5.4-mini max_completion_tokens
		chat openai/gpt-5-nano max_completion_tokens
		chat gpt-10 max_completion_tokens
		chat o1 max_completion_tokens
		chat o3-mini max_completion_tokens
		chat o4-mini-2025-04-16 max_completion_tokens
		chat openai/o3 max_completion_tokens
		chat gpt-oss-120b max_tokens
		chat omni max_tokens
		chat mistral-large max_tokens
		responses gpt-5 max_output_tokens
		responses gpt-4o max_output_tokens
		messages claude-haiku-4-5 max_tokens
	EOT
	# Anthropic wants one in any case; the others are left to themselves.
	pack --api messages -m m -p x
	holds out '.body.max_tokens == 4096'
	pack -m m -p x
	holds out '.body | keys == ["messages", "model"]'
}

@test "--body makes the whole body, from the item or from the array of items" {
	printf '%s\n' "$ITEM" '{"id":"b","name":"jug"}' '{"id":"c","name":"pot"}' >in
	pack --body '{model: "m", x: .name}'
	printf '%s\n' '{"model":"m","x":"mug"}' '{"model":"m","x":"jug"}' '{"model":"m","x":"pot"}' >want
	bodies want
	pack --api messages -n 2 --body '{model: "m", x: map(.name)}'
	printf '%s\n' '{"model":"m","x":["mug","jug"]}' '{"model":"m","x":["pot"]}' >want
	bodies want
	holds out '.url == "/v1/messages" and .lb.packed == true'
}

# ids EXPECTED [argument]...: the custom_ids for the lines of in, between spaces.
ids() {
	local want=$1
	shift
	pack -m m -p x "$@"
	[ "$(jq -c .custom_id out | tr '\n' ' ')" = "$want " ] || { jq -c .custom_id out; return 1; }
}

# bats test_tags=valgrind
@test "custom_id: from --id, .custom_id, .id, or a hash; repeats get a number that nobody else has" {
	printf '%s\n' '{"id":"i","custom_id":"c"}' '{"id":"i"}' '{"id":7}' '{"id":12345678901234567890}' '{"id":"é\u0041\""}' >in
	ids '"c" "i" "7" "12345678901234567890" "éA\""'
	ids '"i" "i-2" "7" "12345678901234567890" "éA\""' --id .id
	printf '%s\n' '{"x":{"y":"p"}}' '{"x":{"y":"q"}}' >in
	ids '"p" "q"' --id .x.y
	ids '"P" "Q"' --id '.x.y | ascii_upcase'
	printf '%s\n' '{"id":"a"}' '{"id":"a"}' '{"id":"a-2"}' '{"id":"a"}' '{"id":"a-2"}' '{"id":"a-2-2"}' >in
	ids '"a" "a-2" "a-2-2" "a-3" "a-2-3" "a-2-2-2"'
	printf '%s\n' '{"id":"b-2"}' '{"id":"b-3"}' '{"id":"b"}' '{"id":"b"}' >in
	ids '"b-2" "b-3" "b" "b-4"'
	# The first 8 bytes of SHA-256 of the item's bytes.
	local line
	printf '%s\n' '{"id":null}' '{"id":""}' '{"id":[1]}' '"a"' 5 null '[]' '{ }' >in
	while read -r line; do
		printf '"%s" ' "$(printf %s "$line" | sha256sum | cut -c1-16)"
	done <in >want
	ids "$(sed 's/ $//' want)"
}

@test "ids are the same in another order and among other items" {
	jq -nc 'range(300) | {n: ., t: "x\(. * 7919 % 1000)"}' >in
	pack -m m -p x
	jq -c '[.lb.items[0].n, .custom_id]' out | sort >want
	sort -R in >shuffled
	{ cat shuffled; echo '{"n":"more"}'; } | sort -R >in
	pack -m m -p x
	jq -c '[.lb.items[0].n, .custom_id]' out | sort | grep -v more >got
	same want got
	# Packs have ids of their own: no two are alike, though all items are.
	yes '{"id":1}' | head -n 40 >in
	pack -m m -p x -n 4
	[ "$(jq -r .custom_id out | grep -c '^pack-[0-9a-f]\{16\}\(-[0-9]*\)\?$')" -eq 10 ]
	[ "$(jq -r .custom_id out | sort -u | wc -l)" -eq 10 ]
}

@test "30,000 repeated and distinct ids: all different, the first of each unchanged" {
	awk 'BEGIN { for (i = 0; i < 30000; i++) printf "{\"id\":\"k%d\"}\n", i % 20000 }' >in
	mkdir spill
	TMPDIR=$PWD/spill pack -m m -p x
	jq -r .custom_id out >got
	awk 'BEGIN { for (i = 0; i < 30000; i++) print "k" i % 20000 (i < 20000 ? "" : "-2") }' >want
	same want got
	[ -z "$(ls spill)" ]
	TMPDIR=/nonexistent call lbchunk -m m -p x <in
	status_is 2
	grep -q '^lbchunk: TMPDIR: no temporary files can be made in /nonexistent: ' err
}

@test "items are JSON values of every type, and pass unchanged" {
	printf '%s\n' '"text"' 5 -1.50 null true '[1, "x"]' '{}' '{"a":1}' >in
	pack -m m -p 'p \(.)'
	jq -r '.body.messages[0].content' out >got
	printf '%s\n' 'p text' 'p 5' 'p -1.50' 'p null' 'p true' 'p [1,"x"]' 'p {}' 'p {"a":1}' >want
	same want got
	items got
	same in got
}

@test "items may have members named as those of records; a record with a custom_id passes" {
	printf '%s\n' '{"body":{"x":1}}' '{"error":"e"}' '{"response":{"status_code":200}}' '{"custom_id":"i","body":"text"}' \
		'{"lb":{"items":[1]}}' '{"params":{}}' >in
	pack -m m -p '\(.)'
	items got
	same in got
	printf '%s\n' '{"custom_id":"r", "body":{}}' '{"custom_id":"s","response":null,"error":{"code":"x"} }' >in
	call lbchunk -m m -p x <in
	status_is 1
	same in out
}

@test "an item that an expression fails on: a failed result that carries it; the others are sent" {
	printf '%s\n' '{"id":"a","n":1}' '{"id":"b","n":"x"}' '{"id":"c","n":3}' '"text"' >in
	local n
	for n in 1 2 3 4; do
		call lbchunk -m m -n $n -p 'next: \(.n + 1)' <in
		status_is 1
		jq -c 'select(.error) | [.error.code, .response, .lb.items]' out >got
		printf '%s\n' '["bad_item",null,[{"id":"b","n":"x"}]]' '["bad_item",null,["text"]]' >want
		same want got
		[ "$(jq -c 'select(.error | not) | .lb.items[]' out)" = $'{"id":"a","n":1}\n{"id":"c","n":3}' ]
		# The message names the expression.
		holds out '.error == null or (.error.message | contains(".n + 1"))'
	done
	call lbchunk -m m --api embeddings -n 4 -p '\(.n + 1)' <in
	status_is 1
	[ "$(jq -c 'select(.error | not) | .body.input' out)" = '["2","4"]' ]
}

@test "items that are well alone but not together all fail, with the reason" {
	printf '%s\n' '{"n":1}' '{"n":"x"}' >in
	call lbchunk -n 2 --body '{model: "m", sum: (map(.n) | add)}' <in
	status_is 1
	holds out '.error.code == "bad_item" and (.error.message | contains("cannot be added"))'
	[ "$(lines out)" -eq 2 ]
	call lbchunk --body '.n' <in
	status_is 1
	holds out '.error.message | contains("no object")'
}

@test "an expression that gave null for all items is named at the end, with their number" {
	printf '%s\n' '{"a":1,"t":"null"}' '{"a":"x","b":null,"t":""}' '{"a":null,"b":2}' >in
	local n want arguments
	while IFS='|' read -r want arguments; do
		echo "$arguments"
		for n in 1 2 3; do
			eval call lbchunk -m m "$arguments" -n $n <in
			status_is 0
			if [ -n "$want" ]; then
				[ "$(cat err)" = "lbchunk: $want" ]
			else
				[ ! -s err ]
			fi
		done
	done <<-'EOT'
		-p: '.txt' gave null for all 3 items|-p 'Classify: \(.txt)'
		-p: '.txt', '.c.d' gave null for all 3 items|-p '\(.txt) \(.a) \(.c.d)'
		-p: '.txt' gave null for all 3 items|-p '\(.txt)' --max-input 500
		-p: '.txt' gave null for all 3 items|-p '\(.txt)' --api embeddings
		-s: '.nothing?' gave null for all 3 items|-p '\(.a)' -s '\(.nothing?)'
		|-p '\(.b)'
		|-p '\(.t)'
		|-p null
	EOT
	# Of one item nothing can be said, nor where all failed.
	call lbchunk -m m -p '\(.txt)' < <(head -n 1 in)
	[ ! -s err ]
	call lbchunk -m m -p '\(.txt) \(.a | error("no"))' <in
	status_is 1
	[ ! -s err ]
	# Those that failed are not counted.
	call lbchunk -m m -p '\(.txt)' < <(cat in; echo '[]')
	status_is 1
	[ "$(cat err)" = "lbchunk: -p: '.txt' gave null for all 3 items" ]
	call lbchunk -m m -p '\(.txt)' cat <in
	grep -qxF "lbchunk: -p: '.txt' gave null for all 3 items" err
}

@test "input that is plain text or UTF-16: the first failure, and a line on stderr, say what to put in front" {
	printf 'id,name\n1,mug\n' >in
	call lbchunk -m m -p '\(.name)' <in
	status_is 1
	[ "$(cat err)" = "lbchunk: line 1: the input looks like plain text: put  jq -Rc .  in front" ]
	[ "$(jq -r '.error.message' out | head -n 1)" = \
		"line 1: not JSON: unexpected character at byte 1; the input looks like plain text: put  jq -Rc .  in front" ]
	[ "$(lines out)" -eq 2 ]
	call lbchunk -m m -p '\(.)' < <(jq -Rc . in)
	status_is 0
	local code
	for code in UTF-16 UTF-16LE UTF-16BE; do
		echo "$ITEM" | iconv -f UTF-8 -t $code >in
		call lbchunk -m m -p '\(.name)' <in
		status_is 1
		iconv=$(sed -n 's/.*looks like UTF-16: put  \(.*\)  in front$/\1/p' err)
		call lbchunk -m m -p '\(.name)' < <(sh -c "$iconv" <in)
		status_is 0
		holds out '.body.messages[0].content == "mug"'
	done
}

@test "misuse: status 2, and the first line names the option" {
	echo '{"type":"object","properties":{"x":{"$ref":"#"}}}' >recursive
	echo '[1]' >array
	echo '{"type":' >broken
	local text arguments
	while IFS='|' read -r text arguments; do
		echo "lbchunk $arguments"
		eval call lbchunk "$arguments" </dev/null
		status_is 2
		[ ! -s out ]
		[[ $(head -n 1 err) == "lbchunk: "*"$text"* ]]
	done <<-'EOT'
		-m MODEL|-p x
		-p PROMPT|-m m
		-m MODEL|
		-p: |-m m -p '\(.a'
		-p: |-m m -p '\(.a |)'
		-s: |-m m -p x -s '\(nosuch)'
		-p: /nonexistent|-m m -p @/nonexistent
		-n |-m m -p x -n 0
		-n |-m m -p x -n 10001
		-n |-m m -p x -n many
		--api |-m m -p x --api smoke
		--schema: /nonexistent|-m m -p x --schema /nonexistent
		--schema: broken: not JSON|-m m -p x --schema broken
		--schema: array: a JSON Schema is|-m m -p x --schema array
		--schema: recursive: it refers|-m m -p x -n 2 --schema recursive
		--id: |-m m -p x --id '.a |'
		--body: |--body '{'
		--body |--body '{}' -p x
		--body |--body '{}' -m m
		--body |--body '{}' --schema array
		--body |--body '{}' --max-output 5
		--max-output |-m m -p x --max-output 0
		--api embeddings|-m m --api embeddings -s x
		--api embeddings|-m m --api embeddings --max-output 5
		--answer: |-u --answer '.['
		--into |-u --into 'a"b'
		-u |-u -m m
		-u |-u -p x
		-u |-u lbcall
		-k |-m m -p x -k
		--into|-u --into error
		--into|-u --into item
		--into|-u --into ''
		-x|-m m -p x -x
		cannot run no-such-command: No such file|-m m -p x no-such-command
		cannot run array: it is a file that is not executable: input is read from stdin, < array|-m m -p x array
		cannot run ./array: it is a file that is not executable: input is read from stdin, < ./array|-m m -p x ./array
		cannot run /: Permission denied|-m m -p x /
	EOT
}
