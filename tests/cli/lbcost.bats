# lbcost: what results cost, and budgets that hold.

load helper

# What takes half a minute runs beside the tests; the last one looks at it.
setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	requests 6 gpt-4o-mini 16000 >in
	{
		# Nearly a cent each: one has to wait for a command that waits for the end of its input.
		lbcost -b 0.05 --max-wait 32s tac <in >out 2>err || true
		: >ended
	} 3>&- &
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	unset LB_PRICES
}

# result ID MODEL USAGE [more members]: a result that reports this usage.
result() {
	printf '{"custom_id":"%s","body":{"model":"%s"},"response":{"status_code":200,"body":{"model":"%s","usage":%s}},"error":null%s}\n' \
		"$1" "$2" "$2" "$3" "${4-}"
}

# requests N [MODEL] [MAX_TOKENS]: chat requests.
requests() {
	jq -nc --argjson n "$1" --arg m "${2-gpt-4o-mini}" --argjson t "${3-50}" 'range($n) | {custom_id: "r\(.)",
		url: "/v1/chat/completions", body: {model: $m, max_tokens: $t,
		messages: [{role: "user", content: "Say hello number \(.) to the world."}]}}'
}

# What the calls in lbmock's log cost, in nano-dollars: prices of contrib/prices.json, times 1,000.
log_cost() {
	jq -s '{"gpt-4o-mini": [150, 600], "gpt-4o": [2500, 10000], "claude-haiku-4-5": [1000, 5000]} as $p
		| map(.prompt_tokens * $p[.model][0] + .completion_tokens * $p[.model][1]) | add // 0' "$1"
}

# The costs in the results of a file, in nano-dollars, added up by whole numbers.
results_cost() {
	python3 -c '
import json, sys
from decimal import Decimal
total = Decimal(0)
for line in open(sys.argv[1]):
    total += json.loads(line, parse_float=Decimal, parse_int=Decimal).get("lb", {}).get("cost", 0)
print(int(total * 10**9))' "$1"
}

codes() {
	jq -r '.error.code // "ok"' "$1" | sort | uniq -c | awk '{ print $2, $1 }'
}

# in_ledger FILE SQL
in_ledger() {
	sqlite3 "$1" "$2"
}

# bats test_tags=valgrind
@test "cached tokens are charged once (litellm#6215, #14849, #9812)" {
	result a gpt-4o-mini '{"prompt_tokens":2000,"completion_tokens":100,"prompt_tokens_details":{"cached_tokens":1024}}' >in
	result b claude-sonnet-4-6 '{"input_tokens":100,"cache_read_input_tokens":1000,"cache_creation_input_tokens":200,"output_tokens":10}' >>in
	call lbcost <in
	status_is 0
	# 976 * 150 + 1024 * 75 + 100 * 600; 100 * 3000 + 1000 * 300 + 200 * 3750 + 10 * 15000
	[ "$(jq -c .lb out | paste -sd' ')" = '{"cost":0.0002832} {"cost":0.0015}' ]
}

@test "the batch rate takes cached tokens into account (litellm PR 38341)" {
	result a gpt-4o-mini '{"prompt_tokens":2000,"completion_tokens":100,"prompt_tokens_details":{"cached_tokens":1024}}' ',"lb":{"batch":true}' >in
	call lbcost <in
	status_is 0
	[ "$(jq -c .lb out)" = '{"batch":true,"cost":0.0001416}' ]
}

@test "all of the output is billed, not its reasoning alone (litellm#18599)" {
	result a o3 '{"prompt_tokens":10,"completion_tokens":300,"completion_tokens_details":{"reasoning_tokens":200}}' >in
	call lbcost <in
	# 10 * 2000 + 300 * 8000
	[ "$(jq -c .lb.cost out)" = 0.00242 ]
}

@test "a model without a price is not free (litellm#10242)" {
	result a gpt-77 '{"prompt_tokens":10,"completion_tokens":1}' >in
	result b gpt-77-mini '{"prompt_tokens":10,"completion_tokens":1}' >>in
	call lbcost <in
	status_is 0
	holds out '.lb == {unpriced: true}'
	grep -qx 'lbcost: 2 results have no price (lb.unpriced): no price is known for gpt-77, gpt-77-mini' err
	# With a budget it is not sent, and with a price it is.
	requests 1 gpt-77 >in
	call lbcost -b 1 cat <in
	status_is 1
	[ "$(codes out)" = 'unpriced_model 1' ]
	call lbcost -b 1 --price 1,2 cat <in
	status_is 0
	result a gpt-77 '{"prompt_tokens":10,"completion_tokens":1}' >in
	call lbcost --price 1,2 <in
	grep -q '"lb":{"cost":0.000012}}$' out
}

# bats test_tags=valgrind
@test "an answer that does not tell its usage is not free" {
	start_mock --log log
	export OPENAI_BASE_URL=$MOCK
	requests 3 | jq -c '.body.stream = true' >in
	call lbcost -l ledger lbcall <in
	status_is 0
	[ "$(lines log)" -eq 3 ]
	holds out '.lb.unpriced == true and (.lb | has("cost") | not)'
	[ "$(in_ledger ledger 'SELECT requests, unpriced, nano FROM spends')" = '3|3|0' ]
	grep -q '^lbcost: 3 answers do not tell their usage,.* stream_options.include_usage$' err
	[ "$(lines err)" -eq 1 ]
	jq -c '.body.stream_options.include_usage = true' in | call lbcost lbcall
	holds out '.lb.cost > 0 and (.lb | has("unpriced") | not)'
	[ ! -s err ]
	# With a budget what is reserved for it stays.
	call lbcost -b 1 -l other lbcall <in
	holds out '.lb.unpriced'
	[ "$(in_ledger other 'SELECT count(*) FROM reservations')" -eq 3 ]
	grep -q '^lbcost: 3 answers do not tell their usage,' err
	# Of what is sold by no more than its total it is not known what is output; embeddings have none.
	result a gpt-4o-mini '{"total_tokens":1000}' | call lbcost
	holds out '.lb == {unpriced: true}'
	result a text-embedding-3-small '{"total_tokens":1000}' | sed 's/"usage"/"object":"list",&/' | call lbcost
	holds out '.lb == {cost: 0.00002}'
}

@test "without a usage and without a price: what failed, was never sent, or is stored" {
	local ok='"response":{"status_code":200,"body":{}}'
	printf '{"custom_id":"a","body":{"model":"gpt-4o-mini"},%s}\n' \
		'"response":null,"error":{"code":"connect_failed","message":"x"}' \
		'"response":null,"error":{"code":"timeout","message":"x"},"lb":{"ms":9}' \
		'"response":null,"error":{"code":"budget_exceeded","message":"x"}' \
		'"response":{"status_code":400,"body":{"error":{"code":"x"}}},"error":{"code":"x","message":"x"}' \
		'"response":{"status_code":503,"body":{}},"error":{"code":"http_503","message":"x"}' \
		'"response":{"status_code":200,"body":{"error":{"code":"x"}}},"error":{"code":"x","message":"x"}' \
		'"response":{"status_code":200,"body":"x"},"error":{"code":"bad_response","message":"x"}' \
		"$ok,\"error\":null,\"lb\":{\"cache\":\"hit\"}" \
		"$ok,\"error\":null,\"lb\":{\"checkpoint\":{}}" \
		"$ok,\"error\":null,\"lb\":{\"cost\":1}" >in
	# Nor what names no model.
	printf '{"custom_id":"b",%s,"error":null}\n' "$ok" >>in
	call lbcost -l ledger <in
	same in out
	[ ! -s err ]
	[ "$(in_ledger ledger 'SELECT count(*) FROM spends')" -eq 0 ]
}

@test "check and reservation are one: many at once do not overspend (litellm#34732)" {
	start_mock --log log --latency 30ms
	export OPENAI_BASE_URL=$MOCK
	requests 400 >in
	# One request of these is 12,000 nano-dollars or less by the log, 51,000 at most.
	call lbcost -b 0.002 -l ledger lbcall -c 200 <in
	status_is 3
	[ "$(log_cost log)" -le 2000000 ]
	# No more room is left than one request at most would need.
	[ "$(log_cost log)" -ge $((2000000 - 70000)) ]
	[ "$(log_cost log)" -eq "$(results_cost out)" ]
	[ "$(lines out)" -eq 400 ]
}

@test "reservations are given back, whatever becomes of the request (litellm#27639, #30460)" {
	start_mock --log log --fail 500:30%,429:20%,400:10%
	export OPENAI_BASE_URL=$MOCK
	requests 300 >in
	call lbcost -b 0.1 -l ledger lbcall -c 20 <in
	status_is 1
	[ "$(in_ledger ledger 'SELECT reserved, settled FROM totals')" = '0|300' ]
	[ "$(in_ledger ledger 'SELECT sum(nano) FROM spends')" -eq "$(log_cost log)" ]
	[ "$(in_ledger ledger 'SELECT count(*) FROM reservations')" -eq 0 ]
}

@test "batch results are booked, so that the cap is reached (litellm#36640)" {
	result a gpt-4o '{"prompt_tokens":1000,"completion_tokens":100}' ',"lb":{"batch":true}' >in
	call lbcost -l ledger <in
	status_is 0
	[ "$(in_ledger ledger 'SELECT nano FROM spends')" -eq 1750000 ]
	requests 1 >in
	call lbcost -l ledger -b 0.00175 cat <in
	status_is 3
	[ "$(codes out)" = 'budget_exceeded 1' ]
}

@test "every model of the table, in the form of its API, costs what another program makes of it" {
	python3 "$TOP/tests/bench/priced.py" make "$TOP/contrib/prices.json" 2000 >in
	call lbcost -p "$TOP/contrib/prices.json" <in
	status_is 0
	python3 "$TOP/tests/bench/priced.py" check "$TOP/contrib/prices.json" <out
}

@test "costs are exact: 3,000 mixed results against whole numbers worked out elsewhere" {
	python3 - >in 2>want <<-'EOT'
		import json, random, sys
		random.seed(7)
		# dollars for a million tokens, in thousandths of a nano-dollar for a token: in, cached, write, hour, out
		P = {'gpt-4o-mini': (150000, 75000, 150000, 150000, 600000),
		     'gpt-5-nano-2025-08-07': (50000, 5000, 50000, 50000, 400000),
		     'openai/gpt-5.6-luna': (200000, 20000, 250000, 200000, 1200000),
		     'claude-haiku-4-5-20251001': (1000000, 100000, 1250000, 2000000, 5000000),
		     'gemini-2.5-flash': (300000, 30000, 300000, 300000, 2500000)}
		total = 0
		for i in range(3000):
		    model = random.choice(list(P))
		    p = P[model]
		    n = lambda most: random.randrange(random.choice((2, 50, most)))
		    cached, write, hour, plain, out = n(9000), 0, 0, n(30000), n(3000)
		    batch = random.random() < .3
		    factor = 500 if batch else 1000
		    if model.startswith('claude'):
		        write, hour = n(5000), n(5000)
		        usage = dict(input_tokens=plain, cache_read_input_tokens=cached, output_tokens=out,
		            cache_creation_input_tokens=write + hour, cache_creation=dict(
		                ephemeral_5m_input_tokens=write, ephemeral_1h_input_tokens=hour))
		        if random.random() < .3:
		            usage['inference_geo'] = 'us'
		            factor = factor * 11 // 10
		    elif model.startswith('gemini'):
		        thoughts = random.randrange(out + 1)
		        usage = None
		        meta = dict(promptTokenCount=plain + cached, cachedContentTokenCount=cached,
		            candidatesTokenCount=out - thoughts, thoughtsTokenCount=thoughts)
		    elif 'luna' in model:
		        write = n(5000)
		        usage = dict(input_tokens=plain + cached + write, output_tokens=out,
		            input_tokens_details=dict(cached_tokens=cached, cache_write_tokens=write))
		    else:
		        usage = dict(prompt_tokens=plain + cached, completion_tokens=out,
		            prompt_tokens_details=dict(cached_tokens=cached))
		    body = dict(model=model, usage=usage)
		    if usage is None:
		        body = dict(modelVersion=model, usageMetadata=meta)
		    parts = plain * p[0] + cached * p[1] + write * p[2] + hour * p[3] + out * p[4]
		    nano = (parts * factor + 500000) // 1000000
		    total += nano
		    record = dict(custom_id=str(i), body=dict(model=model),
		        response=dict(status_code=200, body=body), error=None, want=nano)
		    if batch:
		        record['lb'] = dict(batch=True)
		    print(json.dumps(record, separators=(',', ':')))
		print(total, file=sys.stderr)
	EOT
	call lbcost -l ledger <in
	status_is 0
	[ "$(results_cost out)" = "$(cat want)" ]
	[ "$(in_ledger ledger 'SELECT sum(nano) FROM spends')" = "$(cat want)" ]
	python3 - <<-'EOT'
		import json
		from decimal import Decimal
		for line in open('out'):
		    r = json.loads(line, parse_float=Decimal, parse_int=Decimal)
		    assert r['lb']['cost'] * 10**9 == r['want'], line
	EOT
}

@test "a result that has lb.cost, or comes from a cache or checkpoint, is not priced" {
	u='{"prompt_tokens":1000,"completion_tokens":100}'
	result a gpt-4o-mini "$u" ',"lb":{"cost":1.50,"x":1}' >in
	result b gpt-4o-mini "$u" ',"lb":{"cache":"hit"}' >>in
	result c gpt-4o-mini "$u" ',"lb":{"checkpoint":true}' >>in
	call lbcost -l ledger <in
	status_is 0
	same out in
	[ "$(in_ledger ledger 'SELECT count(*) FROM spends')" -eq 0 ]
}

# bats test_tags=valgrind
@test "what a request brings in lb does not pay for its answer" {
	answer='. + {response: {status_code: 200, body: {usage: {prompt_tokens: 1000, completion_tokens: 50}}}}'
	for lb in '{"cost":0}' '{"cost":0,"cost":0}' '{"cache":"hit"}' '{"checkpoint":true}' '{"batch":true}' \
		'{"unpriced":true,"x":[1.0]}' '{"x":[1.0]},"lb":{"cost":0}'; do
		requests 3 | sed "s|}$|,\"lb\":$lb}|" >in
		rm -f ledger*
		# 1000 * 150 + 50 * 600 nano-dollars each.
		call lbcost -b 1 -l ledger jq -c "$answer" <in
		status_is 0
		holds out '(.lb | del(.x)) == {cost: 0.00018}'
		[ "$(in_ledger ledger 'SELECT sum(nano) FROM spends')" -eq 540000 ]
		# In pipe form the left half takes it off; without a budget, too.
		head -1 in | lbcost -b 1 -l ledger | jq -c "$answer" | call lbcost -l ledger
		holds out '(.lb | del(.x)) == {cost: 0.00018}'
		head -1 in | call lbcost jq -c "$answer"
		holds out '(.lb | del(.x)) == {cost: 0.00018}'
	done
	# What says that it is not in the cache is for the cache's right half, and 1.0 is no 1.
	requests 1 | sed 's|}$|,"lb":{"cost":7,"cache":"miss", "x":1.0}}|' | call lbcost cat
	grep -q '"lb":{"cache":"miss", "x":1.0}}$' out
}

# bats test_tags=valgrind
@test "no byte changes but in lb" {
	cat >in <<-'EOT'
		 { "z" : 12345678901234567890, "custom_id":"a", "body":{"model":"gpt-4o-mini","x":1.0,"x":1e400}, "response":{"status_code":200,"body":{"u":"\u0041","usage":{"prompt_tokens":1000,"completion_tokens":100}}},"lb": {"ms":7 , "k":"\/"},"error":null }
		{"custom_id":"b","body":{"model":"gpt-4o-mini"},"response":{"status_code":200,"body":{"usage":{"prompt_tokens":1000,"completion_tokens":100}}}}
		"an item"
		{"custom_id":"c","body":{"model":"gpt-4o-mini"}}
	EOT
	cat >want <<-'EOT'
		{ "z" : 12345678901234567890, "custom_id":"a", "body":{"model":"gpt-4o-mini","x":1.0,"x":1e400}, "response":{"status_code":200,"body":{"u":"\u0041","usage":{"prompt_tokens":1000,"completion_tokens":100}}},"lb": {"ms":7 , "k":"\/","cost":0.00021},"error":null }
		{"custom_id":"b","body":{"model":"gpt-4o-mini"},"response":{"status_code":200,"body":{"usage":{"prompt_tokens":1000,"completion_tokens":100}}},"lb":{"cost":0.00021}}
		"an item"
		{"custom_id":"c","body":{"model":"gpt-4o-mini"}}
	EOT
	call lbcost <in
	status_is 0
	same out want
}

@test "a failed result that reports usage is priced; one that was not billed is not" {
	printf '%s\n' '{"custom_id":"a","body":{"model":"gpt-4o-mini"},"response":{"status_code":400,"body":{"usage":{"prompt_tokens":1000,"completion_tokens":0}}},"error":{"code":"x","message":"y"}}' \
		'{"custom_id":"b","body":{"model":"gpt-4o-mini"},"response":{"status_code":500,"body":{}},"error":{"code":"server_error","message":"y"}}' >in
	call lbcost <in
	status_is 1
	[ "$(jq -c .lb out | paste -sd' ')" = '{"cost":0.00015} null' ]
}

@test "the model that answered is priced, and the one that was asked for if it is unknown" {
	for models in 'gpt-4o gpt-4o-mini' 'gpt-4o-mini served-by-us' 'deployment gpt-4o-mini-2024-07-18'; do
		set -- $models
		printf '{"custom_id":"a","body":{"model":"%s"},"response":{"status_code":200,"body":{"model":"%s","usage":{"prompt_tokens":1000,"completion_tokens":100}}}}\n' "$1" "$2"
	done >in
	call lbcost <in
	holds out '.lb.cost == 0.00021'
}

@test "prices: -p goes before those installed, LB_PRICES in their place; litellm's are read" {
	result a gpt-4o-mini '{"prompt_tokens":1000,"completion_tokens":100}' >in
	result b mine '{"prompt_tokens":1000,"completion_tokens":100}' >>in
	echo '{"format":"lb-prices-1","models":{"mine":{"input":1,"output":1}}}' >mine
	echo '{"gpt-4o-mini":{"litellm_provider":"openai","input_cost_per_token":2e-06,"output_cost_per_token":0}}' >litellm
	call lbcost -p mine <in
	[ "$(jq -c .lb.cost out | paste -sd' ')" = '0.00021 0.0011' ]
	call lbcost -p mine -p litellm <in
	[ "$(jq -c .lb.cost out | paste -sd' ')" = '0.002 0.0011' ]
	LB_PRICES=mine call lbcost <in
	[ "$(jq -c .lb.cost out | paste -sd' ')" = 'null 0.0011' ]
}

@test "--prices-check: the installed table is good; mistakes are named" {
	call lbcost --prices-check
	status_is 0
	grep -qE 'prices.json: [0-9]+ models$' out
	call lbcost --prices-check "$TOP/contrib/prices.json"
	status_is 0
	echo '{"format":"lb-prices-1","models":{"m":{"input":1,"output":1,"cached":1}}}' >bad
	call lbcost --prices-check bad
	status_is 2
	grep -qx 'lbcost: bad: m.cached: no such member' err
	call lbcost -p bad </dev/null
	status_is 2
	LB_PRICES=nowhere call lbcost </dev/null
	status_is 2
}

@test "the installed table: each price has a source, and what differs from its family is priced so" {
	jq -e '.sources as $s | .models | all(.[]; .sources | length > 0 and all(.[]; in($s)))' "$TOP/contrib/prices.json"
	# A million tokens in, none out; the same with Anthropic's speed.
	u='{"prompt_tokens":1000000,"completion_tokens":0}'
	result a gpt-4o-2024-05-13 "$u" >in
	result b gpt-4o-2024-11-20 "$u" >>in
	result c gpt-3.5-turbo-0301 "$u" >>in
	result d gpt-3.5-turbo-1106 "$u" >>in
	result e gpt-3.5-turbo-0125 "$u" >>in
	u='{"input_tokens":1000000,"output_tokens":0,"speed":"fast"}'
	result f claude-opus-4-6 "$u" >>in
	result g claude-opus-4-8 "$u" >>in
	result h claude-opus-5-5 "$u" >>in
	result i claude-opus-5-5 '{"input_tokens":1000000,"output_tokens":0,"speed":"standard"}' >>in
	call lbcost <in
	status_is 0
	[ "$(jq .lb.cost out | paste -sd' ')" = '5 2.5 1.5 1 0.5 30 10 8 4' ]
}

@test "misuse" {
	for words in '-b 5' '-b x cat' '-b -1 cat' '-b 5/week -l l cat' '-b 5/ -l l cat' '-b 5/day cat' '--forgive' \
		'--alert 80%:true cat' '-b 1 --alert 80 cat' '-b 1 --alert 80%: cat' '--price 1 cat' '--rounds' '-k' \
		'--plot x' '--json' '--json -l l --forgive' '-l l --report --forgive' '-l l -e --report' \
		'-p l --prices-check' '--max-wait 1s cat' '--job a cat'; do
		call lbcost $words </dev/null
		status_is 2
	done
	[ ! -e l ]
}

@test "an option that has no place in what is to be done is refused, with what it is for" {
	local option words purpose
	while IFS='|' read -r option words purpose; do
		# shellcheck disable=SC2086 # words
		call lbcost $words </dev/null
		status_is 2
		grep -qe " the option $option has no place: it is for $purpose\$" err
		[ ! -s out ]
	done <<-'EOT'
		-c|-b 5 -r 60 -c 1 lbcall|-e
		-r|-b 5 -r 60 lbcall|-e
		-t|-b 5 -t 60k lbcall|-e
		--latency|--latency 1s lbcall|-e
		--expect-output|-l l --expect-output 5|-e
		--json|--json lbcall|-e and --report
		--plot|-l l --plot x.svg|--report
		--plot|-e --plot x.svg|--report
		--rounds|-l l --rounds|work around a command
		-k|-e -k|work around a command
		-b|-e -b 5|records that pass
		-l|-e -l l|records that pass, --report and --forgive
		--job|-l l --report --job a|records that pass
		--alert|-l l --forgive --alert 80%:true|records that pass
		--max-wait|-e --max-wait 5s|records that pass
		-p|-l l --report -p x|records that pass, and -e
		--price|-l l --forgive --price 1,2|records that pass, and -e
		-c|-l l --report -c 5|-e
		-l|--prices-check -l l|records that pass, --report and --forgive
	EOT
	[ ! -e l ]
}

@test "a budget is refused for good: what follows fails, what is in flight finishes, status 3" {
	start_mock --log log --latency 200ms
	export OPENAI_BASE_URL=$MOCK
	requests 3 >in
	requests 1 gpt-4o 16000 >>in
	# Enough for several groups, each of which would fit.
	requests 300 >>in
	call lbcost -k -b 0.1 lbcall <in
	status_is 3
	[ "$(head -n 4 out | jq -r '.error.code // "ok"' | paste -sd' ')" = 'ok ok ok budget_exceeded' ]
	[ "$(codes out | paste -sd' ')" = 'budget_exceeded 301 ok 3' ]
	[ "$(lines log)" -eq 3 ]
}

@test "a request waits while only reservations are in the way, and goes when they are settled" {
	start_mock --log log --latency 50ms
	export OPENAI_BASE_URL=$MOCK
	requests 20 gpt-4o-mini 16000 >in
	# Each reserves nearly a cent, so two fit at a time, and all of them in the end.
	call lbcost -b 0.02 lbcall -c 20 <in
	status_is 0
	[ "$(codes out)" = 'ok 20' ]
}

# dear TIER OUTPUT: answers of so many tokens of output at this tier, for all requests at once that come
# without a pause between them.
dear() {
	cat >dear.py <<-EOT
		import json, os, select
		data, more = b'', True
		while more:
		    while more and select.select([0], [], [], .3)[0]:
		        piece = os.read(0, 1 << 16)
		        data, more = data + piece, piece != b''
		    *lines, data = data.split(b'\\n')
		    for line in lines:
		        r = json.loads(line)
		        r.update(error=None, response=dict(status_code=200, body=dict(model='gpt-4o', service_tier='$1',
		            usage=dict(prompt_tokens=50, completion_tokens=$2))))
		        print(json.dumps(r), flush=True)
	EOT
}

# The first request, and when it is answered the others.
one_first() {
	head -n 1 in
	until [ -s out ]; do sleep 0.05; done
	tail -n +2 in
}

@test "an answer that costs more than its request at most: it is said, and the budget holds from then on" {
	requests 40 gpt-4o 1000 >in
	# A request is about a cent at most; at the priority tier, which nobody asked for, its answer is two.
	dear priority 1000
	: >out
	one_first | timeout 60 lbcost -b 0.2 -l ledger python3 dear.py >out 2>err || status=$?
	[ "$status" -eq 3 ]
	[ "$(lines out)" -eq 40 ]
	[ "$(in_ledger ledger 'SELECT sum(nano) FROM spends')" -le 200000000 ]
	[ "$(in_ledger ledger 'SELECT sum(requests) FROM spends')" -ge 8 ]
	[ "$(lines err)" -eq 1 ]
	grep -qx 'lbcost: an answer cost $0.[0-9]*, more than the $0.010[0-9]* reserved for it: its service tier is dearer than the one that was asked for; more is reserved from now on' err
	# In one process, and of what was asked for dearly: no reason is known.
	jq -c '.body.service_tier = "priority"' in >other
	mv other in
	dear priority 2000
	: >out
	one_first | timeout 60 lbcost -b 0.4 python3 dear.py >out 2>err || status=$?
	[ "$status" -eq 3 ]
	[ "$(results_cost out)" -le 400000000 ]
	[ "$(results_cost out)" -ge 320000000 ]
	grep -qx 'lbcost: an answer cost $0.[0-9]*, more than the $0.020[0-9]* reserved for it; more is reserved from now on' err
	# In pipe form the half that sees it says so.
	lbcost -b 1 -l pipe <in 2>left | python3 dear.py | call lbcost -l pipe
	grep -qx 'lbcost: an answer cost $0.[0-9]*, more than the $0.020[0-9]* reserved for it' err
	[ "$(lines err)" -eq 1 ]
	[ ! -s left ]
	# What is asked for at a tier is reserved for at it.
	dear priority 1000
	call lbcost -b 1 python3 dear.py <in
	status_is 0
	[ ! -s err ]
}

@test "a wait ends after --max-wait without a settlement, in refusal" {
	requests 3 gpt-4o-mini 16000 >in
	# The command answers at the end of its input, which does not come while a request waits.
	began=$(date +%s)
	call lbcost -b 0.01 --max-wait 1s tac <in
	status_is 3
	[ $(($(date +%s) - began)) -lt 10 ]
	grep -q '"code":"budget_exceeded","message":"[^"]*settled for too long"' out
	[ "$(lines out)" -eq 3 ]
}

@test "a wait ends with the death of the command" {
	requests 3 gpt-4o-mini 16000 >in
	call lbcost -b 0.01 sh -c 'read -r line; sleep 0.3; exit 1' <in
	[ "$status" -ge 3 ]
	[ "$(lines out)" -eq 3 ]
	# The one that it had may have been billed, so that nothing fits beside it.
	[ "$(codes out | paste -sd' ')" = 'budget_exceeded 2 command_died 1' ]
}

@test "a wait ends when the reader goes away" {
	requests 3 gpt-4o-mini 16000 >in
	(timeout 20 lbcost -b 0.01 -l ledger <in 3>&- || echo $? >status) | head -n 1 >out
	[ "$(cat status)" -eq 4 ]
	[ "$(lines out)" -eq 1 ]
}

# bats test_tags=valgrind
@test "pipe form: requests are reserved on the left and settled on the right, by -l" {
	start_mock --log log --fail 500:10%
	export OPENAI_BASE_URL=$MOCK
	requests 500 >in
	lbcost -b 0.004 -l ledger <in | lbcall -c 20 | lbcost -b 0.004 -l ledger >out || true
	[ "$(lines out)" -eq 500 ]
	lacks out reserved
	[ "$(log_cost log)" -le 4000000 ]
	[ "$(log_cost log)" -eq "$(results_cost out)" ]
	[ "$(in_ledger ledger 'SELECT sum(nano) FROM spends')" -eq "$(log_cost log)" ]
	[ "$(in_ledger ledger 'SELECT reserved FROM totals')" -eq 0 ]
}

@test "a record cannot settle a reservation that is not its own" {
	requests 1 >in
	lbcost -b 1 -l ledger <in >left
	id=$(jq -r .lb.reserved left)
	[ "${#id}" -eq 16 ]
	# One that comes with a name in it gets another.
	call lbcost -b 1 -l ledger <left
	status_is 0
	[ "$(jq -r .lb.reserved out)" != "$id" ]
	result a gpt-4o-mini '{"prompt_tokens":1,"completion_tokens":1}' ',"lb":{"reserved":"0000000000000001"}' >in
	call lbcost -l ledger <in
	[ "$(in_ledger ledger 'SELECT count(*) FROM reservations')" -eq 2 ]
	[ "$(in_ledger ledger 'SELECT settled FROM totals')" -eq 0 ]
}

@test "a reservation is in the ledger before its request leaves" {
	requests 20 >in
	cat >look <<-'EOT'
		while read -r line; do
			sqlite3 ledger 'SELECT count(*) FROM reservations' >>counts
			printf '%s\n' "$line" | jq -c '. + {response: {status_code: 200, body: {}}, error: null}'
		done
	EOT
	call lbcost -b 1 -l ledger sh look <in
	[ "$(lines counts)" -eq 20 ]
	# None of them is given back here, as their answers have no usage.
	[ "$(sort -n counts | head -n 1)" -ge 1 ]
	[ "$(in_ledger ledger 'SELECT count(*) FROM reservations')" -eq 20 ]
}

@test "ahead of a slow command little is reserved" {
	requests 5000 >in
	cat >slow <<-'EOT'
		count=0
		# Until no more is reserved though nothing is read.
		until [ "$count" -gt 0 ] && [ "$count" = "$before" ]; do
			before=$count
			sleep 0.3
			count=$(sqlite3 ledger 'SELECT count(*) FROM reservations')
		done
		echo "$count" >ahead
		cat >/dev/null
	EOT
	call lbcost -b 100 -l ledger sh slow <in
	cat ahead
	[ "$(cat ahead)" -le 600 ]
}

@test "what was perhaps billed counts as spent, until it is forgiven" {
	start_mock --fail hang:100%
	export OPENAI_BASE_URL=$MOCK
	requests 2 gpt-4o-mini 16000 >in
	call lbcost -b 0.01 -l ledger lbcall --timeout 300ms <in
	status_is 3
	[ "$(codes out | paste -sd' ')" = 'budget_exceeded 1 timeout 1' ]
	grep -q '^lbcost: 1 requests may have been billed.* until --forgive$' err
	requests 1 gpt-4o-mini 16000 >in
	call lbcost -b 0.01 -l ledger cat <in
	status_is 3
	call lbcost -l ledger --forgive
	status_is 0
	grep -qxE 'lbcost: 1 reservations forgiven, \$0\.0096[0-9]*' err
	call lbcost -b 0.01 -l ledger cat <in
	status_is 0
}

@test "what the innermost command never read was not billed, with a tool between" {
	requests 300 gpt-4o-mini 16000 >in
	call lbcost -b 5 -l ledger lbthrottle -r 60k lbcall --bogus <in
	status_is 2
	[ "$(jq -r .custom_id out | sort -u | wc -l)" -eq 300 ]
	holds out '.error.code == "command_died" and (.lb.ms == null)'
	[ "$(in_ledger ledger 'SELECT count(*) FROM reservations')" -eq 0 ]
	if grep 'may have been billed' err; then
		return 1
	fi
	# One that read them may have sent them.
	call lbcost -b 5 -l ledger lbthrottle -r 60k sh -c 'head -n 300 >/dev/null' <in
	[ "$(in_ledger ledger 'SELECT count(*) FROM reservations')" -gt 0 ]
	grep -q 'may have been billed' err
}

@test "attempts behind a reservation are told of" {
	requests 3 >in
	call lbcost -b 5 -l ledger sed -u 's/}$/,"lb":{"attempts":3},"response":{"status_code":200,"body":{"model":"gpt-4o-mini","usage":{"prompt_tokens":60,"completion_tokens":50}}},"error":null}/' <in
	status_is 0
	grep -q '^lbcost: 3 answers took several attempts, .* put lbretry in front of lbcost$' err
}

@test "a budget for a day, and one for a month" {
	result a gpt-4o-mini '{"prompt_tokens":1000000,"completion_tokens":0}' >in
	call lbcost -l ledger <in # $0.15, booked today
	requests 1 >in
	call lbcost -b 0.15/day -l ledger cat <in
	status_is 3
	in_ledger ledger "UPDATE spends SET day = '2020-01-01'"
	call lbcost -b 0.15/day -l ledger cat <in
	status_is 0
	call lbcost -b 0.15/month -l ledger cat <in
	status_is 0
	call lbcost -b 0.15 -l ledger cat <in
	status_is 3
}

@test "--alert runs its command once, when the share is passed, in all processes" {
	result a gpt-4o-mini '{"prompt_tokens":1000000,"completion_tokens":0}' >in
	for i in 1 2 3 4; do
		call lbcost -b 0.5 -l ledger --alert '80%:echo passed >>alerts' <in
		status_is 0
		[ "$i" -ge 3 ] || [ ! -e alerts ]
	done
	for i in $(seq 50); do [ -s alerts ] && break; sleep 0.1; done
	[ "$(cat alerts)" = passed ]
}

@test "cost without a bound is refused with a budget" {
	printf '%s\n' '{"custom_id":"a","body":{"model":"gpt-4o","max_tokens":5,"messages":[],"web_search_options":{}}}' \
		'{"custom_id":"b","body":{"model":"gpt-6.1-sol","messages":[]}}' '"an item"' >in
	call lbcost -k -b 1 cat <in
	status_is 1
	[ "$(jq -r .error.code out | paste -sd' ')" = 'unbounded_cost unbounded_cost not_a_request' ]
}

@test "a file that is no ledger is refused, and left as it is" {
	echo '{"an":"item"}' >ledger
	cp ledger before
	call lbcost -l ledger </dev/null
	status_is 4
	same ledger before
	ln -s nowhere link
	call lbcost -l link </dev/null
	status_is 4
	[ ! -e nowhere ]
}

@test "a ledger of version 1 is kept, with what is spent and reserved in it; one of version 3 is refused" {
	in_ledger ledger "
		CREATE TABLE spends(day TEXT NOT NULL, model TEXT NOT NULL, job TEXT NOT NULL,
			requests INTEGER NOT NULL, unpriced INTEGER NOT NULL, input INTEGER NOT NULL,
			cached INTEGER NOT NULL, cache_write INTEGER NOT NULL, output INTEGER NOT NULL,
			nano INTEGER NOT NULL, PRIMARY KEY(day, model, job)) WITHOUT ROWID;
		CREATE TABLE reservations(id INTEGER PRIMARY KEY, owner INTEGER NOT NULL,
			at INTEGER NOT NULL, model TEXT NOT NULL, job TEXT NOT NULL, nano INTEGER NOT NULL);
		CREATE TABLE owners(id INTEGER PRIMARY KEY, pid INTEGER NOT NULL, start INTEGER NOT NULL,
			boot TEXT NOT NULL);
		CREATE TABLE totals(reserved INTEGER NOT NULL, settled INTEGER NOT NULL);
		CREATE TABLE alerts(period TEXT NOT NULL, share INTEGER NOT NULL, budget INTEGER NOT NULL,
			PRIMARY KEY(period, share, budget)) WITHOUT ROWID;
		INSERT INTO spends VALUES('2026-11-20', 'gpt-4o', 'one', 3, 0, 30, 0, 0, 300, 2000000000);
		INSERT INTO reservations VALUES(9, 0, 1795348800, 'gpt-4o', 'one', 1000000000);
		INSERT INTO totals VALUES(1000000000, 3);
		PRAGMA application_id = 0x6c627370; PRAGMA user_version = 1" >/dev/null
	chmod 600 ledger
	cp ledger other
	# Two dollars spent and one reserved by somebody who is gone: three are not enough for more.
	requests 1 >in
	call lbcost -b 3 -l ledger cat <in
	status_is 3
	[ "$(codes out)" = 'budget_exceeded 1' ]
	call lbcost -l ledger --report --json
	status_is 0
	holds out '.models[0].usd == 2 and .jobs[0].job == "one" and .unsettled == {requests: 1, usd_at_most: 1}'
	result a gpt-4o-mini '{"prompt_tokens":1000,"completion_tokens":100}' >in
	call lbcost -l ledger <in
	status_is 0
	call lbcost -l ledger --report --json
	holds out '.total[0].usd == 2.00021'
	in_ledger other 'PRAGMA user_version = 3'
	cp other before
	call lbcost -l other --report
	status_is 4
	grep -qx "lbcost: other: a file of another version of lbcost: its format is 3, this one's 2" err
	same other before
}

# worker NAME: jobs on the ledger, one after the other until the budget is spent, one of the first ones
# killed at a random moment with all that it runs.
worker() {
	local run pid victim=$((RANDOM % 3 + 1))
	requests 300 gpt-4o 20 >"in.$1"
	for run in 1 2 3 4 5; do
		setsid lbcost -b 1.00 -l ledger --max-wait 3s lbcall -c 10 <"in.$1" >>"out.$1" 2>/dev/null &
		pid=$!
		if [ "$run" -eq "$victim" ]; then
			sleep "0.$((RANDOM % 6))$((RANDOM % 10))"
			kill -KILL -- "-$pid" || true
		fi
		wait "$pid" || true
	done
}

@test "8 processes on one ledger, killed at random: never more than the budget by lbmock's log" {
	start_mock --log log --latency '20ms±10ms' --fail 500:3%,cut:0.2%
	export OPENAI_BASE_URL=$MOCK
	workers=
	for w in 1 2 3 4 5 6 7 8; do
		worker $w 2>/dev/null 3>&- &
		workers="$workers $!"
	done
	wait $workers
	spent=$(log_cost log)
	[ "$spent" -le 1000000000 ]
	[ "$spent" -gt 400000000 ]
	[ "$(in_ledger ledger 'SELECT sum(nano) FROM spends')" -le "$spent" ]
	# The budget did end it: no request at most fits beside what is spent and what nobody can settle.
	call lbcost -b 1.00 -l ledger cat <in.1
	status_is 3
}

@test "-e: the estimate is within 5 % of what a run on lbmock costs, whatever the text" {
	start_mock --log log
	export OPENAI_BASE_URL=$MOCK
	local text estimate real
	# Whatever lbmock answers is cut at 4 tokens.
	while read -r text; do
		jq -nc --arg t "$text" 'range(100) | {custom_id: "p\(.)", body: {model: "gpt-4o-mini", max_tokens: 4, messages: [
			{role: "system", content: "Continue the text that the user gives you, in its own language."},
			{role: "user", content: ("\(.): " + $t * (. % 4 + 1))}]}}' >in
		call lbcost -e --json --expect-output 4 <in
		status_is 0
		estimate=$(jq '.usd * 1e9 | floor' out)
		call lbcost lbcall <in
		status_is 0
		real=$(results_cost out)
		echo "estimate $estimate, real $real: $text"
		[ $((estimate * 100)) -ge $((real * 95)) ]
		[ $((estimate * 100)) -le $((real * 105)) ]
	done <<-'EOT'
		The garden chair of oak with green cushions is weatherproof, and is sold in sets of four with a table of the same wood.
		Der wetterfeste Gartenstuhl aus Eichenholz mit grünen Sitzkissen wird im Viererset mit dem dazugehörigen Tisch geliefert.
		这把橡木花园椅配有绿色坐垫，经得起风雨，四把一套出售，附同样木料的桌子和安装说明。
		static int find(const struct table *t, const char *name) { for (size_t i = 0; i < t->count; i++) { if (strcmp(t->rows[i].name, name) == 0) return (int)i; } return -1; }
		{"id":48213,"name":"Oak chair","price":{"amount":129.95,"currency":"EUR"},"tags":["garden","oak","green"],"stock":null,"dimensions":[55.5,60.0,92.25]}
	EOT
	[ "$(lines log)" -eq 500 ]
}

@test "memory does not grow with the number of records" {
	local n
	# The peak of what the command itself took, in KiB.
	cat >peak.py <<-'EOT'
		import os, sys
		pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
		_, status, usage = os.wait4(pid, 0)
		open(sys.argv[1], "w").write(str(usage.ru_maxrss))
		sys.exit(os.waitstatus_to_exitcode(status))
	EOT
	for n in 10000 100000; do
		seq $n | sed 's/.*/{"custom_id":"r&","body":{"model":"gpt-4o-mini","max_tokens":50,"messages":[{"role":"user","content":"Say hello number & to the world."}]}}/' |
			python3 peak.py left.$n lbcost -b 1000 -l ledger.$n |
			sed 's/}$/,"response":{"status_code":200,"body":{"model":"gpt-4o-mini","usage":{"prompt_tokens":10,"completion_tokens":20}}},"error":null}/' |
			python3 peak.py right.$n lbcost -l ledger.$n |
			python3 peak.py plain.$n lbcost >out
		[ "$(lines out)" -eq $n ]
		[ "$(in_ledger ledger.$n 'SELECT sum(requests) FROM spends')" -eq $n ]
	done
	for n in left right plain; do
		echo "$n: $(cat $n.10000) KiB for 10,000, $(cat $n.100000) for 100,000"
		grep -q __asan_init "$LB_BIN/lbcost" || [ $(($(cat $n.100000) * 10)) -le $(($(cat $n.10000) * 11)) ]
	done
}

@test "-e: tokens, dollars and time by hand" {
	# 14 tokens of prompt each: 8, 3 for the message and 3 for the reply; none is sent.
	requests 5 gpt-4o-mini 50 >in
	sed -i 's/number [0-9]* to/number one to/' in
	call lbcost -e --json --expect-output 10 -c 2 --latency 3s <in
	status_is 0
	holds out '.requests == 5 and .output_tokens == 50 and .seconds == {one: 15, concurrent: 9}'
	input=$(jq .input_tokens out)
	[ "$(jq '.usd * 1e9 | round' out)" -eq $((input * 150 + 50 * 600)) ]
	[ "$(jq '.usd_batch * 1e9 | round' out)" -eq $(((input * 150 + 50 * 600) / 2)) ]
	# Without an expectation an answer is as long as is allowed, and never longer.
	call lbcost -e --json <in
	holds out '.output_tokens == 250'
	call lbcost -e --json --expect-output 70 <in
	holds out '.output_tokens == 250'
	# Limits: 5 requests at 2 a minute take 150 s; tokens as providers count them.
	call lbcost -e --json -c 5 -r 2 <in
	holds out '.seconds.concurrent == 150'
	call lbcost -e --json -c 5 -t 100 <in
	holds out '.seconds.concurrent == ((.input_tokens + 250) * 60 / 100)'
	call lbcost -e <in
	grep -qE '^as a batch +5 +[0-9]+ +250 +[0-9.]+ +up to 24h$' out
}

@test "-e: what was assumed is said, and what is no request" {
	requests 5 >in
	call lbcost -e --latency 250ms --expect-output 7 <in
	status_is 0
	grep -qF '0.25s (--latency)' out
	grep -qF '7 tokens' out
	call lbcost -e <in
	grep -qF -- '--expect-output tells how many' out
	# Amounts stand under one another.
	[ "$(awk '/^as a batch|^at most/ { print index($0, $(NF - ($1 == "as" ? 3 : 0))) + length($(NF - ($1 == "as" ? 3 : 0))) }' out | sort -u | wc -l)" -eq 1 ]
	# The array or the pretty-printed file that somebody has is told from others.
	jq -s . in >other
	call lbcost -e <other
	grep -q "^lbcost: line 1: .*array.*jq -c '.\[\]'" err
	jq . in >other
	call lbcost -e <other
	status_is 1
	[ "$(grep -c '^lbcost: line 1: .*jq -c \.' err)" -eq 1 ]
	echo '{"name":"an item"}' >items
	call lbcost -e <items
	status_is 1
	grep -q '^lbcost: 1 lines are no requests; lbchunk' err
	[ ! -s out ]
	call lbcost -e --json <items
	status_is 1
	holds out '.requests == 0 and .usd == 0'
	# Among requests it is left out, and the status tells.
	cat in items >other
	call lbcost -e <other
	status_is 1
	grep -q '^one at a time  *5 ' out
	call lbcost -e </dev/null
	status_is 0
	[ ! -s out ]
	grep -qx 'lbcost: there are no requests to estimate' err
	# A file that is named instead of being the input.
	call lbcost -e in
	status_is 2
	grep -qF "< 'in'" err
	call lbcost -l ledger --report cat
	status_is 2
	[ ! -e ledger ]
}

@test "-e: what has no price or no bound is said" {
	requests 2 gpt-77 >in
	echo '{"custom_id":"x","body":{"model":"gpt-6.1-sol","messages":[]}}' >>in
	echo nonsense >>in
	call lbcost -e --json <in
	status_is 1
	grep -q '2 requests have no price' err
	grep -q '1 requests have no bound' err
	grep -q '1 lines are no JSON' err
}

@test "--report: by model, day and job, as tables and as JSON" {
	result a gpt-4o-mini '{"prompt_tokens":1000,"completion_tokens":100}' >in
	call lbcost -l ledger --job one <in
	result b gpt-4o '{"prompt_tokens":1000,"completion_tokens":100}' >>in
	call lbcost -l ledger --job two <in
	call lbcost -l ledger --report --json
	status_is 0
	day=$(date -u +%F)
	holds out '(.models | map([.model, .requests, .usd])) == [["gpt-4o", 1, 0.0035], ["gpt-4o-mini", 2, 0.00042]]
		and (.days | map([.day, .requests])) == [[$day, 3]]
		and (.jobs | map([.job, .requests, .usd])) == [["one", 1, 0.00021], ["two", 2, 0.00371]]
		and .total[0].usd == 0.00392' --arg day "$day"
	call lbcost -l ledger --report
	status_is 0
	grep -qE '^gpt-4o-mini +2 +2000 +0 +200 +0\.000420$' out
	call lbcost -l nowhere --report
	status_is 4
	[ ! -e nowhere ]
	# Names stand there in full, without what a terminal would obey.
	result a "$(printf 'a-model-of-one-that-likes-long-names-\302\233\\u001b[2J\303\251')" '{"prompt_tokens":1}' |
		call lbcost -l names
	call lbcost -l names --report
	grep -qE "^a-model-of-one-that-likes-long-names-\?\?\[2J$(printf '\303\251') +1 +1 " out
}

@test "--plot draws with gnuplot, and says so if there is none" {
	result a gpt-4o-mini '{"prompt_tokens":1000,"completion_tokens":100}' >in
	call lbcost -l ledger <in
	mkdir bin
	ln -s "$LB_BIN/lbcost" bin
	call env PATH="$PWD/bin" lbcost -l ledger --report --plot days.svg
	status_is 4
	grep -q 'gnuplot is not installed' err
	# One that keeps what it is told: a minute with 1 request, one without any, one with 3.
	in_ledger ledger 'UPDATE minutes SET at = 1795348800; INSERT INTO minutes VALUES(1795348920, 3, 500000)'
	printf '#!/bin/sh\n/bin/cat >script; echo "<svg/>"\n' >bin/gnuplot
	chmod +x bin/gnuplot
	call env PATH="$PWD/bin" lbcost -l ledger --report --plot "day's.svg"
	status_is 0
	[ "$(cat "day's.svg")" = '<svg/>' ]
	sed -n '/<< EOD/,/^EOD/p' script | sed '1d;$d' >points
	printf '%s\n' '1795348800 0 1.000' '1795348860 0.00021 0.000' '1795348920 0.00021 3.000' \
		'1795348980 0.00071 0.000' >want
	same points want
	# The name is one, whatever is in it; and what cannot be written is said.
	call env PATH="$PWD/bin" lbcost -l ledger --report --plot '|touch ran'
	status_is 0
	[ -s '|touch ran' ] && [ ! -e ran ]
	call env PATH="$PWD/bin" lbcost -l ledger --report --plot nowhere/days.svg
	status_is 4
	grep -qx 'lbcost: --plot: nowhere/days.svg: No such file or directory' err
	call env PATH="$PWD/bin" lbcost -l ledger --report --plot /dev/full
	status_is 4
	grep -qx 'lbcost: --plot: /dev/full: No space left on device' err
	# One that fails leaves the picture of before.
	printf '#!/bin/sh\nexit 1\n' >bin/gnuplot
	call env PATH="$PWD/bin" lbcost -l ledger --report --plot "day's.svg"
	status_is 4
	grep -q 'gnuplot failed' err
	[ -s "day's.svg" ]
}

@test "--plot: the picture has axes with labels, the spend and the throughput" {
	command -v gnuplot >/dev/null || skip "no gnuplot"
	result a gpt-4o-mini '{"prompt_tokens":1000,"completion_tokens":100}' >in
	call lbcost -l ledger <in
	# Three hours of it, so that points are further apart than a minute.
	in_ledger ledger 'DELETE FROM minutes'
	in_ledger ledger "WITH RECURSIVE m(at) AS (SELECT 1795348800 UNION ALL SELECT at + 60 FROM m LIMIT 600)
		INSERT INTO minutes SELECT at, 5, 1000000 FROM m"
	call lbcost -l ledger --report --plot days.svg
	status_is 0
	python3 - <<-'EOT'
		import xml.etree.ElementTree as xml
		tree = xml.parse('days.svg')
		texts = [''.join(e.itertext()).strip() for e in tree.iter('{http://www.w3.org/2000/svg}text')]
		for want in ('USD spent', 'requests a minute', 'time, UTC', '12:00', '22:00',
		        '$0.6, 3000 requests, from 2026-11-22 12:00 to 2026-11-22 22:00 UTC'):
		    assert want in texts, (want, texts)
	EOT
	call lbcost -l empty </dev/null
	call lbcost -l empty --report --plot days.svg
	status_is 4
	grep -q 'nothing was spent' err
}

@test "the meter is drawn when stderr is a terminal, never on stdout" {
	result a gpt-4o-mini '{"prompt_tokens":1000000,"completion_tokens":0}' >in
	script -qec "stty cols 80; '$LB_BIN/lbcost' -b 5 -l ledger --total 1 <in 2>/dev/tty >out" typescript >/dev/null 3>&-
	[ "$(jq -c .lb.cost out)" = 0.15 ]
	[ "$(lines out)" -eq 1 ]
	tr '\r' '\n' <typescript | grep -qF '1/1 done'
	tr '\r' '\n' <typescript | grep -qF '$0.1500 of $5.00'
	# Of the two halves of a pipe it is the right one that draws.
	requests 3 >requests
	script -qec "(PATH=$LB_BIN:\$PATH; lbcost -b 5 -l two | cat | lbcost -l two) <requests 2>/dev/tty >out" \
		typescript >/dev/null 3>&-
	tr '\r' '\n' <typescript | grep -F '3 done' >meters
	[ "$(lines meters)" -eq 1 ]
	call lbcost <in
	[ ! -s err ]
}

@test "--rounds: a command that answers at its end is run again for what had to wait" {
	requests 20 gpt-4o-mini 16000 >in
	cat >answer <<-'EOT'
		echo round >>rounds
		jq -sc '.[] | . + {response: {status_code: 200, body: {model: "gpt-4o-mini",
			usage: {prompt_tokens: 10, completion_tokens: 1}}}, error: null}'
	EOT
	# Nearly a cent each: five fit at a time.
	call lbcost -b 0.05 --rounds --max-wait 20s sh answer <in
	status_is 0
	[ "$(codes out)" = 'ok 20' ]
	[ "$(lines rounds)" -eq 4 ]
}

@test "a command that answers at its end, without --rounds: it is said what to do" {
	local end=$((SECONDS + 60))
	until [ -e "$BATS_FILE_TMPDIR/ended" ] || [ "$SECONDS" -gt "$end" ]; do
		sleep 0.2
	done
	[ "$(lines "$BATS_FILE_TMPDIR/out")" -eq 6 ]
	[ "$(grep -c '^lbcost: no answer for 30 s, with 5 records in the command: .*use --rounds$' "$BATS_FILE_TMPDIR/err")" -eq 1 ]
}
