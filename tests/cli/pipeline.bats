#!/usr/bin/env bats
# The tools in pipelines: with each other, with faults of all kinds, and beside jq, sort, xargs and GNU
# parallel.

load helper

COLOURS='red green blue black white brown pink'

# items N: things of seven colours, which are what a model should say of them.
items() {
	awk -v n="$1" -v list="$COLOURS" 'BEGIN {
		split(list, colour, " ")
		for (i = 0; i < n; i++)
			printf "{\"id\":\"i%d\",\"big\":12345678901234567%03d,\"colour\":\"%s\"}\n", i, i % 1000, colour[i % 7 + 1]
	}'
}

# What asks for the colour.
ASK=(lbchunk -m gpt-4o-mini -s "Answer with one of: ${COLOURS// /, }." -p 'A thing of \(.colour) colour.')

# tolerant COMMAND [argument]...: some records may fail.
tolerant() {
	"$@" || [ $? -eq 1 ]
}

# accounted: each item of the file in is in out, once, byte for byte but for what stands behind it, with an
# error or with its own answer.
accounted() {
	sed 's/,"answer":"[a-z]*"}$/}/; s/,"error":{.*}$/}/' out | sort >got
	sort in >want
	same want got
	holds out 'if has("error") then .error.code | type == "string" else .answer == .colour end'
}

FAULTS=429:2%,500:1%,503:1%,400:1%,reset:1%,cut:1%,garbage:1%,error200:1%,refuse:0.5%,truncate:0.5%

@test "10,000 items, faults of all kinds at 10 %: every item comes out once, nobody has another's answer" {
	items 10000 >in
	start_mock --seed 1 --fail "$FAULTS"
	"${ASK[@]}" <in | tolerant lbcall -c 50 -u "$MOCK" --auth none >results
	call lbchunk -u <results
	status_is 1
	accounted
	# A tenth, give or take five standard deviations.
	failed=$(jq -c 'select(.error)' out | wc -l)
	echo "failed: $failed"
	[ "$failed" -gt 850 ]
	[ "$failed" -lt 1150 ]
	# Each kind of fault has shown itself.
	jq -r '.error.code // empty' out | sort -u >codes
	for code in rate_limit_exceeded connection_lost bad_response refusal truncated; do
		grep -qx "$code" codes || { cat codes; return 1; }
	done
}

@test "10,000 items, seven to a request, faults of packs as well: every item comes out once" {
	items 10000 >in
	start_mock --seed 2 --log calls --fail "$FAULTS,missing:2%,repeat:2%,surplus:2%,renumber:2%,malformed:2%"
	"${ASK[@]}" -n 7 <in | tolerant lbcall -c 50 -u "$MOCK" --auth none >results
	[ "$(lines results)" -eq 1429 ]
	call lbchunk -u <results
	status_is 1
	accounted
	# Around the call, what packs left out is asked again; only requests that failed as such remain.
	call "${ASK[@]}" -n 7 -k lbcall -c 50 -u "$MOCK" --auth none <in
	[ "$status" -le 1 ]
	accounted
	[ "$(jq -r .id out | head -n 7 | xargs)" = "i0 i1 i2 i3 i4 i5 i6" ]
	[ "$(jq -r '.error.code // empty' out | grep -c '^answer' || true)" -eq 0 ]
}

@test "what failed can be picked out and run again, until all is there" {
	items 300 >in
	start_mock --seed 3 --fail 500:30%
	cp in left
	: >good
	local i
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		"${ASK[@]}" <left | tolerant lbcall -u "$MOCK" --auth none | tolerant lbchunk -u >out
		jq -c 'select(.error | not)' out >>good
		jq -c 'select(.error) | del(.error)' out >left
		[ -s left ] || break
	done
	[ ! -s left ]
	[ "$(jq -r .id good | sort -u | wc -l)" -eq 300 ]
	holds good '.answer == .colour and (has("error") | not)'
}

@test "between jq and sort, without reading or writing a file" {
	items 100 >in
	start_mock
	jq -c 'select(.colour == "red") | {id, colour}' in | "${ASK[@]}" | lbcall -u "$MOCK" --auth none | lbchunk -u |
		jq -r '[.id, .answer] | @tsv' | sort -V >got
	awk 'BEGIN { for (i = 0; i < 100; i += 7) printf "i%d\tred\n", i }' >want
	same want got
}

@test "xargs: a file for each shard, all done at once" {
	items 100 >in
	start_mock
	"${ASK[@]}" <in >requests
	split -n r/4 --additional-suffix=.shard requests
	printf '%s\n' *.shard | xargs -P 4 -I{} sh -c 'lbcall -u "$1" --auth none <{} >{}.results' sh "$MOCK" 3>&-
	[ "$(printf '%s\n' *.results | wc -l)" -eq 4 ]
	cat -- *.results | lbchunk -u >out
	accounted
	[ "$(grep -c '"answer"' out)" -eq 100 ]
}

@test "GNU parallel --pipe cuts the input into pieces, each with a call of its own" {
	items 200 >in
	start_mock
	"${ASK[@]}" <in | parallel --pipe -N 50 -j 2 lbcall -u "$MOCK" --auth none | lbchunk -u >out 3>&-
	accounted
	[ "$(grep -c '"answer"' out)" -eq 200 ]
	# Around it, which answers at the end of its input.
	call "${ASK[@]}" -k -n 3 parallel --pipe -N 20 -j 2 lbcall -u "$MOCK" --auth none <in
	status_is 0
	accounted
	[ "$(jq -r .id out | head -n 3 | xargs)" = "i0 i1 i2" ]
}

@test "a pipeline in sh -c is a command like any other" {
	items 100 >in
	start_mock --seed 4 --fail missing:30%
	call "${ASK[@]}" -k -n 5 sh -c "lbcall -u $MOCK --auth none | jq -c --unbuffered '.lb.seen = true'" <in
	status_is 0
	accounted
	[ "$(jq -r .id out | head -n 3 | xargs)" = "i0 i1 i2" ]
}

@test "an OpenAI batch file goes in, and what comes out can be unpacked and looked up" {
	start_mock
	cat >in <<-'EOT'
		{"custom_id": "request-1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 10}}
		{"custom_id": "request-2", "method": "POST", "url": "/v1/embeddings", "body": {"model": "text-embedding-3-small", "input": "Hello"}}
	EOT
	lbcall -k -u "$MOCK" --auth none <in >results
	[ "$(jq -r '"\(.custom_id) \(.response.status_code)"' results | xargs)" = "request-1 200 request-2 200" ]
	call lbchunk -u <results
	status_is 0
	[ "$(jq -r '"\(.custom_id) \(.answer | type)"' out | xargs)" = "request-1 string request-2 array" ]
}

@test "lbchunk around lbbatch: what packed answers leave out is asked again in another batch" {
	start_mock --seed 1 --log calls --batch-fail missing:50%
	export OPENAI_BASE_URL=$MOCK
	seq 100 | jq -c '{id: ., text: "item \(.)"}' >items
	call lbchunk -m m -n 8 -p 'Say \(.text)' lbbatch -s job --poll 20ms <items
	status_is 0
	[ "$(jq .id out | sort -n | uniq | wc -l)" -eq 100 ]
	holds out '.id as $id | .error == null and (.answer | endswith("item \($id)"))'
	[ "$(jq -r 'select(.path == "/v1/batches" and .method == "POST") | .batch' calls | wc -l)" -eq 2 ]
}

gone() {
	! kill -0 "$(cat "$1")" 2>/dev/null
}

begun() {
	[ "$(lines out)" -ge 100 ]
}

@test "an interrupt: the ledger has what was called, and nothing is in doubt" {
	start_mock --latency 30ms --log calls
	export OPENAI_API_KEY=dummy OPENAI_BASE_URL=$MOCK
	requests 5000 '"max_tokens":20,' | sed 's/"model":"m"/"model":"gpt-4o-mini"/' >in
	local stack calls
	for stack in "lbcost -b 5 -l ledger" "lbretry lbcost -b 5 -l ledger lbthrottle -r 1M --burst 100k"; do
		rm -f ledger
		: >calls
		# shellcheck disable=SC2086 # the words of a command
		setsid $stack lbcall -c 50 <in >out 2>err 3>&- &
		until_true begun
		kill -TERM -- "-$!"
		wait $! || [ $? -eq 3 ]
		calls=$(lines calls)
		[ "$calls" -lt 5000 ]
		[ "$(jq -c 'select(.error == null)' out | wc -l)" -eq "$calls" ]
		[ "$(jq -r '.error.code // empty' out | sort -u)" = cancelled ]
		lbcost --report -l ledger >report
		grep -q "^all" report
		[ "$(awk '/^all/ { getline; print $2 }' report)" -eq "$calls" ]
		grep -q '^not settled:  0 requests' report
	done
}

# in_doubt: how many requests the ledger has no outcome of.
in_doubt() {
	lbcost --report -l ledger | awk '/^not settled:/ { print $3 }'
}

# given_up TARGET READY COMMAND...: run it on in; when READY is true the target, "group" or "alone", gets two
# signals.
given_up() {
	local target=$1 ready=$2
	shift 2
	echo "signals to: $target; command: $*"
	rm -f ledger log stubborn
	: >out
	setsid "$@" <in >out 2>err 3>&- &
	local leader=$! signalled=$!
	[ "$target" = alone ] || signalled=-$leader
	until_true eval "$ready"
	kill -TERM -- "$signalled"
	sleep 0.05 # as fast as fingers are
	kill -HUP -- "$signalled" # two of a kind might become one
	status=0
	wait "$leader" || status=$?
	status_is 3
}

@test "two interrupts, of all or of the outermost alone: only what was in flight is in doubt, and it is said" {
	start_mock --latency 300ms
	export OPENAI_API_KEY=dummy OPENAI_BASE_URL=$MOCK
	requests 1000 '"max_tokens":20,' | sed 's/"model":"m"/"model":"gpt-4o-mini"/' >in
	local target stack doubt
	for target in group alone; do
		for stack in "lbretry lbcost -b 5 -l ledger" \
			"lbcheckpoint log lbcache cache lbretry lbcost -b 5 -l ledger lbthrottle -r 1M --burst 100k"; do
			rm -f cache
			# shellcheck disable=SC2086 # the words of a command
			given_up "$target" begun $stack lbcall -c 50
			doubt=$(in_doubt)
			[ "$doubt" -le 50 ]
			[ "$doubt" -eq 0 ] || grep -q "^lbcost: $doubt requests\\? may have been billed" err
		done
	done
}

@test "two interrupts, around a command that ignores them: each tool has its say, and it takes two seconds" {
	mkfifo gate
	requests 100 '"max_tokens":20,' | sed 's/"model":"m"/"model":"gpt-4o-mini"/' >in
	local target start
	for target in group alone; do
		start=$SECONDS
		given_up "$target" "test -s stubborn" lbcheckpoint log lbretry lbcost -b 5 -l ledger lbthrottle -r 1M --burst 100k \
			sh -c 'trap "" INT TERM HUP; read -r a; read -r b; echo $$ >stubborn; read -r never <gate'
		[ $((SECONDS - start)) -le 4 ]
		until_true gone stubborn
		[ "$(in_doubt)" -eq 2 ]
		grep -q '^lbcost: 2 requests may have been billed' err
	done
}

@test "an interrupt from the terminal: tee -ip before sort keeps every answer that was paid for" {
	start_mock --latency 200ms --log calls
	requests 600 >in
	# In the background the signal would be ignored.
	setsid env --default-signal=INT bash -c 'lbcall -c 20 -u "$0" <in | tee -ip paid | sort >out' "$MOCK" 2>err 3>&- &
	until_true has_lines 40 paid
	kill -INT -- "-$!"
	wait $! || true
	[ "$(lines calls)" -gt 40 ]
	[ "$(jq -c 'select(.error == null)' paid | wc -l)" -eq "$(lines calls)" ]
}
