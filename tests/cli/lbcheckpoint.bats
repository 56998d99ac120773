#!/usr/bin/env bats
# lbcheckpoint: what was paid for is in the log before it is anywhere else, and is not paid for again.
# lbmock's own log is the witness of what was paid for: a line for each call, written when it comes in.

load helper

# A command that answers requests without a server, one at a time; each is noted in the file asked first.
# It fails those whose body has a member fail.
fake() {
	cat >fake <<-'EOT'
		#!/bin/sh
		exec jq -c --unbuffered '(. | input_line_number) as $n | if .body.fail
			then . + {response: null, error: {code: "made_up", message: "as asked"}}
			else . + {response: {status_code: 200, body: {said: .body.n}}, error: null} end'
	EOT
	cat >counted <<-'EOT'
		#!/bin/sh
		exec sh -c 'tee -ai asked | ./fake'
	EOT
	chmod +x fake counted
	: >asked
}

# paid: how many calls the mock has served.
paid() {
	lines calls
}

# distinct FILE: how many custom_ids it has.
distinct() {
	jq -r .custom_id "$1" | sort -u | wc -l
}

# status_says NAME: the number that --status prints for it.
status_says() {
	lbcheckpoint --status job.log | awk -v name="$1" 'substr($0, 1, length(name)) == name { print substr($0, 13) + 0 }'
}

# bats test_tags=valgrind
@test "around lbcall: results come out as they are, and the second time from the log, without a call" {
	start_mock --log calls
	requests 20 >in
	call lbcheckpoint job.log lbcall -u "$MOCK" --auth none <in
	status_is 0
	[ "$(distinct out)" -eq 20 ]
	holds out '.error == null and (.lb | has("checkpoint") | not)'
	[ "$(paid)" -eq 20 ]
	mv out first
	# The log holds the same, but for the mark; and is for its owner only.
	jq -c 'del(.lb.checkpoint)' job.log >logged
	jq -c . first >results
	same results logged
	[ "$(stat -c %a job.log)" = 600 ]
	call lbcheckpoint -k job.log lbcall -u "$MOCK" --auth none <in
	status_is 0
	[ "$(paid)" -eq 20 ]
	holds out '.lb.checkpoint.request | length == 16'
	sort out >again
	sort job.log | same - again
	[ "$(jq -r .custom_id out | sort -nc && distinct out)" -eq 20 ]
	[ ! -e job.log.inflight ]
}

@test "the hash of a request is that of the page" {
	fake
	echo '{"custom_id":"a","method":"POST","url":"/v1/x","body":{"n": 1.0}}' >in
	call lbcheckpoint job.log ./fake <in
	printf '"POST"\0"/v1/x"\0{"n": 1.0}' | sha256sum | cut -c1-16 >want
	jq -r .lb.checkpoint.request job.log >got
	same want got
	echo '{"id":"a", "n":1.0}' >in
	call lbcheckpoint items.log jq -c --unbuffered '. + {answer: 1}' <in
	printf '{"id":"a", "n":1.0}' | sha256sum | cut -c1-16 >want
	jq -r .lb.checkpoint.request items.log >got
	same want got
}

@test "around lbchunk and lbcall: a checkpoint of items" {
	start_mock --log calls
	jq -nc 'range(30) | {id: ., colour: (["red", "green", "blue"][. % 3]), big: 12345678901234567890}' |
		sed 's/12345678901234567000/12345678901234567890/' >in
	ask=(lbchunk -m m -n 5 -s 'Answer with one of: red, green, blue.' -p 'Colour: \(.colour)' lbcall -u "$MOCK" --auth none)
	call lbcheckpoint -k job.log "${ask[@]}" <in
	status_is 0
	holds out '.answer == .colour and (has("custom_id") or has("lb") | not)'
	[ "$(grep -c '"big":12345678901234567890' out)" -eq 30 ]
	[ "$(paid)" -eq 6 ]
	# The same items in another order, with new ones between: only those are asked.
	jq -nc '{id: 100, colour: "red"}, {id: 101, colour: "blue"}' >new
	{ head -n 1 new; tac in; tail -n 1 new; } >more
	call lbcheckpoint -k job.log "${ask[@]}" <more
	status_is 0
	[ "$(paid)" -eq 7 ]
	jq -c 'del(.answer, .lb)' out >items
	jq -c . more >want
	same want items
	holds out '.answer == .colour'
	holds job.log '.lb.checkpoint.id == (.id | tostring)'
}

@test "around lbchunk: pieces of a long item are known by their own ids, not by the item's" {
	start_mock --log calls
	export OPENAI_BASE_URL=$MOCK
	jq -nc '{custom_id: "a", text: ("One sentence. " * 40)}' >long
	lbchunk --split .text --by chars --size 100 <long >pieces
	call lbcheckpoint pieces.log lbchunk -m m -p 'Shorten: \(.text)' lbcall <pieces
	status_is 0
	[ "$(jq -r .chunk.id out | sort -u | wc -l)" -eq "$(lines pieces)" ]
	[ "$(jq -r .lb.checkpoint.id pieces.log | sort -u | wc -l)" -eq "$(lines pieces)" ]
	# A piece that is new is no change of another one.
	{ cat pieces; jq -c '.chunk.id = "a-99" | .chunk.i = 99' pieces | head -n 1; } >more
	call lbcheckpoint -v pieces.log lbchunk -m m -p 'Shorten: \(.text)' lbcall <more
	status_is 0
	lacks err changed
	[ "$(lines calls)" -eq "$(lines more)" ]
}

@test "kill -9 at random moments: all results in the end, and paid for twice only what was in flight" {
	start_mock --log calls --latency 15ms±10ms
	requests 600 >in
	: >killed
	local kills=0 lost=0 now round noted
	for ((round = 0; round < 25; round++)); do
		setsid lbcheckpoint job.log lbcall -c 8 -u "$MOCK" --auth none <in >out 2>err 3>&- &
		pid=$!
		sleep "0.0$((RANDOM % 90 + 10))"
		# It may not lead a group yet, or have ended.
		until kill -9 -- "-$pid" 2>/dev/null || ! kill -0 "$pid" 2>/dev/null; do :; done
		wait "$pid" || [ $? -eq 137 ] || break
		kills=$((kills + 1))
		# Whatever was written out is in the log.
		grep -o '"custom_id":"[0-9]*"' out | sort -u >seen
		[ ! -e job.log ] || grep -o '"custom_id":"[0-9]*"' job.log | sort -u >logged
		[ ! -e job.log ] || [ -z "$(comm -23 seen logged)" ]
		# What was paid for and is not in the log was in flight, or had just been answered; --status says so.
		[ -e job.log ] || continue
		now=$(($(paid) - $(jq -R 'fromjson?' job.log | jq -s length) - lost))
		noted=$(status_says "in flight")
		echo "kill $kills: $now lost, $noted noted"
		[ "$now" -le 16 ]
		[ "$now" -le "$noted" ]
		lost=$((lost + now))
	done
	call lbcheckpoint job.log lbcall -c 8 -u "$MOCK" --auth none <in
	status_is 0
	[ "$(distinct out)" -eq 600 ]
	[ "$(lines out)" -eq 600 ]
	[ "$kills" -ge 10 ]
	[ "$(paid)" -eq $((600 + lost)) ]
	[ "$lost" -le $((10 * kills)) ]
	[ "$(status_says "done")" -eq 600 ]
	[ "$(status_says "in flight")" -eq 0 ]
	holds job.log '.error == null'
}

@test "kill -9 of a pipe at random moments: the same" {
	start_mock --log calls --latency 15ms±10ms
	requests 300 >in
	echo 'lbcheckpoint job.log <in | lbcall -c 8 -u "$MOCK" --auth none | lbcheckpoint job.log >out' >pipe
	export MOCK
	local kills=0 round
	for ((round = 0; round < 15; round++)); do
		setsid sh pipe 2>err 3>&- &
		pid=$!
		sleep "0.0$((RANDOM % 90 + 10))"
		# It may not lead a group yet, or have ended.
		until kill -9 -- "-$pid" 2>/dev/null || ! kill -0 "$pid" 2>/dev/null; do :; done
		wait "$pid" || [ $? -eq 137 ] || break
		kills=$((kills + 1))
	done
	call sh pipe
	status_is 0
	[ "$(distinct job.log)" -eq 300 ]
	[ "$(lines job.log)" -eq 300 ]
	call sh pipe
	status_is 0
	[ "$(paid)" -le $((300 + 16 * kills)) ]
	call sh -c 'lbcheckpoint job.log <in'
	[ "$(distinct out)" -eq 300 ]
	holds out '.lb.checkpoint'
}

@test "in a pipe: the left half looks up, the right half logs" {
	fake
	seq 10 | jq -c '{custom_id: "r\(.)", body: {n: ., fail: (. == 3)}}' >in
	call sh -c 'lbcheckpoint job.log <in | ./counted | lbcheckpoint job.log'
	status_is 1
	# Neither half is to be seen in what comes out, but for the failure's not being logged.
	./fake <in >want
	same want out
	[ "$(lines job.log)" -eq 9 ]
	[ "$(lines asked)" -eq 10 ]
	call sh -c 'lbcheckpoint job.log <in | ./counted | lbcheckpoint job.log'
	status_is 1
	# The nine pass both halves and what is between, and only the other one is asked.
	[ "$(tail -n +11 asked | jq -c 'select(.response == null) | .custom_id')" = '"r3"' ]
	[ "$(lines job.log)" -eq 9 ]
	[ "$(distinct out)" -eq 10 ]
	holds out '(.lb.checkpoint != null) == (.custom_id != "r3")'
	# Once more, when it succeeds.
	sed -i 's/,"fail":false//' in
	call lbcheckpoint -s job.log <in
	[ "$(jq -r .custom_id out | xargs)" = "r1 r2 r3 r4 r5 r6 r7 r8 r9 r10" ] # all of them changed
	grep -q 'asking something else than was logged for their id, and asked again: 9 ' err
}

@test "in a pipe: ids that are not in the record travel with it" {
	fake
	printf '%s\n' '{"body":{"n":1,"sku":"A"}}' '{"body":{"n":2,"sku":"B"},"lb":{"items":[1.0]}}' >in
	call sh -c 'lbcheckpoint --id .body.sku job.log <in | ./fake | lbcheckpoint --id .body.sku job.log'
	status_is 0
	./fake <in >want
	same want out
	[ "$(jq -r .lb.checkpoint.id job.log | xargs)" = "A B" ]
	call lbcheckpoint --id .body.sku job.log <in
	same job.log out
	# A hash, without any id.
	rm job.log
	call sh -c 'lbcheckpoint job.log <in | ./fake | lbcheckpoint job.log'
	status_is 0
	call lbcheckpoint -s job.log <in
	[ ! -s out ]
	# What was asked is what the left half saw, even if the right one sees another body.
	printf '%s\n' '{"custom_id":"a","body":{"n":1}}' >in
	rm job.log
	call sh -c 'lbcheckpoint job.log <in | ./fake | jq -c ".body.n = 5" | lbcheckpoint job.log'
	call lbcheckpoint -s job.log <in
	[ ! -s out ]
}

@test "in a pipe: results among the requests are logged, too, and the halves do not get in each other's way" {
	fake
	seq 6 | jq -c '{custom_id: "r\(.)", body: {n: .}} | if .body.n % 2 == 1 then . + {response: {}, error: null} else . end' >in
	call sh -c 'lbcheckpoint job.log <in | ./counted | lbcheckpoint job.log'
	status_is 0
	[ "$(distinct out)" -eq 6 ]
	[ "$(distinct job.log)" -eq 6 ]
	[ "$(lines asked)" -eq 6 ]
	call lbcheckpoint -s job.log <in
	holds out '.response'
}

@test "in a pipe: the left half may start while the log is being written" {
	fake
	seq 4 | jq -c '{custom_id: "r\(.)", body: {n: .}}' >in
	call lbcheckpoint job.log ./fake <in
	mkfifo stdin
	lbcheckpoint job.log ./fake <stdin >/dev/null 2>&1 3>&- &
	pid=$!
	exec 8>stdin
	echo '{"custom_id":"r5","body":{"n":5}}' >&8
	until_true has_lines 5 job.log
	# As a write that has come half way would show.
	printf '{"custom_id":"r6","bo' >>job.log
	call lbcheckpoint -s job.log <in
	status_is 0
	[ ! -s out ]
	[ "$(tail -c 10 job.log)" = '"r6","bo' ] || [ "$(tail -c 3 job.log)" = '"bo' ] || tail -n 1 job.log | grep -q r6
	exec 8>&-
	wait "$pid"
}

# --- PITFALLS: what goes wrong elsewhere when work is resumed.

@test "resume: an interrupted run leaves what it had" {
	start_mock --log calls --latency 30ms
	requests 400 >in
	timeout --foreground -k 5 60 lbcheckpoint job.log lbcall -c 4 -u "$MOCK" --auth none <in >out 2>err 3>&- &
	pid=$!
	until_true has_lines 20 job.log
	kill -INT "$(pgrep -P "$pid" -x lbcheckpoint)"
	status=0
	wait "$pid" || status=$?
	status_is 3
	jq -c 'select(.error == null) | .custom_id' out | sort >finished
	jq -c 'select(.error == null) | .custom_id' job.log | sort >logged
	same finished logged
	[ "$(lines finished)" -eq "$(paid)" ]
	holds out '.error == null or .error.code == "cancelled"'
	[ "$(status_says "in flight")" -eq 0 ]
}

@test "resume: by id, not by row count over output in completion order" {
	start_mock --log calls --latency 20ms±15ms
	requests 60 >in
	head -n 40 in | shuf >some
	call lbcheckpoint job.log lbcall -c 20 -u "$MOCK" --auth none <some
	[ "$(paid)" -eq 40 ]
	shuf in >shuffled
	call lbcheckpoint job.log lbcall -c 20 -u "$MOCK" --auth none <shuffled
	status_is 0
	[ "$(paid)" -eq 60 ]
	[ "$(jq -r .custom calls | sort | uniq -d | wc -l)" -eq 0 ]
	holds out '.response.body.choices[0].message.content == "Answer to: Say \(.custom_id)."'
}

@test "resume: an input with lines put in and taken out runs the new ones only" {
	fake
	seq 10 | jq -c '{custom_id: "r\(.)", body: {n: .}}' >in
	call lbcheckpoint job.log ./counted <in
	seq 0 2 20 | jq -c '{custom_id: "r\(.)", body: {n: .}}' >other
	call lbcheckpoint job.log ./counted <other
	status_is 0
	[ "$(tail -n +11 asked | jq .body.n | xargs)" = "0 12 14 16 18 20" ]
	[ "$(jq .response.body.said out | sort -n | xargs)" = "0 2 4 6 8 10 12 14 16 18 20" ]
}

@test "resume: a torn last line is no trouble, neither to the next run nor to the one after" {
	fake
	seq 5 | jq -c '{custom_id: "r\(.)", body: {n: .}}' >in
	call lbcheckpoint job.log ./counted <in
	truncate -s -30 job.log
	call lbcheckpoint job.log ./counted <in
	status_is 0
	grep -q 'job.log: the last line was torn, and is cut off (bytes: [0-9]*)' err
	[ "$(lines asked)" -eq 6 ]
	[ "$(distinct out)" -eq 5 ]
	holds job.log '.error == null'
	call lbcheckpoint job.log ./counted <in
	status_is 0
	[ "$(lines asked)" -eq 6 ]
	[ "$(lines job.log)" -eq 5 ]
}

@test "resume: every prefix of the log" {
	fake
	seq 3 | jq -c '{custom_id: "r\(.)", body: {n: .}}' >in
	call lbcheckpoint job.log ./fake <in
	cp job.log whole
	local n size
	size=$(wc -c <whole)
	for ((n = 0; n <= size; n += 13)); do
		head -c "$n" whole >job.log
		call lbcheckpoint job.log ./fake <in
		status_is 0
		[ "$(jq .response.body.said out | sort | xargs)" = "1 2 3" ]
		holds job.log '.error == null'
		[ "$(lines job.log)" -eq 3 ]
	done
}

@test "resume: work that was done is not thrown away, and not paid for again" {
	fake
	seq 8 | jq -c '{custom_id: "r\(.)", body: {n: .}}' >in
	# The command dies half way; what it had answered counts.
	call lbcheckpoint job.log sh -c 'head -n 5 | ./counted' <in
	status_is 4
	[ "$(jq -r '.error.code // "none"' out | sort | uniq -c | xargs)" = "3 command_died 5 none" ]
	# So does what stdout could not take any more.
	call lbcheckpoint job.log ./counted <in
	status_is 0
	[ "$(lines asked)" -eq 8 ]
	rm job.log
	: >asked
	lbcheckpoint job.log ./counted <in 2>err | head -n 1 >/dev/null || true
	until_true has_lines 1 job.log
	call lbcheckpoint job.log ./counted <in
	[ "$(jq -r .custom_id job.log | sort | uniq -d | wc -l)" -eq 0 ]
}

@test "resume: unlocked appends by several processes cannot be: the second is refused" {
	fake
	mkfifo stdin
	lbcheckpoint job.log ./fake <stdin >first 2>&1 3>&- &
	pid=$!
	exec 8>stdin
	echo '{"custom_id":"a","body":{"n":1}}' >&8
	until_true has_lines 1 job.log
	call lbcheckpoint job.log ./fake <<<'{"custom_id":"b","body":{"n":2}}'
	status_is 4
	grep -q 'job.log: another process is writing to it' err
	[ ! -s out ]
	call ./fake <<<'{"custom_id":"b","body":{"n":2}}'
	mv out other
	call lbcheckpoint job.log <other
	status_is 4
	for action in --compact --repair; do
		call lbcheckpoint $action job.log </dev/null
		status_is 4
	done
	call lbcheckpoint --status job.log </dev/null
	status_is 0
	grep -q 'another process is writing' out
	exec 8>&-
	wait "$pid"
	[ "$(lines job.log)" -eq 1 ]
}

@test "resume: the lock goes with the process, though its command lives on" {
	fake
	cat >slow <<-'EOT'
		#!/bin/sh
		echo $$ >command
		exec sleep 30
	EOT
	chmod +x slow
	echo '{"custom_id":"a","body":{"n":1}}' >in
	lbcheckpoint job.log ./slow <in >/dev/null 2>&1 3>&- &
	pid=$!
	until_true test -s command
	kill -9 "$pid"
	wait "$pid" || true
	call lbcheckpoint job.log ./fake <in
	kill "$(cat command)"
	status_is 0
}

@test "resume: one bad prompt does not end the job, and is tried again" {
	fake
	seq 5 | jq -c '{custom_id: "r\(.)", body: {n: ., fail: (. == 2)}}' >in
	sed -i '4s/^/no JSON /' in
	call lbcheckpoint job.log ./counted <in
	status_is 1
	[ "$(jq -r '.error.code // "none"' out | sort | uniq -c | xargs)" = "1 bad_record 1 made_up 3 none" ]
	call lbcheckpoint job.log ./counted <in
	status_is 1
	[ "$(tail -n +5 asked | jq -r .custom_id)" = r2 ]
	[ "$(lines out)" -eq 5 ]
	[ "$(status_says "done")" -eq 3 ]
	[ "$(status_says failed)" -eq 1 ]
	[ "$(status_says superseded)" -eq 1 ]
}

# --- What a record is known by.

@test "records that share an id and ask different things: all are asked, and it is said that ids should be unique" {
	fake
	seq 600 | jq -c '{custom_id: "same", body: {n: .}}' >in
	call lbcheckpoint job.log ./counted <in
	status_is 0
	[ "$(jq .response.body.said out | sort -nu | wc -l)" -eq 600 ]
	grep -q '^lbcheckpoint: sharing their id with another record that asks something else: 599 (ids should be unique' err
	lacks err trust-ids
	call lbcheckpoint job.log ./counted <in
	[ "$(lines asked)" -eq 600 ]
	[ ! -s err ]
	# Where a run before was cut short.
	head -n 300 job.log >half.log
	call lbcheckpoint half.log ./counted <in
	[ "$(lines asked)" -eq 900 ]
	grep -q 'ids should be unique' err
	lacks err trust-ids
}

@test "the same id with a changed request is asked again, and the summary says so" {
	fake
	seq 6 | jq -c '{custom_id: "r\(.)", body: {n: .}}' >in
	call lbcheckpoint job.log ./counted <in
	jq -c 'if .body.n > 4 then .body.n += 100 else . end' in >changed
	call lbcheckpoint --trust-ids job.log ./counted <changed
	status_is 0
	[ "$(lines asked)" -eq 6 ]
	[ "$(jq .response.body.said out | xargs)" = "1 2 3 4 5 6" ]
	[ ! -s err ]
	call lbcheckpoint job.log ./counted <changed
	status_is 0
	[ "$(lines asked)" -eq 8 ]
	[ "$(jq .response.body.said out | sort -n | xargs)" = "1 2 3 4 105 106" ]
	grep -q '^lbcheckpoint: asking something else than was logged for their id, and asked again: 2 (--trust-ids' err
	# The answers to both are there now.
	call lbcheckpoint job.log ./counted <in
	call lbcheckpoint job.log ./counted <changed
	[ "$(lines asked)" -eq 8 ]
	[ ! -s err ]
}

@test "a second record with an id that is in flight gets a copy of the first one's result" {
	fake
	{
		echo '{"custom_id":"a","body":{"n":1}}'
		echo '{"custom_id":"b","body":{"n":2}}'
		echo '{"custom_id":"a","body":{"n":1}}'
		echo '{"custom_id":"a","body":{"n":3}}'
		echo '{"custom_id":"f","body":{"fail":true}}'
		echo '{"custom_id":"f","body":{"fail":true}}'
	} >in
	call lbcheckpoint -kv job.log ./counted <in
	status_is 1
	[ "$(jq -r '"\(.custom_id) \(.response.body.said // .error.code) \(.lb.checkpoint != null)"' out | xargs)" = \
		"a 1 false b 2 false a 1 true a 3 false f made_up false f made_up true" ]
	[ "$(lines asked)" -eq 4 ]
	[ "$(lines job.log)" -eq 4 ]
	grep -q 'the same as one in flight: 2$' err
	# The same where --id makes one id of two; each keeps its own custom_id.
	rm job.log
	printf '%s\n' '{"custom_id":1,"body":{"n":1}}' '{"custom_id":"two","body":{"n":1}}' '{"body":{"n":1}}' >in
	call lbcheckpoint -k --trust-ids --id .body.n job.log ./counted <in
	status_is 0
	[ "$(jq -c '[.custom_id, has("custom_id"), .response.body.said]' out | xargs -d '\n')" = '[1,true,1] ["two",true,1] [null,false,1]' ]
	call lbcheckpoint -k --trust-ids --id .body.n job.log ./counted <in
	[ "$(jq -c '[.custom_id, has("custom_id")]' out | xargs -d '\n')" = '[1,true] ["two",true] [null,false]' ]
}

@test "ids of all kinds: strings with escapes, numbers, none" {
	fake
	printf '%s\n' '{"custom_id":"\u00e9\"x","body":{"n":1}}' '{"custom_id":17,"body":{"n":2}}' '{"custom_id":null,"body":{"n":3}}' \
		'{"id":"i","body":{"n":4}}' '{"body":{"n":5}}' '{"custom_id":["a"],"body":{"n":6}}' '{"custom_id":"","body":{"n":7}}' >in
	call lbcheckpoint -k job.log ./counted <in
	status_is 0
	mv out first
	call lbcheckpoint -k job.log ./counted <in
	status_is 0
	[ "$(lines asked)" -eq 7 ]
	jq -c '.custom_id, .response' first >want
	jq -c '.custom_id, .response' out >got
	same want got
	# The same value with other escapes is the same id.
	printf '%s\n' '{"custom_id":"é\u0022x","body":{"n":1}}' >in
	call lbcheckpoint -s job.log ./counted <in
	[ ! -s out ]
}

@test "--skip leaves out what is done" {
	fake
	seq 6 | jq -c '{custom_id: "r\(.)", body: {n: .}}' >in
	head -n 4 in | lbcheckpoint job.log ./counted >/dev/null
	call lbcheckpoint --skip -kv job.log ./counted <in
	status_is 0
	[ "$(jq -r .custom_id out | xargs)" = "r5 r6" ]
	grep -q 'done before and left out: 4;' err
}

@test "a record from the log that is asked again, after edits, is no longer marked" {
	fake
	echo '{"custom_id":"a","body":{"n":1}}' >in
	call lbcheckpoint job.log ./fake <in
	jq -c 'del(.response, .error) | .body.n = 2' job.log >again
	call lbcheckpoint job.log ./counted <again
	holds asked '.lb.checkpoint == null'
	holds out '.response.body.said == 2 and .lb.checkpoint == null'
	[ "$(lines job.log)" -eq 2 ]
}

# --- The log.

@test "--status agrees with jq on the log" {
	fake
	seq 20 | jq -c '{custom_id: "r\(.)", body: {n: ., fail: (. % 7 == 0)}}' >in
	call lbcheckpoint job.log ./fake <in
	jq -c '.body.n += 100 | .body.fail = (.body.n % 5 == 0)' in | head -n 10 >changed
	call lbcheckpoint job.log ./fake <changed
	jq -s 'group_by(.custom_id) | map(last) | map(select(.error == null)) | length' job.log >want
	status_says "done" | same want -
	jq -s 'group_by(.custom_id) | map(last) | map(select(.error)) | length' job.log >want
	status_says failed | same want -
	[ "$(status_says lines)" -eq "$(lines job.log)" ]
	[ "$(status_says superseded)" -eq $(($(lines job.log) - 20)) ]
	call lbcheckpoint --status missing.log </dev/null
	status_is 4
	[ ! -e missing.log ]
}

@test "--compact keeps the last line of each id" {
	fake
	seq 20 | jq -c '{custom_id: "r\(.)", body: {n: ., fail: (. % 7 == 0)}}' >in
	call lbcheckpoint job.log ./fake <in
	call lbcheckpoint job.log ./fake <in
	jq -c '.custom_id' job.log | awk '{ last[$0] = NR } END { for (id in last) print last[id] }' | sort -n >numbers
	awk 'NR == FNR { keep[$1]; next } FNR in keep' numbers job.log >want
	call lbcheckpoint --compact job.log </dev/null
	status_is 0
	[ "$(cat out)" = "superseded lines removed: 2" ]
	same want job.log
	call lbcheckpoint -s job.log ./counted <in
	[ "$(lines asked)" -eq 2 ]
}

@test "damage in the middle: status 4, the line number, nothing sent; --repair moves it" {
	fake
	seq 5 | jq -c '{custom_id: "r\(.)", body: {n: .}}' >in
	call lbcheckpoint job.log ./fake <in
	sed -i '3s/.$//' job.log
	cp job.log damaged
	call lbcheckpoint job.log ./counted <in
	status_is 4
	grep -q '^lbcheckpoint: job.log: line 3 cannot be read: not JSON: .* at byte [0-9]* (--repair moves such lines to job.log.bad)$' err
	[ ! -s out ]
	[ ! -s asked ]
	call lbcheckpoint job.log <in
	status_is 4
	[ ! -s out ]
	for action in --status --compact; do
		call lbcheckpoint $action job.log </dev/null
		status_is 4
	done
	same damaged job.log
	call lbcheckpoint --repair job.log </dev/null
	status_is 0
	[ "$(cat out)" = "lines moved to job.log.bad: 1" ]
	sed -n 3p damaged | same - job.log.bad
	sed 3d damaged | same - job.log
	call lbcheckpoint job.log ./counted <in
	status_is 0
	[ "$(jq -r .custom_id asked)" = r3 ]
}

# Whether each line of job.log has a checksum by which it is known.
all_sealed() {
	[ "$(grep -c '"sum":"[0-9a-f]\{16\}"}}' job.log)" -eq "$(lines job.log)" ]
}

@test "each success is known by a checksum, whichever form logged it; without it, or edited, it is read the same" {
	start_mock
	export OPENAI_BASE_URL=$MOCK OPENAI_API_KEY=none
	seq 5 | jq -c '{name: "n\(.)"}' | lbchunk -m gpt-4o-mini -p 'Say \(.name)' >in
	printf '%s\n' '{"custom_id": "spaced", "url": "/v1/chat/completions", "body": {"model": "gpt-4o-mini", "messages": []}}' >>in
	call sh -c 'lbcheckpoint job.log <in | lbcall | lbcheckpoint job.log'
	status_is 0
	[ "$(lines job.log)" -eq 6 ]
	all_sealed
	rm job.log
	call lbcheckpoint job.log lbcost lbcall <in
	status_is 0
	[ "$(lines job.log)" -eq 6 ]
	all_sealed
	sort job.log >logged
	call lbcheckpoint job.log cat <in
	status_is 0
	sort out | same logged -
	# Each may be without its checksum, have a wrong one, or be written anew by another program.
	for edit in 's/,"sum":"[0-9a-f]*"//' 's/"sum":"[0-9a-f]/"sum":"x/' 's/,"body"/, "body"/' 's/$/\r/'; do
		sed "$edit" logged >job.log
		call lbcheckpoint job.log cat <in
		status_is 0
		sort out >again
		tr -d '\r' <job.log | sort | same again -
	done
	jq -c . logged >job.log
	call lbcheckpoint -s job.log cat <in
	status_is 0
	[ ! -s out ]
	# Where an edit takes the success or the id away, it is not done.
	sed '1s/"error":null/"error":{"code":"x"}/; 2s/"custom_id":"/&other/' logged >job.log
	call lbcheckpoint -s job.log <in
	[ "$(lines out)" -eq 2 ]
}

@test "a file that is no log is not written to" {
	fake
	seq 3 | jq -c '{id: ., name: "x"}' >items
	cp items before
	call lbcheckpoint items ./counted <items
	status_is 4
	grep -q 'items: line 1 is no result; is this the right file?' err
	same before items
	[ ! -s out ]
	gzip -c before >items
	call lbcheckpoint items ./counted <before
	status_is 4
	grep -q 'items: line 1 cannot be read: not JSON: .* is this the right file?' err
	# Nor is the standard output.
	seq 3 | jq -c '{custom_id: "r\(.)", body: {n: .}}' >in
	status=0
	lbcheckpoint job.log ./fake <in >>job.log 2>err || status=$?
	status_is 2
	[ ! -s job.log ]
	ln -s elsewhere link
	call lbcheckpoint link ./fake <in
	status_is 4
	grep -q 'symbolic link' err
}

@test "results that lbcall wrote to a file can be the log" {
	start_mock --log calls
	requests 10 >in
	head -n 6 in | lbcall -u "$MOCK" --auth none >job.log
	call lbcheckpoint job.log lbcall -u "$MOCK" --auth none <in
	status_is 0
	[ "$(paid)" -eq 10 ]
	[ "$(distinct job.log)" -eq 10 ]
	[ "$(lines job.log)" -eq 10 ]
}

@test "--sync: all three come to the same log" {
	fake
	seq 50 | jq -c '{custom_id: "r\(.)", body: {n: .}}' >in
	local when
	for when in always 1ms 250ms never; do
		rm -f job.log
		call lbcheckpoint --sync "$when" job.log ./fake <in
		status_is 0
		[ "$(lines out)" -eq 50 ]
		jq -c 'del(.lb)' job.log >logged
		same out logged
	done
	call lbcheckpoint --sync sometimes job.log ./fake </dev/null
	status_is 2
}

@test "a result is not held back while nothing else is going on" {
	fake
	mkfifo stdin
	lbcheckpoint --sync always job.log ./fake <stdin >out 2>err 3>&- &
	pid=$!
	exec 8>stdin
	for i in 1 2 3; do
		echo "{\"custom_id\":\"r$i\",\"body\":{\"n\":$i}}" >&8
		until_true has_lines "$i" out
		has_lines "$i" job.log
	done
	exec 8>&-
	wait "$pid"
}

@test "a full disk: status 4, the file is named, and nothing is on stdout that is not in the log" {
	fake
	unshare -m true 2>/dev/null || skip "no private mounts here"
	awk 'BEGIN { for (x = "x"; length(x) < 1000; x = x x);
		for (i = 0; i < 300; i++) printf "{\"custom_id\":\"r%d\",\"body\":{\"n\":%d,\"x\":\"%s\"}}\n", i, i, x }' >in
	mkdir small
	cat >inside <<-'EOT'
		mount -t tmpfs -o size=64k none small || exit 99
		lbcheckpoint small/job.log ./fake <in >out 2>err
		echo $? >first
		cp small/job.log first.log
		# There is room again.
		mount -o remount,size=2m small
		lbcheckpoint small/job.log ./counted <in >out2 2>err2
		echo $? >second
		cp small/job.log second.log
	EOT
	call unshare -m sh inside
	[ "$(cat first)" -eq 4 ]
	mv err2 kept
	grep -q 'small/job.log.*: No space left on device' err || { cat err; false; }
	jq -c .custom_id out | sort >seen
	jq -c .custom_id first.log | sort >logged
	[ -z "$(comm -23 seen logged)" ]
	[ -s logged ]
	[ "$(cat second)" -eq 0 ]
	[ "$(distinct out2)" -eq 300 ]
	[ "$(distinct second.log)" -eq 300 ]
	[ "$(lines asked)" -eq $((300 - $(lines logged))) ]
}

@test "usage: LOG is required, one action at a time, and no command with it" {
	call lbcheckpoint </dev/null
	status_is 2
	call lbcheckpoint --status --compact job.log </dev/null
	status_is 2
	call lbcheckpoint --status job.log cat </dev/null
	status_is 2
	call lbcheckpoint -k job.log </dev/null
	status_is 2
	call lbcheckpoint --id '.[' job.log </dev/null
	status_is 2
	call lbcheckpoint --sync sometimes job.log </dev/null
	status_is 2
	grep -q '^lbcheckpoint: --sync, if not always or never, wants a duration' err
	[ ! -e job.log ]
	call lbcheckpoint /nonexistent/job.log cat </dev/null
	status_is 4
}

@test "a command without LOG in front of it is no log: status 2, and none is made" {
	requests 2 >in
	call lbcheckpoint lbcall <in
	status_is 2
	grep -q "LOG is missing" err
	[ ! -e lbcall ]
	call lbcheckpoint ./lbcall <in
	status_is 0
	[ -e lbcall ]
}

@test "an option that has no place in what is to be done is refused, with what it is for" {
	local option words purpose
	while IFS='|' read -r option words purpose; do
		# shellcheck disable=SC2086 # words
		call lbcheckpoint $words </dev/null
		status_is 2
		grep -qe " the option $option has no place: it is for $purpose\$" err
		[ ! -s out ] && [ ! -e l ]
	done <<-'EOT'
		-k|-k l|work around a command
		-k|--status -k l|work around a command
		-s|--status -s l|records that pass
		--sync|--compact --sync always l|records that pass
		--id|--repair --id .a l|records that pass
		--trust-ids|--trust-ids --status l|records that pass
	EOT
}
