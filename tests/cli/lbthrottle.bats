#!/usr/bin/env bats
# lbthrottle: requests go no faster than the limits allow, whoever shares them, and what results say
# counts. Limits are high, so that tests are short. Elapsed time is only ever compared with the least that
# it must be.

load helper
load recorder # for AIDS

# stat NAME: a number of the lbmock's.
stat() {
	curl -s "$MOCK/lbmock/stats" | jq "$1"
}

now_ms() {
	date +%s%3N
}

# took MS: since `began`, so many milliseconds have passed at least.
took() {
	local ms=$(($(now_ms) - began))
	echo "took $ms ms"
	[ "$ms" -ge "$1" ]
}

# Each names the mistake.
@test "what is wrong with the options is said, with status 2" {
	misuse() {
		local text=$1
		shift
		call lbthrottle "$@" </dev/null
		status_is 2
		grep -qF -e "$text" err || { cat err; return 1; }
		[ ! -s out ]
	}
	misuse 'no limit is given'
	misuse 'no limit is given' --burst 5 cat
	misuse '-r wants a number' -r 0
	misuse '-r wants a number' -r 10000000001
	misuse '-t wants a number' -t many
	misuse '-d wants a number' -d -1
	misuse '--burst wants a number' -r 5 --burst 0
	misuse '--burst is about requests a minute' -t 1M -d 500 --burst 5 cat
	misuse '-k is for the wrap form' -r 5 -k
	misuse '-a learns from results' -a
	misuse 'knows no limits yet' -f state cat
}

# bats test_tags=valgrind
@test "without a command requests wait, and all else passes byte for byte" {
	{
		requests 3
		echo ' {"custom_id":"r","error":null, "response":{"status_code":200},"lb":{"throttle":{"at":1}}}'
		echo '{"an":"item"}'
		echo '17'
	} >in
	began=$(now_ms)
	call lbthrottle --rpm 600 --burst 1 <in
	status_is 0
	same out in
	took 200
	call lbthrottle -t 60000 -d 10000 <in
	status_is 0
	same out in
}

@test "around a command, a limit that the provider enforces is never hit" {
	start_mock --rpm 6000 --burst 200 --latency 20ms
	requests 300 >in
	began=$(now_ms)
	call lbthrottle -r 6000 lbcall -u "$MOCK" -c 50 <in
	status_is 0
	took 1950
	[ "$(lines out)" -eq 300 ]
	holds out '.error == null and (.lb | has("throttle") | not)'
	[ "$(stat .rate_limited)" -eq 0 ]
}

@test "tokens: what is set aside for answers and not used is given back" {
	start_mock
	requests 12 '"max_tokens":30000,' >in
	# All of it used would take five minutes; this ends after one.
	call lbthrottle -t 60000 lbcall -u "$MOCK" <in
	status_is 0
	[ "$(lines out)" -eq 12 ]
}

@test "tokens: a provider that counts what was asked for is not overrun" {
	start_mock --tpm 300000 --latency 100ms
	requests 100 '"max_tokens":3050,' >in
	# 100 * 3,065 are 306,500, less a minute's at the start: those that are left come in at 5,000 a second.
	began=$(now_ms)
	call lbthrottle -t 300k lbcall -u "$MOCK" -c 20 <in
	status_is 0
	took 1000
	[ "$(lines out)" -eq 100 ]
	[ "$(stat .rate_limited)" -eq 0 ]
}

@test "8 processes share one state: no 429, also when two of them are killed" {
	start_mock --rpm 6000 --burst 400 --latency 20ms
	requests 80 >in
	requests 2000 >long
	local i
	began=$(now_ms)
	for i in 1 2 3 4 5 6 7 8; do
		# The first two are killed in the middle of it.
		[ "$i" -gt 2 ] && input=in || input=long
		lbthrottle -r 6000 -f state lbcall -u "$MOCK" -c 50 <$input >out.$i 2>err.$i 3>&- &
		pids[i]=$!
	done
	for i in 1 2; do
		while [ "$(lines out.$i)" -lt 5 ] && kill -0 "${pids[i]}"; do sleep 0.02; done
		kill -9 "${pids[i]}"
	done
	for i in 3 4 5 6 7 8; do
		wait "${pids[i]}"
		[ "$(lines out.$i)" -eq 80 ]
		holds out.$i '.error == null'
	done
	took 3750
	[ "$(stat .rate_limited)" -eq 0 ]
	# The lane is as good as before.
	call lbthrottle -f state lbcall -u "$MOCK" <in
	status_is 0
	[ "$(lines out)" -eq 80 ]
}

@test "a request for more tokens than a minute has fails at once; the others go" {
	start_mock
	{
		requests 2 '"max_tokens":100,'
		requests 1 '"max_tokens":2000,'
		requests 2 '"max_tokens":100,'
	} >in
	call lbthrottle -t 1k lbcall -u "$MOCK" <in
	status_is 1
	[ "$(lines out)" -eq 5 ]
	jq -c 'select(.error)' out >failed
	[ "$(lines failed)" -eq 1 ]
	holds failed '.error.code == "exceeds_rate_limit" and .body.max_tokens == 2000 and .response == null'
	holds failed '.error.message | test("about 20[0-9][0-9] tokens .* limit is 1000 a minute")'
	[ "$(stat .requests)" -eq 4 ]
}

@test "Retry-After of a 429 holds the whole lane, for other processes too" {
	start_mock --fail 429:100% --retry-after 1s
	requests 1 >in
	began=$(now_ms)
	call lbthrottle -r 6000 -f state lbcall -u "$MOCK" <in
	status_is 1
	holds out '.error.code == "rate_limit_exceeded" and .response.status_code == 429'
	call lbthrottle -r 6000 -f state lbcall -u "$MOCK" <in
	took 1000
	# -a has no limits here, but a 429 holds it as well.
	requests 3 >in
	began=$(now_ms)
	call lbthrottle -a lbcall -u "$MOCK" -c 1 <in
	[ "$(lines out)" -eq 3 ]
	took 2000
}

@test "credit that is spent holds nothing: every request is told so" {
	start_mock --quota 1
	requests 200 >in
	# A second for each, were it to hold the lane, would be more than the minute that there is.
	call lbthrottle -r 60000 --burst 1 lbcall -u "$MOCK" -c 20 <in
	status_is 1
	[ "$(jq -r 'select(.error) | .error.code' out | grep -c '^insufficient_quota$')" -eq 199 ]
}

@test "-a takes the limits from the headers, and sees what others have used of them" {
	start_mock --rpm 3000 --burst 1000
	requests 400 | lbcall -u "$MOCK" -c 50 >foreign
	holds foreign '.error == null'
	# There are some 600 left; all of these would go at once if that were not seen.
	requests 750 >in
	call lbthrottle -a --burst 1000 lbcall -u "$MOCK" -c 50 <in
	status_is 0
	[ "$(lines out)" -eq 750 ]
	[ "$(stat .rate_limited)" -eq 0 ]
}

@test "-a with a provider that shows no limits: all go, after three that went one by one" {
	start_mock --latency 300ms
	requests 20 >in
	call lbthrottle -a lbcall -u "$MOCK" -c 20 <in
	status_is 0
	[ "$(lines out)" -eq 20 ]
	[ "$(stat .peak_in_flight)" -gt 3 ]
	[ "$(jq -s '[.[0:3][].custom_id] | sort | join(" ")' out)" = '"1 2 3"' ]
}

@test "both sides of a pipe share what they know, and the results bear no trace of it" {
	start_mock --rpm 6000 --burst 200
	requests 12 '"max_tokens":30000,' >in
	lbcall -u "$MOCK" -c 1 <in | jq -cS 'del(.id, .response, .lb.ms)' >want
	# The right side gives back what was not used: all of it used would take five minutes.
	timeout 60 lbthrottle -t 60000 -f state <in | lbcall -u "$MOCK" |
		timeout 60 lbthrottle -f state >out
	jq -cS 'del(.id, .response, .lb.ms)' out >got
	sed -i 's/"ratelimit":{[^}]*}/"ratelimit":{}/' got want
	sort -o got got
	sort -o want want
	same got want
	# It has learned the limit of requests, which was not given: with -a that counts.
	requests 300 >in
	began=$(now_ms)
	call lbthrottle -f state -t 10M -a --burst 100 <in
	status_is 0
	took 1900
	holds out '.lb.throttle | .tokens > 0 and .at > 0'
}

@test "a result without a ticket, or with one that makes no sense, teaches nothing" {
	local limit='"ratelimit":{"limit_requests":1,"remaining_requests":0,"reset_requests":60,"retry_after":60}'
	cat >in <<-EOT
		{"custom_id":"a","body":{},"response":{"status_code":429,"body":{}},"error":{"code":"x"},"lb":{$limit}}
		{"custom_id":"b","body":{},"response":{"status_code":429,"body":{}},"error":{"code":"x"},"lb":{"throttle":{"at":"soon"},$limit}}
		{"custom_id":"c","body":{},"response":{"status_code":429,"body":{}},"error":{"code":"x"},"lb":{"throttle":7}}
	EOT
	sed 's/"throttle":{"at":"soon"},//; s/"throttle":7//' in >want
	call lbthrottle -r 6000 -f state <in
	status_is 1
	same out want
	requests 20 >in
	call timeout 20 lbthrottle -f state <in
	status_is 0
	[ "$(lines out)" -eq 20 ]
}

@test "a request that says of itself that its answer is stored takes its place all the same" {
	start_mock
	while read -r marks; do
		echo "marks: $marks"
		requests 20 '"max_tokens":5,' | sed "s/}\$/,\"lb\":{$marks}}/" >in
		began=$(now_ms)
		call lbthrottle -r 1200 --burst 1 lbcall -u "$MOCK" <in
		status_is 0
		took 950
		holds out '.lb | has("ms") and .cache != "hit" and (has("checkpoint") | not)'
		began=$(now_ms)
		timeout 60 lbthrottle -r 1200 --burst 1 -f "state$began" <in | lbcall -u "$MOCK" -c 1 |
			timeout 60 lbthrottle -f "state$began" >out
		took 950
		[ "$(lines out)" -eq 20 ]
		holds out '.lb | has("ms") and .cache != "hit" and (has("checkpoint") | not)'
	done <<-'EOT'
		"cache":"hit"
		"checkpoint":"logged"
		"cache":"hit","checkpoint":true,"c\\u0061che":"hit"
	EOT
}

@test "nothing else is taken off a request, and a store that it is around may still say so" {
	# The mark of a store's left half is none of these.
	cat >in <<-'EOT'
		{ "body":{}, "custom_id":"a","lb":{"ms":1, "cache":"hit","items":[1.0],"cache":"hit"} }
		{"body":{},"custom_id":"b","lb":{"cache":"miss","checkpoint":null, "cost":1}}
		{"body":{},"custom_id":"c"}
	EOT
	call lbthrottle -k -r 6000 cat <in
	status_is 0
	sed 's/, "cache":"hit"//; s/,"cache":"hit"//' in >want
	same out want
	# Then the place is free for the next, or this would take minutes.
	requests 20 | sed 's/}$/,"lb":{"cache":"hit"}}/' >in
	call lbthrottle -r 1 jq --unbuffered -c '.lb.cache = "hit" | .response = {status_code: 200, body: {}}' <in
	status_is 0
	[ "$(lines out)" -eq 20 ]
}

@test "2,000 hostile records: outside of lb.throttle no byte changes, on either side" {
	"$AIDS/hostile" make 7 2000 records segments bodies
	call lbthrottle -r 10G -t 10G -f state <records
	status_is 0
	"$AIDS/hostile" check segments out
	mv out left
	call lbthrottle -f state <left
	status_is 0
	"$AIDS/hostile" check segments out
	call lbthrottle -k -r 10G -t 10G cat <records
	same out records
}

@test "around any command; finished results go through without waiting; -k keeps the order" {
	requests 30 >in
	cat >>in <<-'EOT'
		{"custom_id":"done","body":{},"response":{"status_code":200,"body":{}},"error":null}
		{"custom_id":"failed","body":{},"response":null,"error":{"code":"x"}}
	EOT
	call lbthrottle -d 30 cat <in
	status_is 1
	sort in >want
	sort out >got
	same got want
	call lbthrottle -k -r 60000 sort -r <in
	status_is 1
	same out in
}

@test "a command that dies: what is left fails without waiting for its time" {
	requests 100 >in
	call lbthrottle -r 6 sh -c 'read -r line' <in
	status_is 4
	[ "$(lines out)" -eq 100 ]
	holds out '.error.code == "command_died"'
}

@test "a damaged, foreign or odd state file is refused with status 4 and left as it is" {
	refused() {
		local text=$1
		requests 1 >in
		call lbthrottle -r 60 -f "$2" <in
		status_is 4
		[ ! -s out ]
		grep -qF "lbthrottle: $2: $text" err || { cat err; return 1; }
	}
	requests 1 | lbthrottle -r 60 -f state >/dev/null
	[ "$(command stat -c '%a %s' state)" = '600 4096' ]
	echo notes >notes
	refused 'no state file of lbthrottle, or a damaged one' notes
	[ "$(cat notes)" = notes ]
	head -c 4096 /dev/zero | tr '\0' x >page
	refused 'no state file of lbthrottle, or a damaged one' page
	head -c 4000 state >short
	refused 'no state file of lbthrottle, or a damaged one' short
	{
		printf 'lbrate\377\377'
		tail -c +9 state
	} >newer
	refused 'a state file of another version of lbthrottle' newer
	ln -s state link
	refused 'it is a symbolic link' link
	mkdir folder
	refused 'Is a directory' folder
	refused 'No such file or directory' no/where
	mkfifo fifo
	refused 'no regular file' fifo
}

@test "a state file that is cut short while in use: status 4, and every request comes out" {
	cat >slow <<-'EOT'
		#!/usr/bin/env python3
		import json, os, sys
		for n, line in enumerate(sys.stdin):
		    if n == 2:
		        os.truncate("state", 0)
		    print(json.dumps(dict(json.loads(line), response={"status_code": 200, "body": {}})), flush=True)
	EOT
	chmod +x slow
	requests 20 >in
	call lbthrottle -r 60 --burst 3 -f state ./slow <in
	status_is 4
	[ "$(cat err)" = "lbthrottle: state: the state file was cut short while in use" ]
	[ "$(jq -r '.error.code' out | sort | uniq -c | xargs)" = "17 cancelled 3 null" ]
	[ "$(jq -r .custom_id out | sort -u | wc -l)" -eq 20 ]
	# Where nobody settles, and one waits for its place.
	mkfifo pipe
	timeout 60 lbthrottle -r 1 -f new <pipe >out 2>err 3>&- &
	local pid=$! status=0
	{
		cat in
		until_true has_lines 1 out
		: >new
		wait "$pid" || status=$?
	} >pipe
	status_is 4
	[ "$(jq -r '.error.code' out | sort | uniq -c | xargs)" = "19 cancelled 1 null" ]
}

@test "a file without limits lets all pass, and says so" {
	requests 3 >in
	call lbthrottle -f state <in
	status_is 0
	[ "$(lines out)" -eq 3 ]
	[ "$(grep -c 'knows no limits yet' err)" -eq 1 ]
}

@test "a signal: the request that waits comes out as cancelled, and its place is free again" {
	requests 3 >in
	mkfifo pipe
	lbthrottle -r 1 -f state <pipe >out 2>err 3>&- &
	local pid=$! status=0
	{
		cat in
		while [ "$(lines out)" -lt 1 ] && kill -0 "$pid"; do sleep 0.02; done
		kill "$pid"
	} >pipe
	wait "$pid" || status=$?
	status_is 3
	[ "$(lines out)" -eq 3 ]
	[ "$(jq -c 'select(.error.code == "cancelled") | .custom_id' out | sort | xargs)" = "2 3" ]
	# One place a minute, and with a burst of two one more: that which the second had is not taken.
	requests 1 >in
	call timeout 30 lbthrottle -f state --burst 2 <in
	status_is 0
	[ "$(lines out)" -eq 1 ]
}
