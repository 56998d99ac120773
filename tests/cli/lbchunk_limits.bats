#!/usr/bin/env bats
# lbchunk: how large requests may be, what of them is cached, and packs that come back garbled.

load helper

# estimates FILE: the tokens of input of each request in it, as the tools estimate them: what a budget of
# one request at a time shows in lbcost -e.
estimates() {
	local line
	while read -r line; do
		lbcost -e --expect-output 1 --json <<<"$line" 2>/dev/null | jq '[.. | objects | .input_tokens? // empty] | first'
	done <"$1"
}

# prices CONTEXT: a table in which the model m has a window of so many tokens.
prices() {
	jq -n --argjson n "$1" '{format: "lb-prices-1", models: {m: {input: 1, output: 1, context: $n, max_output: 1000}}}' >prices.json
	export LB_PRICES=$PWD/prices.json
}

@test "--max-input: packs close early, nothing is lost, and no request is larger" {
	local n max
	jq -nc 'range(100) | {id: ., text: ("word \(.) " * (. % 13))}' >in
	for max in 250 400 1000; do
		for n in 1 3 50; do
			echo "--max-input $max, -n $n"
			call lbchunk -m m -n $n --max-input $max -s 'Be brief.' -p 'Describe: \(.text)' <in
			status_is 0
			jq -c '.lb.items[]' out >got
			same in got
			estimates out >tokens
			[ "$(lines tokens)" -eq "$(lines out)" ]
			awk -v most=$max '$1 > most { bad = 1 } END { exit bad }' tokens
			# But the last, each pack has no room for the item that comes next: at most 50 tokens.
			[ $n -lt 50 ] || awk -v most=$max 'prev && prev + 50 <= most { bad = 1 } { prev = $1 } END { exit bad }' tokens
		done
	done
	# With a body of one's own, too, though a pack may end half full.
	call lbchunk -n 50 --max-input 150 --body '{model: "m", messages: [{role: "user", content: (map(.text) | add)}]}' <in
	status_is 0
	jq -c '.lb.items[]' out >got
	same in got
	estimates out | awk '$1 > 150 { bad = 1 } END { exit bad }'
	# And of embeddings.
	call lbchunk --api embeddings -m e -n 50 --max-input 100 -p '\(.text)' <in
	status_is 0
	jq -c '.lb.items[]' out >got
	same in got
	estimates out | awk '$1 > 100 { bad = 1 } END { exit bad }'
	[ "$(lines out)" -gt 15 ]
}

# bats test_tags=valgrind
@test "an item that is too large by itself: item_too_large, and the others of its pack are sent" {
	jq -nc '{id: "a", t: "x"}, {id: "b", t: ("many words " * 500)}, {id: "c", t: "x"}, {id: "d", t: "y"}' >in
	local n
	for n in 1 2 4; do
		call lbchunk -m m -n $n --max-input 300 -p '\(.t)' <in
		status_is 1
		[ "$(jq -c 'select(.error) | [.custom_id, .error.code, .lb.items[0].id]' out)" = '["b","item_too_large","b"]' ]
		holds out '.error == null or (.error.message | test("^it takes about 1[0-9]{3} tokens of input, and --max-input is 300$"))'
		[ "$(jq -r 'select(.error | not) | .lb.items[].id' out | sort | xargs)" = "a c d" ]
	done
	# Around a command it is the item with the error.
	call lbchunk -k -m m -n 2 --max-input 300 -p '\(.t)' sh -c 'jq -c --unbuffered ". + {response: null, error: {code: \"asked\"}}"' <in
	status_is 1
	[ "$(jq -r '"\(.id) \(.error.code)"' out | xargs)" = 'a asked b item_too_large c asked d asked' ]
}

@test "the model's context window, from the price table, is a limit, together with --max-output" {
	jq -nc '{id: "a", t: ("one two " * 100)}, {id: "b", t: ("one two " * 300)}' >in
	prices 500
	call lbchunk -m m -n 2 -p '\(.t)' <in
	status_is 1
	[ "$(jq -c '[.custom_id, .error.code]' out | sort | xargs)" = '[a,null] [b,item_too_large]' ]
	holds out '.error == null or (.error.message | test("^it takes about 6[0-9]{2} tokens, and the context window of m has 500$"))'
	# The answer has to fit, too.
	call lbchunk -m m --max-output 300 -p '\(.t)' <in
	status_is 1
	holds out '.error.code == "item_too_large"'
	holds out '.error.message | test("^it takes about [26][0-9]{2} tokens and 300 for the answer, and the context window of m has 500$")'
	call lbchunk -m m --max-output 250 -p '\(.t)' <in
	[ "$(jq -c '[.custom_id, .error.code]' out | sort | xargs)" = '[a,null] [b,item_too_large]' ]
	call lbchunk --body '{model: "m", prompt: .t}' <in
	[ "$(jq -c '[.custom_id, .error.code]' out | sort | xargs)" = '[a,null] [b,item_too_large]' ]
	# Of embeddings each text is held against it, not their sum.
	jq -nc '{id: "a", t: ("one two " * 200)}, {id: "b", t: ("one two " * 200)}, {id: "c", t: ("one two " * 300)}' >in
	call lbchunk --api embeddings -m m -n 3 -p '\(.t)' <in
	status_is 1
	[ "$(jq -c 'select(.error) | .lb.items[0].id' out)" = '"c"' ]
	[ "$(jq -c 'select(.error | not) | .lb.items[].id' out | xargs)" = 'a b' ]
	# A model that is not in the table has no limit; nor has any without a table, which is said if one was named.
	call lbchunk -m other -p '\(.t)' <in
	status_is 0
	[ ! -s err ]
	echo broken >prices.json
	call lbchunk -m m -p '\(.t)' <in
	status_is 0
	grep -q '^lbchunk: .*prices.json.*; no context window is known$' err
}

@test "a pack of ten thousand is measured once, not over and over" {
	jq -nc 'range(20000) | {id: ., t: "word"}' >in
	call lbchunk -m m -n 10000 --max-input 1000k -p '\(.t)' <in
	status_is 0
	[ "$(lines out)" -eq 2 ]
}

# long WORDS: so many words, which are tokens.
long() {
	printf 'word %.0s' $(seq "$1")
}

# bats test_tags=valgrind
@test "--cache-prefix: what is common comes first and is marked, where it is long enough" {
	echo '{"id":"a","t":"x"}' >in
	local system prompt
	system=$(long 1100)
	prompt=$(long 1100)
	mark='{"type":"ephemeral"}'
	call lbchunk --api messages -m m --cache-prefix -s "$system" -p 'Item: \(.t)' <in
	holds out '.body.system == [{type: "text", text: $s, cache_control: {type: "ephemeral"}}]' --arg s "$system"
	holds out '.body.messages[0].content == [{type: "text", text: "Item: ", cache_control: {type: "ephemeral"}}, {type: "text", text: "x"}]'
	holds out '.body | has("prompt_cache_key") | not'
	# A system text that is not the same for all has its head marked, and nothing behind it is common.
	call lbchunk --api messages -m m --cache-prefix -s "$system\\(.id)" -p 'Item: \(.t)' <in
	holds out '.body.system == [{type: "text", text: $s, cache_control: {type: "ephemeral"}}, {type: "text", text: "a"}]' --arg s "$system"
	holds out '.body.messages[0].content == "Item: x"'
	# The head of the prompt, when it and what is before it are long enough together.
	call lbchunk --api messages -m m --cache-prefix -s 'Be brief.' -p "$prompt\\(.t)" <in
	holds out '.body.system == "Be brief." and .body.messages[0].content[0].text == $p and .body.messages[0].content[1].text == "x"' --arg p "$prompt"
	# No block is of white space alone: Anthropic refuses that.
	call lbchunk --api messages -m m --cache-prefix -s "$system" -p $'\n\\(.t)' <in
	holds out '.body.system[0].cache_control.type == "ephemeral" and .body.messages[0].content == "\nx"'
	call lbchunk --api messages -m m --cache-prefix -p "$prompt\\(.e)"$' \n' <<<'{"e":""}'
	holds out '.body.messages[0].content == [{type: "text", text: ($p + " \n"), cache_control: {type: "ephemeral"}}]' --arg p "$prompt"
	# Too short: nothing is marked. Without the option: nothing is.
	call lbchunk --api messages -m m --cache-prefix -s 'Be brief.' -p 'Item: \(.t)' <in
	holds out '[.. | objects | has("cache_control")] | any | not'
	call lbchunk --api messages -m m -s "$system" -p 'Item: \(.t)' <in
	holds out '.body.system == $s' --arg s "$system"
	# OpenAI's requests get a key, which is the same for all of one job.
	printf '{"id":"%s","t":"x"}\n' a b c >in
	local api
	for api in chat responses; do
		call lbchunk --api $api -m m --cache-prefix -s "$system" -p 'Item: \(.t)' <in
		[ "$(jq -r .body.prompt_cache_key out | sort -u | grep -c '^lb-[0-9a-f]\{16\}$')" -eq 1 ]
		holds out '[.. | objects | has("cache_control")] | any | not'
	done
	jq -r .body.prompt_cache_key out >key
	call lbchunk -m m --cache-prefix -s "$system." -p 'Item: \(.t)' <in
	jq -r .body.prompt_cache_key out | lacks /dev/stdin "$(head -n 1 key)"
	call lbchunk -m m --cache-prefix -s 'Be brief.' -p 'Item: \(.t)' <in
	holds out '.body | has("prompt_cache_key") | not'
	# The schema stands before the item as well; a pack's common part is the system text.
	echo '{"type":"object"}' >schema
	call lbchunk --api messages -m m -n 3 --cache-prefix --schema schema -s "$system" -p 'Item: \(.t)' <in
	holds out '.body.system[0].cache_control.type == "ephemeral" and (.body.messages[0].content | type == "string")'
	[ "$(jq -c '.body | keys_unsorted' out)" = '["model","output_config","system","messages","max_tokens"]' ]
}

@test "--cache-prefix does not change what is cached here: lbcache finds the same answers" {
	start_mock --log calls.ndjson
	export OPENAI_BASE_URL=$MOCK OPENAI_API_KEY=dummy
	jq -nc 'range(5) | {id: ., t: "x\(.)"}' >in
	long 1100 >system
	lbchunk -m m -s @system -p '\(.t)' <in | lbcache answers.db lbcall >/dev/null
	[ "$(lines calls.ndjson)" -eq 5 ]
	lbchunk -m m --cache-prefix -s @system -p '\(.t)' <in | tee requests | lbcache answers.db lbcall >results
	holds requests '.body | has("prompt_cache_key")'
	holds results '.lb.cache == "hit"'
	[ "$(lines calls.ndjson)" -eq 5 ]
}

# A model that garbles packs, each in another way, at random from SEED; when it answers, it names the item.
model() {
	cat >model.py <<-'EOT'
		import json, os, random, re, sys
		r = random.Random(int(os.environ["SEED"]))
		def drop(a): return [x for x in a if r.random() < .7]
		def empty(a): return []
		def repeat(a): return a + [dict(r.choice(a))]
		def contradict(a): return a + [{"n": r.choice(a)["n"], "answer": "wrong"}]
		def surplus(a): return a + [{"n": len(a) + r.randrange(1, 3), "answer": "wrong"}]
		def from_zero(a): return [dict(x, n=x["n"] - 1) for x in a]
		def shifted(a): return [dict(x, n=x["n"] + 1) for x in a]
		# (With some dropped and the rest counted anew, an answer is as good as right: nobody can tell.)
		faults = [[], [], [drop], [empty], [repeat], [contradict], [surplus], [from_zero], [shifted], [repeat, drop],
		    [surplus, drop], [repeat, from_zero], [contradict, shifted], [surplus, from_zero]]
		def strings(a): return [dict(x, n=str(x["n"])) for x in a]
		def floats(a): return [dict(x, n=float(x["n"])) for x in a]
		def unnumbered(a): return [{"answer": x["answer"]} for x in a]
		def unanswered(a): return [x if r.random() < .7 else {"n": x["n"]} for x in a]
		def bare(a): return [x["answer"] for x in a]
		forms = [lambda a: a, lambda a: a, lambda a: a, strings, floats, unnumbered, unanswered, bare]
		wraps = [lambda t: t, lambda t: "```json\n" + t + "\n```", lambda t: t[:r.randrange(len(t))], lambda t: "Here it is: " + t,
		    lambda t: t.replace("answers", "results"), lambda t: json.dumps(json.loads(t)["answers"]), lambda t: ""]
		for line in sys.stdin:
		    q = json.loads(line)
		    text = q["body"]["messages"][-1]["content"]
		    reason = "stop"
		    if q["lb"].get("packed"):
		        answers = [{"n": i + 1, "answer": "for " + t} for i, t in enumerate(re.findall(r"### \d+\n(.*)\n", text))]
		        for fault in r.choice(faults): answers = fault(answers)
		        text = json.dumps({"answers": r.choice(forms)(r.sample(answers, len(answers)))})
		        if r.random() < .3: text = r.choice(wraps)(text)
		        if r.random() < .05: reason = "length"
		    else:
		        text = "for " + text
		    print(json.dumps({"custom_id": q["custom_id"], "lb": q["lb"], "body": q["body"], "error": None, "response": {"status_code": 200,
		        "body": {"choices": [{"message": {"content": text}, "finish_reason": reason}]}}}), flush=True)
	EOT
}

@test "packs garbled in every way: each item has its own answer or an error, and asked again its answer (seeded)" {
	model
	export SEED=$RANDOM
	echo "seed: $SEED"
	jq -nc 'range(3000) | {id: "i\(.)"}' >in
	local n
	for n in 2 5 20; do
		lbchunk -m m -n $n -p '\(.id)' <in | python3 model.py >results
		call lbchunk -u <results
		status_is 1
		jq -c '{id}' out >got
		same in got
		holds out 'if .error then .error.code | IN("answer_missing", "answer_repeated", "answers_surplus", "bad_answer", "truncated", "no_answer")
			else .answer == "for " + .id end'
		# It is a test only if there are many of both.
		[ "$(grep -c '"error"' out)" -gt 50 ]
		[ "$(grep -c '"answer":' out)" -gt 50 ]
		call lbchunk -k -m m -n $n -p '\(.id)' python3 model.py <in
		status_is 0
		jq -c '{id}' out >got
		same in got
		holds out '.answer == "for " + .id'
	done
}

@test "misuse: status 2, and the first line names the option" {
	local text arguments
	while IFS='|' read -r text arguments; do
		echo "lbchunk $arguments"
		eval call lbchunk "$arguments" </dev/null
		status_is 2
		[[ $(head -n 1 err) == "lbchunk: "*"$text"* ]]
	done <<-'EOT'
		--max-input |-m m -p x --max-input 0
		--max-input |-u --max-input 10
		--cache-prefix |--join .a --cache-prefix
		--cache-prefix|--body '{}' --cache-prefix
		--cache-prefix|--api embeddings -m m --cache-prefix
	EOT
}
