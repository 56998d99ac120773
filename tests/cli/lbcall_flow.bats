#!/usr/bin/env bats
# lbcall: order, signals, readers and writers that are slow or go away, and how it ends.

load helper
load recorder

# start_held_recorder: answers wait until a/go exists.
start_held_recorder() {
	start_recorder a
	printf '@@WAIT@@HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}' >a/default
}

# begin [option]...: lbcall in the background, reading the descriptor 7 that is opened here. Sets pid.
begin() {
	[ -p in ] || mkfifo in
	# The shell has SIGINT ignored in the background, and what is ignored stays so.
	env --default-signal=INT lbcall -u "$RECORDER" "$@" <in >out 2>err 3>&- &
	pid=$!
	MOCK_PIDS+=("$pid")
	exec 7>in
}

# end: wait for it. Sets status.
end() {
	status=0
	timeout 30 tail --pid="$pid" -f /dev/null
	wait "$pid" || status=$?
}

# codes FILE: "CODE COUNT" for each error code, null for successes.
codes() {
	jq -r '.error.code' "$1" | sort | uniq -c | awk '{ print $2, $1 }'
}

@test "-k keeps the order of 2,000 requests with random latency" {
	start_mock --latency 10ms±20ms --seed 3 --fail 500:5%
	requests 2000 >in
	call lbcall -u "$MOCK" -c 100 -k <in
	status_is 1
	jq -r .custom_id out >got
	seq 2000 >want
	same got want
	# Without -k they come as they are done, so the test above can fail.
	call lbcall -u "$MOCK" -c 100 <in
	[ "$(jq -r .custom_id out | sort -n | uniq | wc -l)" -eq 2000 ]
	jq -r .custom_id out >got
	if cmp -s got want; then false; fi
}

@test "results pass between requests, with -k in their place" {
	start_mock
	requests 3 >some
	printf '%s\n' '{ "custom_id":"done" , "response":{"status_code":200,"body":{"n":12345678901234567890,"x":1.0,"y":1e400}},"error":null,"a":1,"a":2}' \
		'{"custom_id":"failed","response":null,"error":{"code":"\u0078"}}' >results
	{ sed -n 1p some; sed -n 1p results; sed -n 2p some; sed -n 2p results; sed -n 3p some; } >in
	call lbcall -u "$MOCK" -k <in
	status_is 1
	[ "$(jq -r .custom_id out | tr '\n' ' ')" = '1 done 2 failed 3 ' ]
	sed -n '2p;4p' out >got
	same got results
}

@test "a result comes out at once, while the input stays open" {
	start_recorder a
	answer_json a/default '{"ok":1}'
	begin
	for i in 1 2 3; do
		requests "$i" | tail -n 1 >&7
		until_true has_lines "$i" out
	done
	exec 7>&-
	end
	[ "$status" -eq 0 ]
}

@test "SIGINT: what is in flight finishes, what was read is cancelled, nothing more is read" {
	for signal in INT TERM; do
		for order in '' -k; do
			echo "SIG$signal $order"
			rm -rf a out in
			start_held_recorder
			# shellcheck disable=SC2086 # none, or an option
			begin -c 4 $order
			requests 10 >&7
			until_true has_lines 4 a/bodies
			kill -$signal "$pid"
			# With -k the cancelled ones wait for their turn.
			[ -n "$order" ] || until_true has_lines 6 out
			[ -n "$order" ] || requests 3 >&7
			touch a/go
			end
			exec 7>&-
			status_is 3
			[ "$(lines out)" -eq 10 ]
			[ "$(lines a/bodies)" -eq 4 ]
			[ "$(codes out | tr '\n' ' ')" = 'cancelled 6 null 4 ' ]
			jq -r .custom_id out | sort -n >got
			seq 10 >want
			same got want
			[ -z "$order" ] || [ "$(jq -r .custom_id out | tr '\n' ' ')" = '1 2 3 4 5 6 7 8 9 10 ' ]
			holds out '.error == null or .response == null'
		done
	done
}

@test "SIGINT twice: what is in flight is cancelled at once" {
	start_held_recorder
	begin -c 4
	requests 10 >&7
	until_true has_lines 4 a/bodies
	kill -INT "$pid"
	until_true has_lines 6 out
	kill -INT "$pid"
	end
	exec 7>&-
	status_is 3
	[ "$(codes out)" = 'cancelled 10' ]
	jq -r .custom_id out | sort -n >got
	seq 10 >want
	same got want
}

@test "SIGINT with nothing to do: status 3" {
	start_recorder a
	answer_json a/default '{}'
	begin
	requests 1 >&7
	until_true has_lines 1 out
	kill -INT "$pid"
	end
	exec 7>&-
	status_is 3
	[ "$(lines out)" -eq 1 ]
}

@test "the reader goes away: status 4, quietly, though requests hang and the input stays open" {
	start_held_recorder
	mkfifo in back
	lbcall -u "$RECORDER" <in >back 2>err 3>&- &
	pid=$!
	MOCK_PIDS+=("$pid")
	exec 7>in 8<back
	requests 5 >&7
	until_true has_lines 5 a/bodies
	exec 8<&-
	end
	exec 7>&-
	: >out
	status_is 4
	[ ! -s err ]
}

@test "no room for output: status 4 and a message" {
	start_mock
	requests 50 >in
	status=0
	timeout 20 lbcall -u "$MOCK" <in >/dev/full 2>err 3>&- || status=$?
	: >out
	status_is 4
	[ "$(cat err)" = 'lbcall: stdout: No space left on device' ]
}

@test "a reader that stops reading for longer than --timeout makes no request fail" {
	start_mock --latency 500ms
	# Answers of some 4 KB each, so that the results fill any pipe.
	awk 'BEGIN {
		for (i = 1; i <= 200; i++)
			printf "{\"custom_id\":\"%d\",\"x\":\"%04000d\",\"body\":{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}}\n", i, i
	}' >in
	mkfifo back
	lbcall -u "$MOCK" -c 200 --timeout 2s <in >back 2>err 3>&- &
	pid=$!
	exec 8<back
	# Not to wait for anything: it is the reader's pause that is tried.
	sleep 3.5
	cat <&8 >out
	end
	status_is 0
	[ "$(lines out)" -eq 200 ]
	holds out '.error == null'
}

@test "no more is read than there is room for" {
	start_held_recorder
	requests 2000 >records
	mkfifo in
	lbcall -u "$RECORDER" -c 1 <in >out 2>err 3>&- &
	pid=$!
	MOCK_PIDS+=("$pid")
	# A pipe of one page: that much, and what one read takes of it, may have left us.
	"$AIDS/fill" records in >taken
	[ "$(cat taken)" -ge 4096 ]
	[ "$(cat taken)" -le 12288 ]
	[ "$(lines a/bodies)" -eq 1 ]
	kill "$pid"
	kill "$pid" || true
	touch a/go
	end
}

@test "-c is the number of requests in flight" {
	for c in 1 7 40; do
		rm -rf a
		start_held_recorder
		requests 100 >in
		lbcall -u "$RECORDER" -c $c <in >out 2>err 3>&- &
		pid=$!
		until_true has_lines $c a/bodies
		[ ! -s out ]
		[ "$(lines a/bodies)" -eq $c ]
		touch a/go
		end
		status_is 0
		[ "$(lines out)" -eq 100 ]
	done
	for c in 0 10001 -1 1.5 x ''; do
		call lbcall -c "$c" <<<''
		status_is 2
		[[ $(head -n 1 err) == 'lbcall: -c wants a number from 1 to 10000'* ]]
	done
}

@test "a timeout is not nothing, and a size not more than memory: status 2" {
	while read -r option value; do
		echo "$option $value"
		# An option that was right before does not stand in for it.
		call lbcall --auth none "$option" "$value" <<<'{"body":{}}'
		status_is 2
		[ ! -s out ]
		[[ $(head -n 1 err) == "lbcall: $option wants "* ]]
	done <<-'EOT'
		--timeout 0
		--timeout 0.1ms
		--timeout -1s
		--timeout soon
		--connect-timeout 0
		--max-response 0
		--max-response 2G
		--auth basic
	EOT
}

@test "more connections than files may be open: status 2 and a message, before anything is sent" {
	start_mock --log log
	requests 1 >in
	(
		ulimit -n 200
		call lbcall -u "$MOCK" -c 1000 <in
		status_is 2
		grep -q 'needs 1064 open files, and the limit is 200 (ulimit -n)' err
		call lbcall -u "$MOCK" -c 50 <in
		status_is 0
	)
	[ "$(lines log)" -eq 1 ]
}

@test "without a key: every record is accounted for, status 2, one message" {
	{
		requests 3
		echo '{"custom_id":"m","url":"/v1/messages","body":{}}'
	} >in
	call lbcall -k <in
	status_is 2
	[ "$(lines out)" -eq 4 ]
	holds out '.error.code == "no_api_key" and .response == null'
	[ "$(lines err)" -eq 1 ]
	grep -qF OPENAI_API_KEY err
	call lbcall -K NO_SUCH_KEY <in
	status_is 2
	grep -qF NO_SUCH_KEY err
	# A base URL of the user's may need none.
	start_mock
	requests 1 >in
	call lbcall -u "$MOCK" <in
	status_is 0
}

@test "-v and --progress write to stderr only" {
	start_mock --fail 500:50% --seed 1
	requests 40 >in
	call lbcall -u "$MOCK" -v --progress --total 40 -k <in
	status_is 1
	[ "$(lines out)" -eq 40 ]
	failed=$(jq -c 'select(.error != null)' out | wc -l)
	[ "$failed" -gt 0 ]
	[ "$(tail -n 1 err)" = "lbcall: $((40 - failed)) ok, $failed failed" ]
	[[ $(head -n 1 err) == 'lbcall: [####################] 100%  40/40 done  '* ]]
	lacks err $'\033'
	lacks err $'\r'
	jq -r .custom_id out >got
	seq 40 >want
	same got want
}
