#!/usr/bin/env bats
# lbretry around lbcall and a provider that fails, spends its credit, dies and comes back.

load helper
load wrapper

# served: how many calls the provider has had.
served() {
	wc -l <calls
}

# all_answered: each record is in out once, and is an answer.
all_answered() {
	each_once
	holds out '.error == null and .response.status_code == 200'
}

@test "10,000 requests with 10 % faults of every kind all succeed, with at most 15 % extra requests" {
	requests 10000 >in
	start_mock --latency 2ms --seed 7 --log calls --retry-after 20ms \
		--fail 429:2%,500:2%,503:1%,408:1%,529:1%,reset:1%,cut:1%,garbage:0.5%,error200:0.5%
	call lbretry -v -n 8 -b 20ms lbcall -c 100 -u "$MOCK" <in
	status_is 0
	all_answered
	[ "$(served)" -gt 10800 ]
	[ "$(served)" -le 11500 ]
	grep -qx "lbretry: 10000 ok, 0 failed, $(($(served) - 10000)) retries" err
	[ "$(jq -s 'map(.lb.attempts) | add' out)" -eq "$(served)" ]
	[ "$(jq -r 'select(.fault) | .fault' calls | sort -u | wc -l)" -eq 9 ]
}

@test "a quota that is spent after 100 calls: at most as many further ones as are in flight, all accounted for" {
	# Longer than a page, so that few are on their way to the command.
	requests 1000 "$(printf '"padding":"%06000d",' 0)" >in
	start_mock --latency 20ms --quota 100 --log calls
	call lbretry lbcall -c 20 -u "$MOCK" <in
	status_is 3
	each_once
	[ "$(codes)" = "100 none 900 quota_exhausted" ]
	[ "$(served)" -le 120 ]
	[ "$(lines err)" -eq 1 ]
	grep -q '^lbretry: stopped: .*quota.*send the records again that failed as quota_exhausted$' err
	# Anthropic's comes with status 400 and a sentence.
	sed 's|"body"|"url":"/v1/messages","body"|; s|"model"|"max_tokens":9,"model"|' in >messages
	mv messages in
	start_mock --quota 5
	call lbretry lbcall -c 2 -u "$MOCK" <in
	status_is 3
	each_once
	[ "$(codes)" = "5 none 995 quota_exhausted" ]
	# What the command has, but has not begun, when it is told to stop.
	requests 1000 >in
	start_mock --latency 20ms --quota 5
	call lbretry lbcall -c 20 -u "$MOCK" <in
	status_is 3
	each_once
	[ "$(codes)" = "5 none 995 quota_exhausted" ]
}

@test "a command that is killed is started again, with the records it held" {
	requests 3000 >in
	start_mock --latency 5ms --log calls
	timeout 60 lbretry -b 10ms sh -c 'echo $$ >>pids; exec lbcall -c 20 -u "$0"' "$MOCK" <in >out 2>err 3>&- &
	pid=$!
	for n in 500 1000 1500; do
		until_true has_lines "$n" out
		kill -9 "$(tail -n 1 pids)"
		until_true has_lines "$((n / 500 + 1))" pids
	done
	status=0
	wait "$pid" || status=$?
	status_is 0
	all_answered
	[ "$(grep -c 'was killed by signal 9' err)" -eq 3 ]
	# What was in flight is sent twice, and so is what was answered but had not been written out.
	[ "$(served)" -le 3300 ]
}

# probing FILE: its last six calls came at least 50 ms apart.
probing() {
	tail -n 6 "$1" | jq -es 'length == 6 and ([range(5) as $i | .[$i + 1].t - .[$i].t] | min >= 0.05)'
}

@test "an outage: few requests while it lasts, no herd behind it, and all succeed" {
	requests 5000 >in
	start_mock --latency 5ms --log before
	timeout 100 lbretry -b 50ms -m 200ms -n 1000 lbcall -c 50 -u "$MOCK" <in >out 2>err 3>&- &
	pid=$!
	until_true has_lines 1000 out
	stop_mock
	start_mock --port "$MOCK_PORT" --fail 503:100% --log outage
	until_true probing outage
	stop_mock
	start_mock --port "$MOCK_PORT" --latency 50ms --log calls
	status=0
	wait "$pid" || status=$?
	status_is 0
	all_answered
	grep -q '^lbretry: 20 failures in a row, the last one ' err
	# Twenty failures in a row open the breaker. In flight are then 50, and what lies in two pages; and from the
	# second on a probe waits for 100 ms at least.
	jq -es 'length <= 200 + 10 * (.[-1].t - .[0].t)' outage
	# Behind it: one, one more, two.
	jq -es '[.[1].t - .[0].t, .[2].t - .[1].t, .[4].t - .[2].t] | min >= 0.045' calls
}

@test "a short outage behind a nest of tools fails no record, whatever was on its way" {
	requests 600 '"max_tokens":5,' | sed 's/"model":"m"/"model":"gpt-4o-mini"/' >in
	start_mock --latency 40ms
	timeout 100 lbcheckpoint log lbcache cache lbretry -b 200ms -m 1s \
		lbcost -b 5 -l spent lbthrottle -r 60k lbcall -c 20 -u "$MOCK" <in >out 2>err 3>&- &
	pid=$!
	until_true has_lines 50 out
	kill -9 "$MOCK_PID"
	until_true grep -q '^lbretry: 20 failures in a row' err
	sleep 0.5
	start_mock --port "$MOCK_PORT" --latency 40ms
	status=0
	wait "$pid" || status=$?
	status_is 0
	all_answered
}

@test "a server that is not there: every record comes out, with few requests" {
	requests 2000 >in
	start_mock
	stop_mock
	call lbretry -b 1ms -m 5ms -n 3 sh -c 'tee -a sent | exec lbcall -c 20 -u "$0"' "$MOCK" <in
	status_is 1
	each_once
	[ "$(codes)" = "2000 connect_failed" ]
	# The budget: a fifth of the requests, and 100. Besides, once, what was on its way when the outage showed: two
	# pipes, what tee holds, and what lbcall reads at once.
	local on_its_way
	on_its_way=$(((4 + 64 + 16 + 64) * 1024 * 2000 / $(wc -c <in)))
	[ "$(wc -l <sent)" -le $((2500 + on_its_way)) ]
}

@test "under a limit that the provider enforces, Retry-After leads every record through" {
	requests 300 >in
	# 3000 a minute are 50 a second, with 50 at once; 300 take five seconds.
	start_mock --rpm 3000 --burst 50 --log calls
	call lbretry -b 50ms -n 100 --retry-budget 1000 lbcall -c 20 -u "$MOCK" <in
	status_is 0
	all_answered
}

@test "a wrapper between that has lost its command is started again, too" {
	start_mock --latency 50ms --log calls
	requests 60 >in
	lbretry -b 50ms lbthrottle -r 60000 lbcall -u "$MOCK" -c 4 <in >out 2>err 3>&- &
	local retry=$! throttle
	until_true has_lines 10 calls
	throttle=$(pgrep -P "$retry" -x lbthrottle)
	pkill -9 -P "$throttle" -x lbcall
	status=0
	wait "$retry" || status=$?
	status_is 0
	[ "$(lines out)" -eq 60 ]
	[ "$(jq -r .custom_id out | sort -u | wc -l)" -eq 60 ]
	holds out '.error == null'
}

@test "what wrappers give back when the command inside has died is sent again, outside of the budget" {
	start_mock --latency 20ms --log calls
	requests 1000 '"max_tokens":5,' | sed 's/"model":"m"/"model":"gpt-4o-mini"/' >in
	lbretry -b 20ms --retry-budget 0 lbcost -b 5 -l spent lbthrottle -r 30000 lbcall -u "$MOCK" -c 20 <in >out 2>err 3>&- &
	local retry=$! cost throttle
	until_true has_lines 300 calls
	cost=$(pgrep -P "$retry" -x lbcost)
	throttle=$(pgrep -P "$cost" -x lbthrottle)
	pkill -9 -P "$throttle" -x lbcall
	status=0
	wait "$retry" || status=$?
	status_is 0
	[ "$(jq -r .custom_id out | sort -u | wc -l)" -eq 1000 ]
	holds out '.error == null'
	[ "$(lines calls)" -le 1020 ]
}

@test "what a command has not read when it ends was no attempt" {
	requests 200 >in
	# Ten at a time, read byte by byte: the rest is left in the pipe.
	cat >ten.py <<-'EOT'
		import os
		for _ in range(10):
		    line = b""
		    while not line.endswith(b"\n"):
		        byte = os.read(0, 1)
		        if not byte:
		            raise SystemExit
		        line += byte
		    os.write(1, line[:-2] + b',"response":{"status_code":200,"body":{}},"error":null}\n')
	EOT
	call lbretry -b 10s python3 ten.py <in
	status_is 0
	[ "$(lines out)" -eq 200 ]
	holds out '.error == null and .lb.attempts == 1'
	# One that was read each time has been tried each time.
	head -n 1 in >one
	call lbretry -n 2 -b 1ms -m 10ms sh -c 'head -n 1 >/dev/null' <one
	holds out '.error.code == "command_died" and .lb.attempts == 2'
}

@test "a mistake on the command line of what is wrapped twice is no reason to try for ever" {
	requests 1000 '"max_tokens":5,' | sed 's/"model":"m"/"model":"gpt-4o-mini"/' >in
	call lbretry -b 1ms lbcost -b 5 -l spent lbthrottle -r nonsense lbcall <in
	status_is 2
	[ "$(lines out)" -eq 1000 ]
	holds out '.error.code == "command_died"'
	[ "$(grep -c "not 'nonsense'" err)" -eq 1 ]
}

@test "a request that comes back as it was has not been answered" {
	requests 3 >in
	call lbretry lbthrottle -r 60000 <in
	status_is 1
	holds out '.error.code == "unanswered"'
	[ "$(lines out)" -eq 3 ]
}
