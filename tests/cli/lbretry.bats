#!/usr/bin/env bats
# lbretry: which records it sends again, when, where to, and how often.

load helper
load wrapper
load lbretry

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	make_fake
}

# bats test_tags=valgrind
@test "what fails for a while is sent again until it succeeds; -n counts the first attempt" {
	planned a '[503,429,200]' >in
	retry
	status_is 0
	holds out '.error == null and .response.body.try == 3 and .lb.attempts == 3'
	[ "$(lines sent)" -eq 3 ]

	planned a '[503,503,503,503,503,503,503,503]' >in
	retry
	status_is 1
	holds out '.error.code == "http_503" and .lb.attempts == 5'
	[ "$(lines sent)" -eq 5 ]
	retry -n 1
	status_is 1
	holds out '.lb.attempts == 1'
	[ "$(lines sent)" -eq 1 ]
}

@test "each class of failure: transient ones are sent again, permanent ones are not" {
	local status code
	for code in 408 409 425 429 500 502 503 504 520 529; do
		planned "s$code" "[$code]"
	done >in
	for code in timeout resolve_failed connect_failed connection_lost transport_error batch_expired; do
		planned "$code" "[{\"code\":\"$code\"}]"
	done >>in
	for code in bad_response bad_stream error_in_response; do
		planned "$code" "[{\"status\":200,\"code\":\"$code\"}]"
	done >>in
	planned error200 '[{"status":200,"code":"http_429","body":{"error":{"code":429,"message":"x"}}}]' >>in
	retry
	status_is 0
	holds out '.error == null and .lb.attempts == 2'
	[ "$(lines out)" -eq 20 ]

	for code in 400 401 403 404 405 413 422 501; do
		planned "s$code" "[$code]"
	done >in
	for code in no_api_key url_refused response_too_large not_a_request budget_exceeded whatever; do
		planned "$code" "[{\"code\":\"$code\"}]"
	done >>in
	planned large '[{"status":429,"code":"rate_limit_exceeded","message":"Request too large for m on tokens per min"}]' >>in
	planned length '[{"status":400,"code":"context_length_exceeded"}]' >>in
	retry
	status_is 1
	holds out '.error != null and .lb.attempts == 1'
	[ "$(lines out)" -eq 16 ]
	[ "$(lines sent)" -eq 16 ]
}

@test "a transient 429 whose text says INSUFFICIENT QUOTA is sent again" {
	planned a '[{"status":429,"code":"rate_limit_exceeded","message":"INSUFFICIENT QUOTA, please slow down"}]' >in
	retry
	status_is 0
	holds out '.lb.attempts == 2'
}

@test "x-should-retry goes before the status" {
	{
		planned yes '[{"status":400,"lb":{"ratelimit":{"should_retry":true}}}]'
		planned no '[{"status":503,"lb":{"ratelimit":{"should_retry":false}}}]'
	} >in
	retry -k
	status_is 1
	[ "$(jq -c '[.custom_id, .lb.attempts, .error == null]' out | xargs)" = "[yes,2,true] [no,1,false]" ]
}

@test "Retry-After of each failure is honoured, not only the first" {
	planned a '[{"status":429,"lb":{"ratelimit":{"retry_after":0.1}}},{"status":503,"lb":{"ratelimit":{"retry_after":0.3}}},
		503,{"status":429,"lb":{"ratelimit":{"retry_after":0.2}}}]' | tr -d '\n\t' >in
	echo >>in
	retry
	status_is 0
	waits a 0.1 0.3 0 0.2
}

@test "what else says how long to wait: the body, and on a 429 the reset of what is used up" {
	{
		planned body '[{"status":429,"body":{"error":{"code":429,"details":[{"retryDelay":"0.3s"}]}}}]'
		planned reset '[{"status":429,"lb":{"ratelimit":{"remaining_requests":5,"reset_requests":600,"remaining_tokens":0,"reset_tokens":0.25}}}]'
		# Resets on anything but a 429 are no reason to wait.
		planned other '[{"status":503,"lb":{"ratelimit":{"remaining_tokens":0,"reset_tokens":600}}}]'
	} >in
	retry
	status_is 0
	waits body 0.3
	waits reset 0.25
	waits other 0
}

@test "--max-wait caps what a server may ask for" {
	planned a '[{"status":429,"lb":{"ratelimit":{"retry_after":3600}}}]' >in
	retry --max-wait 200ms
	status_is 0
	waits a 0.2
}

@test "--deadline: a record that would have to wait beyond it fails at once, with what it has" {
	planned a '[{"status":429,"lb":{"ratelimit":{"retry_after":300}}}]' >in
	retry --deadline 100s
	status_is 1
	holds out '.error.code == "http_429" and .lb.attempts == 1'
	retry --deadline 1h --max-wait 10ms
	status_is 0
}

# bats test_tags=valgrind
@test "--ok: an answer of which the expression is not true is asked for again, and kept when it stays so" {
	{
		planned never '[]'
		planned second '[]'
	} >in
	# The path is true of no answer, the comparison of each second one.
	retry -n 3 --ok .response.body.good
	status_is 1
	[ "$(lines sent)" -eq 6 ]
	holds out '.error.code == "not_ok" and .response.body.try == 3 and .response.status_code == 200 and .lb.attempts == 3'
	retry -n 3 --ok '.response.body.try == 2'
	status_is 0
	holds out '.error == null and .lb.attempts == 2'
	# One that fails is not true either.
	retry -n 2 --ok '.custom_id + 1'
	status_is 1
	holds out '.error.code == "not_ok"'
	call lbretry --ok '.a |' cat <in
	status_is 2
	grep -q '^lbretry: --ok: ' err
}

@test "--ok is not asked of failures" {
	planned a '[503,400]' >in
	retry --ok false
	status_is 1
	holds out '.error.code == "http_400" and .lb.attempts == 2'
}

# bats test_tags=valgrind
@test "-f: a model that refuses for length hands over at once, one that fails when its attempts are spent" {
	{
		planned length '[{"status":400,"code":"context_length_exceeded"},{"status":400,"message":"prompt is too long: 9 tokens > 8 maximum"}]'
		planned fails '[503,503,503,503]'
		planned wrong '[400]'
		planned fine '[]'
	} >in
	# The last -f counts.
	retry -n 2 -f none -f big,bigger
	status_is 1
	jq -r '[.custom_id, .lb.attempts, .response.body.model // .error.code] | @tsv' out | sort >got
	printf '%s\t%s\t%s\n' fails 5 bigger fine 1 m length 3 bigger wrong 1 http_400 >want
	same want got
	sed 's/^[^ ]* //' sent | jq -r '.custom_id + " " + .body.model' | sort | uniq -c | sed 's/^ *//' >got
	printf '%s\n' '1 fails bigger' '1 fine m' '1 length big' '1 length bigger' '1 length m' '1 wrong m' \
		'2 fails big' '2 fails m' | sort >want
	sort got | diff -u want -

	# There is no model left.
	planned a '[503,503,503,503]' >in
	retry -n 2 -f other
	status_is 1
	holds out '.error.code == "http_503" and .lb.attempts == 4 and .body.model == "m"'
}

@test "-f changes body.model and nothing else of the bytes; the result has the request's own bytes" {
	cat >in <<-'EOT'
		{"custom_id":"a","z":1.0,"body":{ "model" : "m\u0041", "n":12345678901234567890,"plan":[503], "x":1e400 },"z":2}
		{"custom_id":"b","body":{"plan":[503],"x":"é\u00e9"}}
		{"custom_id":"c","params":{"model":"m","plan":[503]}}
	EOT
	retry -k -n 1 -f 'gpt "4"'
	status_is 0
	holds out '.lb.attempts == 2'
	sed 's/,"response":.*//; s/$/}/' out >got
	same in got
	cat >want <<-'EOT'
		{"custom_id":"a","z":1.0,"body":{ "model" : "gpt \"4\"", "n":12345678901234567890,"plan":[503], "x":1e400 },"z":2}
		{"custom_id":"b","body":{"plan":[503],"x":"é\u00e9","model":"gpt \"4\""}}
		{"custom_id":"c","params":{"model":"gpt \"4\"","plan":[503]}}
	EOT
	sed 's/^[^ ]* //' sent | grep gpt | sort >got
	same want got
}

# bats test_tags=valgrind
@test "a record is sent again with the same bytes, whatever is in it" {
	cat >in <<-'EOT'
		{"custom_id":"a","n":12345678901234567890,"n":1.0,"e":1e400,"s":"\u00e9\/é","body":{"plan":[503,503]}}
		 {"body" : {"plan":[429]} , "custom_id":"b" , "lb" : {"items":[ 1.50 ],"other":null} }
	EOT
	retry -k
	status_is 0
	sed 's/^[^ ]* //' sent | sort | uniq -c | sed 's/^ *//' >got
	{
		echo "3 $(head -n 1 in)"
		echo "2 $(tail -n 1 in | sed 's/^ *//; s/ *$//')"
	} | sort >want
	sort got | diff -u want -
	# Besides what the command added there is lb.attempts.
	[ "$(head -n 1 out)" = "$(head -n 1 in | sed 's/}$//'),\"response\":{\"status_code\": 200, \"body\": {\"model\": null, \"try\": 3}},\"error\":null,\"lb\":{\"attempts\":3}}" ]
	grep -qF '"lb" : {"items":[ 1.50 ],"other":null,"attempts":2}' out
}

@test "a record may be nested as deep as any" {
	awk 'BEGIN {
		for (i = 0; i < 510; i++) { open = open "["; close_ = close_ "]" }
		print "{\"custom_id\":\"a\",\"body\":{\"plan\":[503],\"n\":" open close_ "}}"
	}' >in
	retry
	status_is 0
	[ "$(lines sent)" -eq 2 ]
	sed 's/,"response":.*//; s/$/}/' out >got # too deep for jq 1.6
	same in got
	retry -n 1 -f other
	status_is 0
	grep -q '"model": "other"' out
	sed 's/,"response":.*//; s/$/}/' out >got
	same in got
}

@test "lb.cost is the sum over the attempts, exactly; a cost from before stays as it is" {
	{
		planned a '[{"status":503,"lb":{"cost":0.1}},{"status":503,"lb":{"cost":0.2}},{"status":200,"lb":{"cost":1.5e-7}}]'
		planned b '[{"status":503,"lb":{"cost":0.25}}]'
		planned c '[503,{"status":200,"lb":{"cost":0.50}}]'
		echo '{"custom_id":"d","lb":{"cost":7.00},"body":{"plan":[503]}}'
	} >in
	retry -k
	status_is 0
	sed 's/.*"lb"//' out | grep -o '"cost": *[^,}]*' | tr -d ' ' >got
	printf '"cost":%s\n' 0.30000015 0.25 0.5 7.00 >want
	same want got
}

@test "the same error 500 three times, with others succeeding in between, is permanent" {
	local plan='' id
	# Words with digits in them are no difference.
	for id in 1a 2b 3c 4d 5e 6f 7g 8h; do
		plan+="{\"status\":500,\"behind\":1,\"message\":\"boom in req_$id, at 12:0${id%?}\"},"
	done
	mkfifo stdin
	rm -f sent
	timeout 60 lbretry -n 8 -b 1ms -m 2ms python3 fake.py <stdin >out 2>err 3>&- &
	pid=$!
	exec 8>stdin
	planned bad "[${plan%,}]" >&8
	n=0
	while ! grep -q '"custom_id":"bad"' out; do
		n=$((n + 1))
		planned "g$n" '[]' >&8
		until_true has_lines "$n" out
	done
	exec 8>&-
	status=0
	wait "$pid" || status=$?
	status_is 1
	came_to bad '.error.code == "http_500" and .lb.attempts == 3'
}

@test "the same error 500 is an outage's while nothing succeeds, and all attempts are made" {
	planned a '[500,500,500,500,500,500]' >in
	retry -n 6
	status_is 1
	came_to a '.lb.attempts == 6'
}

@test "a bad gateway may be bad for all attempts, and so may a 500 with other words" {
	{
		planned gateway '[502,502,502,502,502]'
		planned words '[{"status":500,"message":"one"},{"status":500,"message":"two"},{"status":500,"message":"one"},{"status":500,"message":"two"}]'
		for i in $(seq 20); do
			planned "g$i" '[503,503,503,503]'
		done
	} >in
	retry
	status_is 1
	came_to gateway '.lb.attempts == 5'
	came_to words '.lb.attempts == 5 and .error == null'
}

@test "--retry-budget: with 0 there are 100 retries, then failures stand, with one warning" {
	for i in $(seq 300); do planned "r$i" '[503,503,503,503,503,503]'; done >in
	# With --rounds there is no breaker, which lets what was on its way be sent again besides.
	retry --rounds --retry-budget 0
	status_is 1
	each_once
	holds out '.error.code == "http_503"'
	[ "$(lines sent)" -eq 400 ]
	[ "$(grep -c 'retry budget is spent' err)" -eq 1 ]
	# A share of the requests comes on top.
	retry --rounds --retry-budget 20%
	status_is 1
	[ "$(lines sent)" -eq 460 ]
	retry --retry-budget 20x
	status_is 2
}

@test "a retry that the budget does not have waits for requests that add to it" {
	mkfifo stdin
	rm -f sent
	timeout 60 lbretry -b 1ms --retry-budget 5 python3 fake.py <stdin >out 2>err 3>&- &
	pid=$!
	exec 8>stdin
	# 150 of 300 requests fail once: the budget is 115. What succeeds between tells that it is no outage.
	for i in $(seq 150); do planned "r$i" '[503]' && planned "g$i" '[]'; done | tee in >&8
	until_true has_lines 265 out
	[ "$(lines out)" -eq 265 ]
	# 700 more make it 150.
	for i in $(seq 700); do planned "h$i" '[]'; done | tee -a in >&8
	until_true has_lines 1000 out
	exec 8>&-
	wait "$pid"
	each_once
	holds out '.error == null'
	lacks err budget
}

@test "a feeder that waits for its answers before it sends more gets them, budget or not" {
	mkfifo stdin
	rm -f sent
	timeout 60 lbretry -b 1ms --retry-budget 0 python3 fake.py <stdin >out 2>err 3>&- &
	pid=$!
	exec 8>stdin
	# 103 that fail once, of which 100 are sent again; what succeeds between tells that it is no outage.
	for i in $(seq 103); do planned "r$i" '[503]' && planned "g$i" '[]'; done | tee in >&8
	until_true has_lines 206 out # with the input open
	exec 8>&-
	status=0
	wait "$pid" || status=$?
	status_is 1
	each_once
	[ "$(jq -s 'map(select(.error)) | length' out)" -eq 3 ]
	[ "$(grep -c 'retry budget is spent' err)" -eq 1 ]
}

@test "a retry that waits for the budget does so until its deadline" {
	mkfifo stdin
	rm -f sent
	timeout 60 lbretry -b 1ms --retry-budget 0 --deadline 1500ms python3 fake.py <stdin >out 2>err 3>&- &
	pid=$!
	exec 8>stdin
	for i in $(seq 101); do planned "r$i" '[503]' && planned "g$i" '[]'; done | tee in >&8
	until_true has_lines 202 out # with the input open
	exec 8>&-
	wait "$pid" || true
	each_once
	jq -es 'map(select(.error)) | length >= 1' out
}

@test "more retries than may wait are no standstill" {
	awk 'BEGIN { for (i = 0; i < 11000; i++) printf "{\"custom_id\":\"r%d\",\"body\":{}}\n", i }' >in
	cat >none.py <<-'EOT'
		import sys
		for line in sys.stdin:
		    print(line.rstrip()[:-1] + ',"response":null,"error":{"code":"timeout","message":""}}', flush=True)
	EOT
	mkfifo stdin
	# With --rounds there is no breaker, which would take a while.
	timeout 60 lbretry --rounds -b 1ms --retry-budget 0 python3 none.py <stdin >out 2>err 3>&- &
	pid=$!
	exec 8>stdin
	cat in >&8
	until_true has_lines 900 out # with the input open
	exec 8>&-
	status=0
	wait "$pid" || status=$?
	status_is 1
	each_once
	holds out '.error.code == "timeout"'
}

@test "a command that dies at once, again and again: status 4, and every record comes out" {
	awk 'BEGIN { for (i = 0; i < 20000; i++) printf "{\"custom_id\":\"r%d\",\"body\":{}}\n", i }' >in
	call lbretry -b 1ms --retry-budget 1000 -k false <in
	status_is 4
	each_once
	holds out '.error.code == "command_died"'
	# When it is known to be dead, nothing waits for it.
	[ "$(tail -n 1 out | jq .lb.attempts)" -eq 0 ]
	call lbretry no-such-command <in
	status_is 2
	[ ! -s out ]
}

# bats test_tags=valgrind
@test "a command line that is wrong two levels in: status 2 and told once, every time" {
	requests 300 >in
	local i
	for i in 1 2 3 4 5; do
		call lbretry lbthrottle -r 600 lbcall -c 0 <in
		status_is 2
		[ "$(lines out)" -eq 300 ]
		[ "$(grep -c "^lbcall: -c wants" err)" -eq 1 ]
	done
}

@test "--stop-after: so many failures in a row, and the rest is not sent; status 3" {
	{
		for i in $(seq 9); do planned "b$i" '[400]'; done
		planned good '[]'
		for i in $(seq 1000); do planned "c$i" '[404]'; done
	} >in
	retry -v --stop-after 10
	status_is 3
	each_once
	[ "$(jq -r 'select(.error == null) | .custom_id' out)" = good ]
	[ "$(jq -c 'select(.error.code == "http_404")' out | wc -l)" -ge 10 ]
	[ "$(jq -c 'select(.error.code == "too_many_failures")' out | wc -l)" -gt 500 ]
	holds out '.error.code != "too_many_failures" or (.error.message | endswith("the last one with: no"))'
	[ "$(grep -c '^lbretry: stopped: ' err)" -eq 1 ]
	# The rest was not sent.
	[ "$(lines sent)" -lt 500 ]
	# Nine in a row are no reason, however often.
	for n in 1 2 3; do
		for i in $(seq 9); do planned "b$n.$i" '[400]'; done
		planned "g$n" '[]'
	done >in
	retry --stop-after 10
	status_is 1
	lacks err stopped
}

@test "insufficient_quota is not sent again: the run stops, and all of the rest is accounted for" {
	{
		planned waits '[{"status":503,"lb":{"ratelimit":{"retry_after":300}}}]'
		for i in $(seq 50); do planned "g$i" '[]'; done
		planned q '[{"status":429,"code":"insufficient_quota","message":"You exceeded your current quota."}]'
		for i in $(seq 2000); do planned "r$i" '[]'; done
	} >in
	retry
	status_is 3
	each_once
	[ "$(jq -r 'select(.custom_id == "q") | [.error.code, .response.status_code, .lb.attempts] | @tsv' out)" = $'quota_exhausted\t429\t1' ]
	# What waited keeps the answer it had.
	came_to waits '.error.code == "quota_exhausted" and .response.status_code == 503'
	[ "$(jq -r '.error.code // "none"' out | sort -u | xargs)" = "none quota_exhausted" ]
	holds out '.error == null or (.error.message | endswith("You exceeded your current quota."))'
	[ "$(grep -c '^lbretry: stopped: .*You exceeded your current quota\..*quota_exhausted$' err)" -eq 1 ]
	[ "$(grep -c '"custom_id":"q"' sent)" -eq 1 ]
	[ "$(lines sent)" -lt 1000 ]
}

@test "the provider's words in the records that are given up are cut where they are long" {
	words=$(printf 'no credit %.0s' $(seq 500))
	planned last "[{\"status\":429,\"code\":\"insufficient_quota\",\"message\":\"$words\"}]" >in
	for i in $(seq 1000); do planned "r$i" '[]'; done >>in
	retry
	status_is 3
	each_once
	jq -es 'map(select(.custom_id != "last" and .error)) | length > 100 and
		all(.[]; .error.code == "quota_exhausted" and (.error.message | length) <= 1000)' out
}

@test "waiting records do not hold up those that can go, and need not wait for the end of the input" {
	mkfifo stdin
	rm -f sent
	timeout 60 lbretry -b 1ms python3 fake.py <stdin >out 2>err 3>&- &
	pid=$!
	exec 8>stdin
	planned long '[{"status":429,"lb":{"ratelimit":{"retry_after":1}}}]' >&8
	planned short '[503]' >&8
	for i in $(seq 100); do planned "g$i" '[]'; done >&8
	until_true has_lines 102 out # with the input open
	exec 8>&-
	wait "$pid"
	[ "$(tail -n 1 out | jq -r .custom_id)" = long ]
}

@test "retries start before the first pass is over, and 20,000 requests do not hang" {
	awk 'BEGIN { for (i = 0; i < 20000; i++)
		printf "{\"custom_id\":\"r%d\",\"body\":{\"fail\":%d}}\n", i, i % 10 == 0 }' >in
	cat >tenth.py <<-'EOT'
		import sys
		failed = set()
		log = open("sent", "a", buffering=1)
		for line in sys.stdin:
		    log.write(line)
		    if '"fail":1' in line and line not in failed:
		        failed.add(line)
		        end = '"response":null,"error":{"code":"timeout","message":""}}'
		    else:
		        end = '"response":{"status_code":200,"body":{}},"error":null}'
		    print(line.rstrip()[:-1] + "," + end, flush=True)
	EOT
	call lbretry -b 1ms python3 tenth.py <in
	status_is 0
	each_once
	holds out '.error == null and .lb.attempts == 1 + .body.fail'
	[ "$(lines sent)" -eq 22000 ]
	# The first retry comes before the last tenth of the first attempts.
	[ "$(sort sent | uniq -d | wc -l)" -eq 2000 ]
	[ "$(awk 'seen[$0]++ { print NR; exit }' sent)" -lt 18000 ]
}

@test "-k writes in input order, retries and all" {
	for i in $(seq 200); do planned "r$i" "$([ $((i % 3)) -eq 0 ] && echo '[503,429]' || echo '[]')"; done >in
	retry -k
	status_is 0
	jq -r .custom_id in >want
	jq -r .custom_id out >got
	same want got
}

@test "--rounds: a command that answers at end of input is run again for what failed" {
	for i in $(seq 30); do planned "r$i" '[]'; done >in
	cat >batch <<-'EOT'
		#!/bin/sh
		echo run >>runs
		n=$(wc -l <runs)
		tee -a sent | jq -sc --argjson n "$n" '.[] | . + {response: {status_code: 200, body: {run: $n}}, error: null} |
			if $n < 3 and (.custom_id | endswith("5")) then .response.status_code = 500 | .error = {code: "http_500"} else . end'
	EOT
	chmod +x batch
	call lbretry --rounds -b 1ms ./batch <in
	status_is 0
	each_once
	[ "$(lines runs)" -eq 3 ]
	[ "$(lines sent)" -eq 36 ]
	holds out 'if .custom_id | endswith("5") then .lb.attempts == 3 and .response.body.run == 3 else .lb.attempts == 1 end'
}

@test "results in the input pass untouched; bad lines, items and a lone value come out once" {
	cat >in <<-'EOT'
		{"custom_id":"done","body":{},"response":{"status_code":503,"body":null},"error":{"code":"http_503"}}
		{"custom_id":"a","body":{"plan":[503]}}
		broken
		{"custom_id":"item"}
		7
	EOT
	retry -k
	status_is 1
	[ "$(head -n 1 out)" = "$(head -n 1 in)" ]
	[ "$(jq -r '.error.code // "none"' out | xargs)" = "http_503 none bad_record none not_a_request" ]
	lacks sent '"done"'
}

@test "a signal: what waits comes out with the failure it had, each record once" {
	mkfifo stdin
	rm -f sent
	timeout 60 lbretry python3 fake.py <stdin >out 2>err 3>&- &
	pid=$!
	exec 8>stdin
	{
		for i in $(seq 5); do planned "w$i" '[{"status":503,"lb":{"ratelimit":{"retry_after":300}}}]'; done
		planned good '[]'
	} | tee in >&8
	until_true has_lines 1 out
	kill -INT "$(pgrep -P "$pid" -x lbretry)"
	status=0
	wait "$pid" || status=$?
	exec 8>&-
	status_is 3
	each_once
	[ "$(codes)" = "5 http_503 1 none" ]
	holds out '.lb.attempts == 1'
}

@test "without a command it is lbcall, and -v tells of the retries" {
	start_mock --fail 503:50% --seed 3
	for i in $(seq 20); do
		echo "{\"custom_id\":\"r$i\",\"body\":{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"$i\"}]}}"
	done >in
	OPENAI_BASE_URL=$MOCK call lbretry -v -b 1ms -n 20 <in
	status_is 0
	each_once
	holds out '.response.status_code == 200'
	retries=$(jq -s 'map(.lb.attempts - 1) | add' out)
	[ "$retries" -gt 0 ]
	grep -qx "lbretry: 20 ok, 0 failed, $retries retries" err
}

@test "options: what is no number, time or model is a usage error" {
	local bad
	: >in
	for bad in '-n 0' '-n x' '-b x' '-m -1' '--max-wait x' '--deadline x' '-f ,' '-f a,,b' '--stop-after 0' '--retry-budget -1' '--retry-budget %'; do
		echo "$bad"
		# shellcheck disable=SC2086
		retry $bad
		status_is 2
	done
}
