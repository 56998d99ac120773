#!/usr/bin/env bats
# lbchunk around a command: items in, items with answers out, and what a pack left out is asked again.

load helper
load wrapper

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
	call lbchunk -k -m m -n 4 -p x sh -c 'tee seen | jq -c --unbuffered ". + {response: null, error: {code: \"http_500\"}}"' <in
	status_is 1
	[ "$(lines seen)" -eq 1 ]
	jq -c '. + {error: {code: "http_500"}}' in >want
	same want out
	# The command may leave out all but the id; and may die.
	call lbchunk -k -m m -n 4 -p x jq -c --unbuffered '{custom_id, response: null, error: {code: "http_500"}}' <in
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
	jq -r '(.error | objects | .code) // tojson' out >got
	same want got
}

@test "around a command that answers at end of input: what it leaves out is asked again, too" {
	model
	FAULT=missing call lbchunk -k -m m -n 8 -p '\(.id)' sh -c 'python3 model.py | tac' <in
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
	until_true test -s asked
	kill -INT "$(pgrep -P "$pid" -x lbchunk)"
	echo go >gate
	exec 8>&-
	status=0
	wait "$pid" || status=$?
	status_is 3
	[ "$(jq -r '"\(.id) \(.answer) \(.error.code)"' out | sort | xargs -d '\n')" = "a for a null b for b null c null cancelled" ]
}

# A first step of which two items failed, and what the second is to make of them: "for x" is an answer.
first_step() {
	cat >in <<-'EOT'
		{"id":1,"first":"x"}
		{"id":2, "error":{"code":"http_500","message":"m","more":[1.0]} }
		{"custom_id":"c","first":"x","error":null}
		{"id":4,"first":"x","error":"own"}
		{"error":{"code":"refusal"},"first":"x","id":5}
		{"id":6,"first":"x","error":{"code":500}}
		{"id":7,"first":"x","error":["code"]}
	EOT
	sed -e '2b' -e '5b' -e 's/}$/,"second":"for x"}/' in >want
	sort want >want.sorted
}

# bats test_tags=valgrind
@test "what failed in one step is not asked in the next: it comes out as it was, once, and status 1" {
	model
	first_step
	local n
	for n in 1 2 5; do
		echo "-n $n"
		rm -f sizes
		call lbchunk -k -m m -n $n -p '\(.first)' --into second python3 model.py <in
		status_is 1
		same want out
		[ "$(awk '{ n += $1 } END { print n }' sizes)" -eq 5 ]
		# With pipes, and out of order.
		call lbchunk -m m -n $n -p '\(.first)' <in
		status_is 1
		[ "$(jq -c '.lb.items[]?' out | wc -l)" -eq 5 ]
		grep '"body"' out >requests
		grep -v '"body"' out >results
		python3 model.py <requests | paste -d '\n' - requests | jq -c '.lb = input.lb' >>results
		call lbchunk -u --into second <results
		status_is 1
		sort out >got
		same want.sorted got
	done
}

@test "two steps with a provider that fails: no failure is asked about, paid for or lost" {
	start_mock --seed 3 --fail 400:30% --log calls
	export OPENAI_BASE_URL=$MOCK OPENAI_API_KEY=dummy
	seq 60 | jq -c '{id: ., text: "Number \(.)"}' >in
	lbchunk -m m -n 3 -p '\(.text)' --into first lbcall <in >wrapped || [ $? -eq 1 ]
	lbchunk -m m -p '\(.text)' <in | lbcall | lbchunk -u --into first >piped || [ $? -eq 1 ]
	stop_mock
	local form
	for form in wrapped piped; do
		echo "$form"
		jq -c 'select(.error)' $form | sort >failed
		[ -s failed ]
		start_mock --log "calls.$form"
		export OPENAI_BASE_URL=$MOCK
		if [ $form = wrapped ]; then
			call lbchunk -m m -p 'Rate this: \(.first)' --into second lbcall <$form
		else
			lbchunk -m m -p 'Rate this: \(.first)' <$form >requests || [ $? -eq 1 ]
			lbretry lbcheckpoint job.log lbcall <requests >results || [ $? -eq 1 ]
			call lbchunk -u --into second <results
		fi
		status_is 1
		stop_mock
		[ "$(lines "calls.$form")" -eq $((60 - $(lines failed))) ]
		jq -c 'select(.error)' out | sort >got
		same failed got
		[ "$(jq -c .id out | sort -u | wc -l)" -eq 60 ]
		holds out 'if .error then has("first") or has("second") | not else .first and .second end'
	done
	# Asked again, they are items like others.
	start_mock
	export OPENAI_BASE_URL=$MOCK
	jq -c 'select(.error) | del(.error)' wrapped >in
	call lbchunk -m m -p '\(.text)' --into first lbcall <in
	status_is 0
	[ "$(lines out)" -eq "$(lines in)" ]
}

@test "around a command: after a signal, too, what failed before comes out as it was" {
	model
	mkfifo gate
	# More than the command's pipe and the feed before it hold.
	jq -nc '("x" * 1000) as $x | range(4000) | {id: ., $x} + if . % 2 == 0 then {error: {code: "http_500"}} else {} end' >in
	timeout -k 5 60 lbchunk -m m -p '\(.id)\(.x)' sh -c 'read -r first; echo "$first" >asked; read -r go <gate; cat >>asked; python3 model.py <asked' \
		<in >out 2>err 3>&- &
	pid=$!
	until_true test -s asked
	until_true sh -c 'grep -q "^State:.S" "/proc/$1/status"' - "$(pgrep -P "$pid" -x lbchunk)"
	kill -INT "$(pgrep -P "$pid" -x lbchunk)"
	echo go >gate
	status=0
	wait "$pid" || status=$?
	status_is 3
	[ "$(lines out)" -gt 100 ]
	[ "$(lines out)" -lt 4000 ]
	grep -F '"code":"http_500"' out | sort >failed
	sort in >known
	[ -z "$(comm -23 failed known)" ]
	holds out '(.id % 2 == 0) == (.error.code == "http_500")'
	# Some of both had been read, but not begun.
	jq -es '(map(select(.error.code == "cancelled").id) | min) as $first | any(.error.code == "http_500" and .id > $first)' out
}

@test "bad_item failures travel through the call and back to their item" {
	start_mock
	printf '%s\n' '{"id":"a","n":1}' '{"id":"b","n":"x"}' '"text"' >in
	{ lbchunk -m m -n 2 -p '\(.n + 1)' <in || [ $? -eq 1 ]; } | lbcall -u "$MOCK" --auth none >results || [ $? -eq 1 ]
	call lbchunk -u <results
	status_is 1
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
	lbchunk "${ask[@]}" <in | lbcall -u "$MOCK" --auth none >results
	call lbchunk -u <results
	status_is 1
	[ "$(jq .id out | sort -nu | wc -l)" -eq 700 ]
	holds out 'if .error then .error.code | IN("answer_missing", "answer_repeated", "answers_surplus", "bad_answer")
		else .answer == .colour end'
	[ "$(jq -r '.error.code // empty' out | sort -u | wc -l)" -eq 4 ]
	call lbchunk "${ask[@]}" lbcall -u "$MOCK" --auth none <in
	status_is 0
	[ "$(jq .id out | sort -nu | wc -l)" -eq 700 ]
	holds out '.answer == .colour'
}
