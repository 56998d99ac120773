#!/usr/bin/env bats
# lbcache: what is asked once is not asked again, by anybody who shares the file. lbmock's log is the
# witness of what was asked.

load helper

# mock [option]...: an lbmock with a log, for all that is called.
mock() {
	rm -f calls
	start_mock --log calls "$@"
	export OPENAI_BASE_URL=$MOCK ANTHROPIC_BASE_URL=$MOCK OPENAI_API_KEY=sk-secret ANTHROPIC_API_KEY=sk-secret
}

# How many calls the log has.
calls() {
	if [ -e calls ]; then lines calls; else echo 0; fi
}

# How often each lb.cache stands in a file, as "3 hit 2 stored".
marks() {
	jq -r '.lb.cache // "none"' "$1" | sort | uniq -c | xargs
}

# Each record of in is in out, once.
each_once() {
	jq -r .custom_id in | sort >want
	jq -r .custom_id "${1-out}" | sort >got
	same want got
}

# A command that answers with what was asked, "to Say 3.", and notes the questions in the file asked.
# The first FAILURES answers to a question are failures.
make_answer() {
	cat >answer <<-'EOT'
		#!/usr/bin/env python3
		import json, os, sys
		asked = open("asked", "a+", buffering=1)
		failures = int(os.environ.get("FAILURES", "0"))
		seen = {}
		asked.seek(0)
		for line in asked:
		    seen[line.strip()] = seen.get(line.strip(), 0) + 1
		for line in sys.stdin:
		    r = json.loads(line)
		    question = r["body"]["messages"][-1]["content"]
		    asked.write(question + "\n")
		    seen[question] = seen.get(question, 0) + 1
		    if seen[question] <= failures:
		        r.update(response=None, error={"code": "timeout", "message": "no answer"})
		    else:
		        r.update(error=None, response={"status_code": 200, "request_id": None, "body": {"choices": [
		            {"message": {"content": "to " + question}, "finish_reason": os.environ.get("REASON", "stop")}]}})
		    print(json.dumps(r), flush=True)
	EOT
	chmod +x answer
}

# Change times in a.db, as SQL says it.
set_ahead() {
	python3 - "$1" <<-'EOT'
		import sqlite3, sys
		with sqlite3.connect("a.db") as file:
		    file.execute(sys.argv[1])
	EOT
}

answers_fit() {
	holds "${1-out}" '.error == null and
		.response.body.choices[0].message.content == "to " + .body.messages[-1].content'
}

@test "what was asked before is not asked again, and comes out as a result" {
	mock
	requests 20 >in
	call lbcache a.db lbcall <in
	status_is 0
	mv out first
	[ "$(marks first)" = "20 stored" ]
	[ "$(calls)" -eq 20 ]
	call lbcache -v a.db lbcall <in
	status_is 0
	[ "$(calls)" -eq 20 ]
	[ "$(marks out)" = "20 hit" ]
	grep -q '20 ok, 0 failed, 20 cached' err
	each_once
	holds out '.error == null and (.id | test("^cache_[0-9a-f]{16}$")) and (.lb.key | test("^[0-9a-f]{64}$"))'
	# The response is the stored one, byte for byte, and the request's members lead.
	sed 's/.*,"response":\(.*\),"error":null,"lb":.*/\1/' first | sort >want
	sed 's/.*,"response":\(.*\),"error":null,"lb":.*/\1/' out | sort >got
	same want got
	grep -q '^{"status_code":200,' got
	head -n 1 in | sed 's/}$//' >prefix
	head -n 1 out | cut -c "1-$(($(wc -c <prefix) - 1))" >got
	same prefix got
}

@test "the key is the hash that the manual promises" {
	mock
	echo '{"custom_id":"a","body":{"user":"u","model":"m", "temperature":1.0,"messages":[]}}' >in
	call lbcache a.db lbcall <in
	printf '{"base":"%s","body":{"messages":[],"model":"m","temperature":1},"method":"POST","url":"/v1/chat/completions"}' \
		"$MOCK" | sha256sum | cut -d ' ' -f 1 >want
	jq -r .lb.key out >got
	same want got
}

@test "another temperature, seed, limit, model, url, method, base URL, namespace or duplicate is another question" {
	mock
	local m='"model":"m","messages":[{"role":"user","content":"Hello"}]'
	cat >in <<-EOT
		{"custom_id":"1","body":{$m}}
		{"custom_id":"2","body":{$m,"temperature":0}}
		{"custom_id":"3","body":{$m,"temperature":0.5}}
		{"custom_id":"4","body":{$m,"seed":1}}
		{"custom_id":"5","body":{$m,"seed":18446744073709551615}}
		{"custom_id":"6","body":{$m,"seed":18446744073709551614}}
		{"custom_id":"7","body":{$m,"max_tokens":100}}
		{"custom_id":"8","body":{$m,"max_tokens":101}}
		{"custom_id":"9","body":{"model":"n","messages":[{"role":"user","content":"Hello"}]}}
		{"custom_id":"10","body":{$m,"seed":2,"seed":1}}
		{"custom_id":"11","url":"/v1/messages","body":{$m,"max_tokens":100}}
	EOT
	call lbcache a.db lbcall <in
	status_is 0
	[ "$(calls)" -eq 11 ]
	[ "$(marks out)" = "11 stored" ]
	head -n 1 in >one
	OPENAI_BASE_URL=$MOCK/v1 call lbcache a.db lbcall -u "$MOCK" <one
	[ "$(calls)" -eq 12 ]
	call lbcache --namespace other a.db lbcall <one
	[ "$(calls)" -eq 13 ]
	OPENAI_BASE_URL=$MOCK/v1 call lbcache --namespace other a.db lbcall -u "$MOCK" <one
	[ "$(calls)" -eq 13 ]
	call lbcache --key .body.model a.db lbcall <one
	[ "$(calls)" -eq 14 ]
}

@test "what cannot change the answer, or is spelt otherwise, is the same question" {
	mock
	cat >in <<-'EOT'
		{"custom_id":"1","body":{"model":"m","temperature":1,"messages":[{"role":"user","content":"Hello"}]}}
		{"custom_id":"2","body": {"messages" : [{"content":"Hell\u006f","role":"user"}], "temperature":1.0,"model":"m"}}
		{"custom_id":"3","body":{"model":"m","temperature":1e0,"messages":[{"role":"user","content":"Hello"}],"user":"u"}}
		{"custom_id":"4","body":{"model":"m","temperature":1,"messages":[{"role":"user","content":"Hello"}],"stream":true,"stream_options":{"include_usage":true}}}
		{"custom_id":"5","body":{"model":"m","temperature":1,"messages":[{"role":"user","content":"Hello"}],"metadata":{"a":"b"},"store":true}}
		{"custom_id":"6","method":"POST","url":"/v1/chat/completions","body":{"model":"m","temperature":1,"messages":[{"role":"user","content":"Hello"}],"prompt_cache_key":"k","prompt_cache_retention":"24h","safety_identifier":"s","service_tier":"flex"}}
		{"custom_id":"7","lb":{"items":[7]},"body":{"model":"m","temperature":1,"messages":[{"role":"user","content":"Hello"}]}}
	EOT
	call lbcache a.db lbcall <in
	status_is 0
	[ "$(calls)" -eq 1 ]
	[ "$(marks out)" = "6 hit 1 stored" ]
	each_once
}

@test "the opposite question is another question, as is one with a blank more" {
	make_answer
	local question
	for question in "Is it safe?" "Is it not safe?" "Is it safe ?" "is it safe?"; do
		jq -nc --arg q "$question" '{custom_id: $q, body: {model: "m", messages: [{role: "user", content: $q}]}}'
	done >in
	call lbcache a.db ./answer <in
	status_is 0
	[ "$(lines asked)" -eq 4 ]
	call lbcache a.db ./answer <in
	answers_fit
	[ "$(marks out)" = "4 hit" ]
	[ "$(lines asked)" -eq 4 ]
}

@test "errors, truncated, refused and filtered answers and garbage are not stored" {
	make_answer
	requests 4 >in
	local reason
	for reason in length content_filter; do
		REASON=$reason call lbcache a.db ./answer <in
		[ "$(marks out)" = "4 miss" ]
	done
	FAILURES=9 call lbcache a.db ./answer <in
	status_is 1
	[ "$(marks out)" = "4 miss" ]
	[ "$(lines asked)" -eq 12 ]
	local kind
	for kind in 500 429 garbage error200 refuse truncate cut; do
		mock --fail $kind:100%
		call lbcache a.db lbcall <in
		[ "$(marks out)" = "4 miss" ] || { echo "kind $kind"; marks out; return 1; }
		stop_mock
	done
	mock
	lbcache --stats a.db | jq -e '.answers == 0 and .claims == 0'
	call lbcache a.db lbcall <in
	[ "$(marks out)" = "4 stored" ]
}

@test "answers older than -e do not count, and are replaced" {
	mock
	requests 3 >in
	call lbcache -e 1h a.db lbcall <in
	call lbcache -e 1h a.db lbcall <in
	[ "$(calls)" -eq 3 ]
	call lbcache -e 1ms a.db lbcall <in
	status_is 0
	[ "$(calls)" -eq 6 ]
	[ "$(marks out)" = "3 stored" ]
	[ "$(lbcache --stats a.db | jq .answers)" -eq 3 ]
	# Of those that were replaced nothing is left.
	[ "$(python3 -c 'import sqlite3; print(sqlite3.connect("a.db").execute("SELECT count(*) FROM responses").fetchone()[0])')" -eq 3 ]
}

@test "an answer from before the clock was set back by a day: with -e it does not count" {
	mock
	requests 3 >in
	call lbcache a.db lbcall <in
	set_ahead 'UPDATE answers SET stored = stored + 86400000'
	call lbcache a.db lbcall <in
	[ "$(marks out)" = "3 hit" ]
	call lbcache -e 1h a.db lbcall <in
	status_is 0
	[ "$(calls)" -eq 6 ]
	[ "$(marks out)" = "3 stored" ]
	call lbcache -e 1h a.db lbcall <in
	[ "$(marks out)" = "3 hit" ]
}

@test "--refresh asks anew, once for each question" {
	mock
	requests 6 "" 3 >in
	call lbcache a.db lbcall <in
	lbcache --export a.db >before
	call lbcache --refresh a.db lbcall <in
	status_is 0
	[ "$(calls)" -eq 6 ]
	[ "$(marks out)" = "3 hit 3 stored" ]
	lbcache --export a.db >after
	[ "$(lines after)" -eq 3 ]
	jq -s --slurpfile b before -e 'map(.stored) as $after | ($b | map(.stored) | max) < ($after | min)' after
}

@test "1,000 records that ask 10 questions, in flight together: 10 calls" {
	mock --latency 200ms
	requests 1000 "" 10 >in
	call lbcache a.db lbcall -c 100 <in
	status_is 0
	[ "$(calls)" -eq 10 ]
	[ "$(marks out)" = "990 hit 10 stored" ]
	each_once
}

@test "when the first one fails, one of those that wait asks, not all" {
	make_answer
	requests 100 "" 5 >in
	FAILURES=2 call lbcache a.db ./answer <in
	status_is 1
	[ "$(lines asked)" -eq 15 ]
	[ "$(marks out)" = "85 hit 10 miss 5 stored" ]
	jq -c 'select(.error == null)' out >good
	[ "$(lines good)" -eq 90 ]
	answers_fit good
	each_once
}

@test "four processes that ask the same 10,000 questions at the same time: 10,000 calls" {
	mock --latency 50ms
	requests 10000 >in
	local i pids=()
	for i in 1 2 3 4; do
		timeout 100 lbcache a.db lbcall -c 50 <in >"out.$i" 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	[ "$(calls)" -eq 10000 ]
	for i in 1 2 3 4; do
		each_once "out.$i"
		holds "out.$i" '.error == null'
	done
	[ "$(cat out.? | jq -c 'select(.lb.cache == "stored")' | wc -l)" -eq 10000 ]
	lbcache --stats a.db | jq -e '.answers == 10000 and .claims == 0'
}

@test "four pipelines, likewise" {
	mock --latency 20ms
	requests 5000 "" 2500 >in
	local i pids=()
	for i in 1 2 3 4; do
		(shuf in | lbcache a.db | lbcall -c 50 | timeout 100 lbcache a.db >"out.$i") 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	[ "$(calls)" -eq 2500 ]
	for i in 1 2 3 4; do
		each_once "out.$i"
		holds "out.$i" '.error == null'
	done
	lbcache --stats a.db | jq -e '.answers == 2500 and .claims == 0'
}

@test "a process that is killed leaves its questions to those that wait for them" {
	make_answer
	requests 50 >in
	# One that never answers; its command ends when it does.
	mkfifo open
	lbcache a.db sh -c 'cat >/dev/null' <open >/dev/null 2>&1 3>&- &
	local owner=$!
	exec 8>open
	cat in >&8
	until_true has_claims 50
	timeout 60 lbcache a.db ./answer <in >out 2>err 3>&- 8>&- &
	local waiting=$!
	# It waits: it has read all and looked again some times, and nothing has been asked.
	until_true is_waiting "$waiting"
	local before
	before=$(wakings "$waiting")
	until_true has_woken "$waiting" $((before + 10))
	[ ! -s asked ]
	kill -9 "$owner"
	wait "$owner" 2>/dev/null || true
	wait "$waiting"
	exec 8>&-
	answers_fit
	each_once
	[ "$(lines asked)" -eq 50 ]
}

has_claims() {
	[ "$(lbcache --stats a.db | jq .claims)" -eq "$1" ]
}

# Has the process read its input and gone to sleep?
is_waiting() {
	local tool
	tool=$(pgrep -P "$1" -x lbcache)
	[ "$(grep -c '^pos:	'"$(stat -c %s in)" "/proc/$tool/fdinfo/0")" -eq 1 ]
}

# How often the process has waited for something.
wakings() {
	sed -n 's/^voluntary_ctxt_switches:\t//p' "/proc/$(pgrep -P "$1" -x lbcache)/status"
}

has_woken() {
	[ "$(wakings "$1")" -ge "$2" ]
}

# hold_lock: keep others from writing to a.db until the file go is there. Then, if the file answer.json is there,
# store in it what lbcache --export wrote there, as another process would.
hold_lock() {
	timeout 60 python3 - <<-'EOT' 3>&- &
		import hashlib, json, os, sqlite3, time
		db = sqlite3.connect("a.db", isolation_level=None, timeout=30)
		db.execute("BEGIN IMMEDIATE")
		open("locked", "w").close()
		while not os.path.exists("go"):
		    time.sleep(0.005)
		if os.path.exists("answer.json"):
		    text = open("answer.json").read().rstrip()
		    answer = json.loads(text)
		    response = text[text.index('"response":') + 11:-1]
		    key = bytes.fromhex(answer["key"])
		    total = int.from_bytes(hashlib.sha256(response.encode()).digest()[:8], "big") ^ int.from_bytes(key[:8], "big")
		    place = db.execute("INSERT INTO responses(response) VALUES(?)", (response,)).lastrowid
		    db.execute("INSERT INTO answers VALUES(?,?,?,?,?,?)", (key, place, answer["stored"], answer["used"],
		        len(response), total - (total >> 63 << 64)))
		db.execute("COMMIT")
	EOT
	until_true test -e locked
}

# start_open: an lbcache around ./answer whose input is descriptor 8, and what comes out in the file out; it has
# written a group already, by which it knows what others write. Its process id is in waiting.
start_open() {
	mkfifo open
	timeout 60 lbcache a.db ./answer <open >out 2>err 3>&- &
	waiting=$!
	exec 8>open
	requests 1 | jq -c '.body.messages[0].content = "first"' >&8
	until_true test -s out
}

# Wait until the process has been waiting for a lock for a while, which it looks at again and again.
until_locked_out() {
	local before
	before=$(wakings "$waiting")
	until_true has_woken "$waiting" $((before + 10))
}

@test "an answer that another process stores just before the question is claimed: it is served, nothing is asked" {
	make_answer
	requests 2 >in
	tail -n 1 in | lbcache b.db ./answer >/dev/null
	lbcache --export b.db >answer.json
	rm asked
	start_open
	hold_lock
	tail -n 1 in >&8
	until_locked_out
	touch go
	exec 8>&-
	wait "$waiting"
	answers_fit
	[ "$(marks out)" = "1 hit 1 stored" ]
	[ "$(cat asked)" = first ]
}

@test "a question that comes right behind its answer, to be stored with it, is not asked" {
	make_answer
	# So many first that what follows is in a group of its own, with a group before it.
	requests 1026 >in
	tail -n 1 in | lbcache b.db ./answer | jq -c '.lb.cache = "miss"' >result
	rm asked
	(head -n 1024 in; cat result; jq -c '.custom_id = "again"' result | jq -c 'del(.lb, .response, .error, .id)') >both
	call lbcache a.db <both
	[ "$(marks out)" = "1 hit 1024 miss 1 stored" ]
	jq -c 'select(.lb.cache == "hit")' out >hit
	answers_fit hit
	[ "$(jq -r .custom_id hit)" = again ]
}

@test "marks that a request brings along from a former answer are taken for nobody's" {
	make_answer
	requests 3 >in
	local old key=0123456789abcdef
	key=$key$key$key$key
	for old in hit stored; do
		jq -c --arg old $old --arg key $key '.lb = {items: [1], cache: $old, key: $key, ms: 5}' in >marked
		rm -f a.db* b.db*
		call lbcache a.db ./answer <marked
		[ "$(marks out)" = "3 stored" ]
		holds out '.lb.items == [1] and .lb.ms == 5 and .lb.key != "'$key'"'
		# What has no key is not cached, and says so.
		call lbcache --key empty b.db ./answer <marked
		[ "$(marks out)" = "3 none" ]
		holds out '.lb == {"items": [1], "ms": 5}'
	done
	# Nor does the other half believe them, though somebody asks the question of that key.
	jq -c '.lb = {cache: "miss", key: "'$key'"}' in >marked
	lbcache --key empty c.db <marked >passed
	holds passed '.lb == {}'
	# Around a command "miss" is of a half outside.
	call lbcache --key empty c.db ./answer <marked
	holds out '.lb == {"cache": "miss", "key": "'$key'"}'
	# With no file there is nothing that could be taken for anything.
	call lbcache --read-only none.db <marked
	same marked out
}

@test "commands that answer only at the end of their input, each waiting for the other: no deadlock" {
	make_answer
	requests 200 "" 100 >in
	tac in >reverse
	timeout 60 lbcache a.db sh -c 'tac | ./answer' <in >out.1 3>&- &
	local first=$!
	call lbcache a.db sh -c 'tac | ./answer' <reverse
	status_is 0
	wait "$first"
	answers_fit out.1
	answers_fit
	each_once
	each_once out.1
	[ "$(lines asked)" -eq 100 ]
}

@test "a command that dies: what was in it is accounted for and can be asked again" {
	requests 20 "" 5 >in
	call lbcache a.db sh -c 'head -n 1 >/dev/null'
	call lbcache a.db sh -c 'head -n 1 >/dev/null' <in
	status_is 4
	holds out '.error.code == "command_died"'
	each_once
	has_claims 0
	make_answer
	call lbcache a.db ./answer <in
	status_is 0
	[ "$(marks out)" = "15 hit 5 stored" ]
}

@test "pipe form: the left half looks up, the right half stores" {
	mock
	requests 10 "" 5 >in
	call lbcache a.db < <(lbcache a.db <in | lbcall)
	status_is 0
	[ "$(calls)" -eq 5 ]
	[ "$(marks out)" = "5 hit 5 stored" ]
	each_once
	call lbcache a.db < <(lbcache a.db <in | lbcall)
	[ "$(calls)" -eq 5 ]
	[ "$(marks out)" = "10 hit" ]
	# ...and the wrap form finds what the pipe form stored.
	call lbcache a.db lbcall <in
	[ "$(marks out)" = "10 hit" ]
}

@test "pipe form: the halves may run one after the other" {
	mock
	requests 10 >in
	lbcache a.db <in >asked
	holds asked '.lb.cache == "miss" and (.lb.key | length) == 64'
	lbcall <asked >answered
	call lbcache a.db <answered
	status_is 0
	[ "$(marks out)" = "10 stored" ]
	call lbcache a.db <in
	[ "$(marks out)" = "10 hit" ]
}

@test "pipe form: a claim from before the clock was set back by a day is waited for by nobody" {
	make_answer
	requests 3 >in
	lbcache a.db <in >/dev/null
	# Not forgotten when the file is opened, but met by one that has it open.
	mkfifo slow
	timeout 60 lbcache a.db ./answer <slow >out 3>&- 8>&- &
	local waiting=$!
	exec 9>slow
	head -n 1 in >&9
	until_true has_lines 1 out
	set_ahead 'UPDATE claims SET since = since + 86400000'
	tail -n 2 in >&9
	exec 9>&-
	wait "$waiting"
	[ "$(marks out)" = "3 stored" ]
	# And forgotten when it is.
	requests 6 >in
	lbcache a.db <in >/dev/null
	set_ahead 'UPDATE claims SET since = since + 86400000'
	call lbcache a.db ./answer <in
	status_is 0
	[ "$(marks out)" = "3 hit 3 stored" ]
}

@test "pipe form: a failure gives the question back" {
	mock --fail 500:100%
	requests 10 >in
	call lbcache a.db < <(lbcache a.db <in | lbcall)
	status_is 1
	[ "$(marks out)" = "10 miss" ]
	has_claims 0
}

@test "pipe form: results that nobody asked for, or of another question, pass as they are" {
	make_answer
	requests 2 >in
	lbcache a.db <in | ./answer >answered
	# Without marks, answered before, with a key of nothing, and with the other one's key.
	jq -c 'del(.lb)' answered >results
	jq -c '.lb.cache = "hit"' answered >>results
	jq -c '.lb.key = "no key"' answered >>results
	sqlite_forget_claims
	jq -sc '.[0].lb.key as $a | .[1].lb.key as $b | (.[0] | .lb.key = $b), (.[1] | .lb.key = $a)' answered >>results
	call lbcache a.db <results
	status_is 0
	lbcache --stats a.db | jq -e '.answers == 0'
	head -n 6 results >want
	head -n 6 out >got
	same want got
	[ "$(tail -n 2 out | jq -r .lb.cache | xargs)" = "miss miss" ]
}

sqlite_forget_claims() {
	python3 -c 'import sqlite3; c = sqlite3.connect("a.db"); c.execute("DELETE FROM claims"); c.commit()'
}

@test "records of other kinds pass, and bytes stay as they are" {
	cat >in <<-'EOT'
		{"id": 1, "text": "an item"}
		[1, 2.0, 12345678901234567890]
		{"custom_id":"done","response":{"status_code":200,"body":{}},"error":null}
	EOT
	call lbcache a.db <in
	status_is 0
	same in out
	echo '{"custom_id":"a" , "n":12345678901234567890,"x":1.0,"x":1e400 ,"body":{"model":"m","messages":[{"content":"\u0041"}]},"lb":{"items":[ 1 ]}}' >in
	local sed='s/}$/,"response":{"status_code":200,"body":{"choices":[{"message":{"content":"a"}}]}}}/'
	local i
	for i in stored hit; do
		call lbcache a.db sed -u "$sed" <in
		[ "$(marks out)" = "1 $i" ]
		sed 's/,"lb":.*//' in >want
		sed 's/,"lb":.*//' out >got
		same want got
	done
	grep -q '"lb":{"items":\[ 1 \],"cache":"hit","key":"' out
}

@test "3,000 hostile records, answered and stored: outside of id, response, error and lb no byte changes" {
	local seed aids=${BUILD:-$TOP/build}/tests/cli
	mock
	for seed in 1 2 3; do
		"$aids/hostile" make "$seed" 1000 records segments bodies
		call lbcache -k a.db lbcall -c 20 <records
		"$aids/hostile" check segments out
		call lbcache -k a.db lbcall -c 20 <records
		"$aids/hostile" check segments out
	done
}

@test "--read-only looks up and changes nothing" {
	mock
	requests 10 >in
	head -n 5 in | lbcache a.db lbcall >/dev/null
	cp a.db before
	call lbcache --read-only a.db lbcall <in
	status_is 0
	[ "$(marks out)" = "5 hit 5 miss" ]
	same before a.db
	call lbcache --read-only a.db < <(lbcache --read-only a.db <in | lbcall)
	[ "$(marks out)" = "5 hit 5 miss" ]
	same before a.db
}

@test "--read-only without a file does nothing at all" {
	requests 10 >in
	call lbcache --read-only none.db <in
	status_is 0
	same in out
	[ ! -e none.db ]
	call lbcache --read-only none.db cat <in
	same in out
}

@test "a damaged file is an error that says so, and is left as it is" {
	make_answer
	requests 500 >in
	call lbcache a.db ./answer <in
	cp a.db whole
	local size
	size=$(stat -c %s whole)
	local damage
	for damage in "printf garbage" "head -c 1000 whole" "head -c $((size / 2)) whole" "head -c $((size - 4096)) whole"; do
		echo "$damage"
		$damage >a.db
		cp a.db before
		call lbcache a.db ./answer <in
		status_is 4
		grep -q 'a\.db: the file is damaged' err
		[ ! -s out ]
		same before a.db
		call lbcache --stats a.db
		status_is 4
	done
	# A byte in the middle of a page: found when it is come to.
	LC_ALL=C sed 's/to Say 77./to Say 78./' whole >a.db
	[ "$(stat -c %s a.db)" -eq "$size" ]
	call lbcache a.db ./answer <in
	status_is 4
	grep -q 'a\.db: the file is damaged: an answer is not as it was stored' err
	jq -c 'select(.error == null)' out >good
	answers_fit good
	each_once
}

@test "killed while it stores: the file is good, and has every answer that came out" {
	make_answer
	requests 20000 >in
	local round
	for round in 1 2 3; do
		rm -f a.db*
		lbcache a.db ./answer <in >out 2>err 3>&- &
		pid=$!
		until_true has_stored
		kill -9 "$pid"
		wait "$pid" || true
		# The last line of what it wrote may be torn.
		jq -cR 'fromjson? | select(.lb.cache) | {custom_id, body}' out >came
		call lbcache --read-only a.db <came
		[ "$(marks out)" = "$(lines came) hit" ]
	done
	call lbcache a.db ./answer <in
	answers_fit
	each_once
}

has_stored() {
	[ "$(lbcache --stats a.db | jq .answers)" -gt 0 ]
}

@test "files of another kind, links, folders and other databases are refused" {
	requests 1 >in
	ln -s nothing link.db
	mkdir folder.db
	python3 -c 'import sqlite3; sqlite3.connect("other.db").execute("CREATE TABLE t(x)")'
	local file
	for file in link.db folder.db other.db missing/a.db; do
		call lbcache $file cat <in
		status_is 4
		grep -q "^lbcache: $file: " err
	done
	[ ! -e nothing ]
}

@test "the file is its owner's alone, and no key is in it or in what comes out" {
	umask 022
	mock
	requests 5 >in
	call lbcache a.db lbcall <in
	[ "$(stat -c %a a.db)" = 600 ]
	lacks a.db sk-secret
	lacks out sk-secret
}

@test "--stats, --export, --import and --purge" {
	make_answer
	requests 20 >in
	call lbcache a.db ./answer <in
	call lbcache --stats a.db
	status_is 0
	holds out '.answers == 20 and .claims == 0 and .bytes > 1000 and .file_bytes >= .bytes and .oldest <= .newest'
	call lbcache --export a.db
	status_is 0
	[ "$(lines out)" -eq 20 ]
	holds out '(keys == ["key", "response", "stored", "used"]) and .response.status_code == 200'
	mv out exported
	call lbcache -v --import b.db <exported
	status_is 0
	grep -q '20 taken, 0 older than what is stored, 0 refused' err
	call lbcache --export b.db
	same exported out
	call lbcache b.db ./answer <in
	[ "$(marks out)" = "20 hit" ]
	call lbcache -v --purge -e 1h b.db
	grep -q ' 0 answers removed' err
	call lbcache -v --purge b.db
	status_is 0
	grep -q ' 20 answers removed' err
	lbcache --stats b.db | jq -e '.answers == 0'
	(head -n 3 exported; echo '{"key":"x"}'; echo nonsense; sed 's/"status_code": *200/"status_code":500/; s/"stored":1/"stored":2/' exported | tail -n 1) >lines
	call lbcache --import b.db <lines
	status_is 1
	grep -q 'line 4: ' err
	lbcache --stats b.db | jq -e '.answers == 3'
	local mode
	for mode in stats purge export; do
		call lbcache --$mode none.db
		status_is 4
		[ ! -e none.db ]
	done
	status=0
	lbcache --export a.db >/dev/full 2>err || status=$?
	status_is 4
}

@test "--max-size: the file stays below, and what was used last is there" {
	make_answer
	# 2,000 answers of 1 KB and more.
	jq -nc '("x" * 1000) as $x | range(2000) | {custom_id: "r\(.)", body: {messages: [{content: "\(.) \($x)"}]}}' >in
	call lbcache --max-size 512k a.db ./answer <in
	status_is 0
	[ "$(stat -c %s a.db)" -le $((512 * 1024)) ]
	tail -n 100 in >last
	head -n 100 in >first
	call lbcache a.db <last
	[ "$(marks out)" = "100 hit" ]
	call lbcache a.db <first
	[ "$(marks out)" = "100 miss" ]
}

@test "-k: results in input order, found and asked ones" {
	make_answer
	requests 100 >in
	awk 'NR % 3 == 0' in | lbcache a.db ./answer >/dev/null
	cat in in >twice
	call lbcache -k a.db sh -c 'tac | ./answer' <twice
	status_is 0
	jq -r .custom_id twice >want
	jq -r .custom_id out >got
	same want got
}

@test "--key: the expression's value is the question; where it yields none, nothing is cached" {
	make_answer
	requests 10 >in
	call lbcache --key '.custom_id | tonumber % 2' a.db ./answer <in
	status_is 0
	[ "$(marks out)" = "8 hit 2 stored" ]
	call lbcache --key 'empty' b.db ./answer <in
	status_is 0
	[ "$(marks out)" = "10 none" ]
	[ ! -s err ]
	call lbcache --key '.custom_id.x' b.db ./answer <in
	status_is 0
	[ "$(marks out)" = "10 none" ]
	[ "$(grep -c 'such requests are not cached' err)" -eq 1 ]
}

@test "a signal while it waits for another's answer: what waits is cancelled, status 3" {
	make_answer
	requests 5 >in
	mkfifo open
	lbcache a.db sh -c 'cat >/dev/null' <open >/dev/null 2>&1 3>&- &
	local owner=$!
	exec 8>open
	cat in >&8
	until_true has_claims 5
	timeout 60 lbcache a.db ./answer <in >out 2>err 3>&- 8>&- &
	local waiting=$!
	until_true is_waiting "$waiting"
	pkill -TERM -P "$waiting" -x lbcache
	status=0
	wait "$waiting" || status=$?
	status_is 3
	holds out '.error.code == "cancelled"'
	each_once
	kill -9 "$owner"
	wait "$owner" 2>/dev/null || true
	exec 8>&-
}

@test "when the reader goes away, what was paid for is stored" {
	mock --latency 20ms
	requests 200 >in
	status=0
	{ timeout 60 lbcache a.db lbcall -c 10 <in 2>err 3>&- || echo $? >status; } | head -n 1 >/dev/null
	[ "$(cat status)" -eq 4 ]
	[ ! -s err ]
	local answers
	answers=$(lbcache --stats a.db | jq .answers)
	[ "$answers" -gt 0 ]
	call lbcache a.db lbcall <in
	[ "$(lines calls)" -le $((200 + 10 + 10)) ]
}

@test "what makes no sense is refused with status 2" {
	requests 1 >in
	local words
	while read -r words; do
		# shellcheck disable=SC2086
		call lbcache $words <in
		[ "$status" -eq 2 ] || { echo "$words: status $status"; return 1; }
		grep -q '^usage: lbcache' err
	done <<-'EOT'

		-e x a.db
		-e 0 a.db
		-k a.db
		--key .[ a.db
		--max-size 1k a.db
		--stats --purge a.db
		--stats a.db cat
		--stats --refresh a.db
		--export -e 1h a.db
		--import -k a.db
		--read-only --refresh a.db
		--read-only --max-size 1M a.db
		--read-only --purge a.db
		--nothing a.db
	EOT
	[ ! -e a.db ]
}

@test "a command without FILE in front of it is no file: status 2, and none is made" {
	requests 2 >in
	call lbcache lbcall <in
	status_is 2
	grep -q "FILE is missing" err
	[ ! -e lbcall ]
	call lbcache ./lbcall <in
	status_is 0
	[ -e lbcall ]
	call lbcache lbcall <in
	status_is 0
}
