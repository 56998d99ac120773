#!/usr/bin/env bats
# The stage runner: how runs end, by the death of the command, by signals, and by the reader's going away.

load helper
load wrapper

# dies STATUS CODES COMMAND...: on ten records; checks that each comes out once.
dies() {
	local want=$1 ends=$2
	shift 2
	echo "command: $*"
	wrapper "$@"
	status_is "$want"
	[ "$(codes)" = "$ends" ] || { codes; return 1; }
	each_once
	[ -s err ]
}

# bats test_tags=valgrind
@test "a command that dies: each record that was in it comes out as command_died, once; status 4" {
	records 10 >in
	dies 4 '7 command_died 3 none' sh -c 'head -n 3; kill -9 $$'
	dies 4 '7 command_died 3 none' sh -c 'head -n 3; exit 1'
	dies 4 '7 command_died 3 none' head -n 3
	dies 4 '10 command_died' true
	dies 4 '10 command_died' false
	dies 4 '10 command_died' sh -c 'exec <&-; exec true'
	dies 4 '9 command_died 1 none' sh -c 'read -r line; exec <&-; echo "$line"'
	dies 4 '10 command_died' sh -c 'cat >/dev/null'
	# With a status that means something, that is ours.
	dies 2 '10 command_died' sh -c 'cat >/dev/null; exit 2'
	dies 3 '10 command_died' sh -c 'cat >/dev/null; exit 3'
}

@test "a command that dies early under much input: every record is accounted for" {
	records 100000 100 >in
	dies 4 '99990 command_died 10 none' head -n 10
	dies 4 '100000 command_died' true
	dies 4 '100000 command_died' -k sh -c 'kill -9 $$'
}

@test "a command that dies with 60 MB in it: each record comes out, in under 60 MB of memory" {
	records 600 100000 >in
	local order
	for order in "" -k; do
		call "${measured[@]}" "$WRAPPER" $order sh -c 'cat >/dev/null; exit 1' <in
		status_is 4
		[ "$(codes)" = "600 command_died" ]
		each_once
		peak_below 60000
	done
	same <(jq -r .custom_id in) <(jq -r .custom_id out)
}

@test "the command's status 2, 3 or 4 shows in ours; another is no failure if it has answered all" {
	records 10 >in
	local code
	for code in 0:0 1:0 2:2 3:3 4:4 5:0 127:0; do
		echo "code: $code"
		wrapper sh -c "cat; exit ${code%:*}"
		status_is "${code#*:}"
		same in out
	done
}

@test "no such command: status 2, and nothing is read" {
	records 10 >in
	{
		timeout 10 "$WRAPPER" no-such-command >out 2>err 3>&- || echo $? >status
		cat >left
	} <in
	[ "$(cat status)" = 2 ]
	same in left
	grep -q '^wrapper: cannot run no-such-command: No such file' err
}

@test "--restart runs a command again that dies, and no record is lost" {
	records 63 >in
	wrapper -k --restart --again 100 head -n 7
	status_is 0
	same in out
	# Killed, with an answer torn in the middle.
	wrapper --restart --again 100 sh -c 'head -n 9; printf "{\"custom_id\""; kill -9 $$'
	status_is 0
	each_once
	holds out '.error == null'
}

@test "--restart: a command that dies while its input goes on is there for what comes later" {
	start --restart --again 1 sh -c 'echo $$ >>pids; exec cat'
	echo '{"custom_id":"a"}' >&8
	until_true has_lines 1 out
	kill -9 "$(head -n 1 pids)"
	echo '{"custom_id":"b"}' >&8
	until_true has_lines 2 out
	finish
	status_is 0
	[ "$(jq -r .custom_id out | xargs)" = "a b" ]
	[ "$(lines pids)" -eq 2 ]
}

@test "--restart gives up a command that dies three times in a row without an answer" {
	records 10 >in
	dies 4 '10 command_died' --restart --again 50 sh -c 'echo start >>starts; exit 1'
	[ "$(lines starts)" -eq 3 ]
}

# Each record goes three times through a command that answers only at the end of its input.
rounds() {
	rm -f starts seen
	echo "command: $*"
	wrapper -k --rounds --again 2 --all sh -c 'echo start >>starts; tee -a seen | "$@"' sh "$@"
	status_is 0
	same in out
	[ "$(lines starts)" -eq 3 ]
	[ "$(lines seen)" -eq 3000 ]
}

@test "--rounds: a command that answers at the end of input sees it, and is started for what comes again" {
	records 1000 >in
	rounds tac
	rounds sort
	rounds parallel --pipe -N 100 cat
	# What waits for its time is sent when it has come.
	wrapper -k --hold 10 --rounds --again 2 --all tac
	status_is 0
	same in out
}

@test "without --rounds, what is fed again goes to the same run of the command" {
	records 1000 >in
	wrapper -k --again 2 --all sh -c 'echo start >>starts; exec tee seen'
	status_is 0
	same in out
	[ "$(lines starts)" -eq 1 ]
	[ "$(lines seen)" -eq 3000 ]
}

@test "the command's stdin is closed as soon as the input has ended, before its answers have come" {
	records 10 >in
	wrapper sh -c 'cat >all; echo end >ended; cat all'
	status_is 0
	same in out
}

# bats test_tags=valgrind
@test "held records are sent in the order of their times" {
	jq -nc '(300, 100, 200, 1, 100) as $hold | {custom_id: "\($hold)", hold: $hold}' >in
	wrapper --hold 1 cat
	status_is 0
	[ "$(jq -r .custom_id out | xargs)" = "1 100 100 200 300" ]
	# In pipe form as well.
	wrapper --hold 1
	status_is 0
	[ "$(jq -c .hold out | xargs)" = "300 100 200 1 100" ]
	jq -c '. + {body: {}}' in >requests
	mv requests in
	wrapper --hold 1
	[ "$(jq -c .hold out | xargs)" = "1 100 100 200 300" ]
}

# A command that answers what it has read when the fifo gate is opened.
gated='echo $$ >child; cat >inside; echo end >ended; read -r go <gate; cat inside'

@test "the first signal: what is in the command finishes, and the exit status is 3" {
	local signal
	for signal in INT TERM; do
		echo "signal: $signal"
		rm -f gate stdin child inside ended
		mkfifo gate
		start -k sh -c "$gated"
		records 3 >in
		cat in >&8
		until_true has_lines 3 inside
		kill -"$signal" "$(wrapper_pid)"
		until_true test -e ended
		[ ! -s out ]
		echo go >gate
		finish
		status_is 3
		same in out
	done
}

@test "the first signal: a command that is kept open for what comes again sees the end of its input" {
	mkfifo gate
	start --again 3 --all sh -c "$gated"
	records 3 >in
	cat in >&8
	until_true has_lines 3 inside
	kill -INT "$(wrapper_pid)"
	until_true test -e ended
	echo go >gate
	finish
	status_is 3
	same in out
}

@test "the first signal cancels what waits, and what was read but not begun" {
	start --hold 1000000 cat
	echo '{"custom_id":"b"}' >&8
	echo '{"custom_id":"c"}' >&8
	echo '{"custom_id":"a","hold":1}' >&8
	until_true has_lines 1 out
	kill -INT "$(wrapper_pid)"
	finish
	status_is 3
	[ "$(jq -r '"\(.custom_id) \(.error.code)"' out | xargs)" = "a null b cancelled c cancelled" ]
}

@test "a command that dies of the same signal: its records are cancelled, the exit status is 3" {
	mkfifo gate
	start sh -c 'echo $$ >child; cat >inside; read -r never <gate'
	records 3 >in
	cat in >&8
	until_true has_lines 3 inside
	kill -INT "$(wrapper_pid)"
	kill -INT "$(cat child)"
	finish
	status_is 3
	[ "$(codes)" = "3 cancelled" ]
	each_once
}

@test "the second signal gives up what is in the command, and the command; all is accounted for" {
	mkfifo gate
	start --hold 1 sh -c "$gated"
	records 3 >in
	echo '{"custom_id":"later","hold":1000000}' >>in
	cat in >&8
	until_true has_lines 3 inside
	kill -TERM "$(wrapper_pid)"
	until_true test -e ended
	kill -TERM "$(wrapper_pid)"
	finish
	status_is 3
	[ "$(codes)" = "4 cancelled" ]
	each_once
	gone child
	# Those that the command had may have been sent, which shows as it does with lbcall.
	holds out '(.lb.ms != null) == (.custom_id != "later")'
	holds out '.lb.ms == null or (.lb.ms >= 0 and .lb.ms < 60000)'
}

# given_up_with_much FILE: two signals while 60 MB are in the command and as much is held.
given_up_with_much() {
	mkfifo gate
	records 1200 100000 | awk 'NR <= 600 { sub(/,/, ",\"hold\":1000000,") } 1' >in
	timeout -k 5 60 "${measured[@]}" "$WRAPPER" --hold 1 \
		sh -c 'head -n 600 >/dev/null; touch inside; read -r never <gate' <in >"$1" 2>err 3>&- &
	pid=$!
	until_true test -e inside
	inner=$(pgrep -P "$(pgrep -P "$pid")" -x wrapper)
	kill -TERM "$inner"
	kill -INT "$inner"
	finish
	peak_below 60000
}

@test "two signals with much in the command, and as much held: each record comes out, in under 60 MB of memory" {
	given_up_with_much out
	status_is 3
	[ "$(codes)" = "1200 cancelled" ]
	each_once
}

@test "the line that a command was cut off in by the second signal is not reported" {
	mkfifo gate
	start sh -c 'read -r line; printf "{\"custom_id"; echo >inside; read -r never <gate'
	records 1 >in
	cat in >&8
	until_true test -e inside
	kill -TERM "$(wrapper_pid)"
	kill -INT "$(wrapper_pid)"
	finish
	status_is 3
	[ "$(codes)" = "1 cancelled" ]
	[ ! -s err ]
}

@test "two signals with much in the command, and a reader that does not read: it ends, and says what is missing" {
	mkfifo stuck
	exec 9<>stuck
	given_up_with_much stuck
	status_is 4
	[ "$(sed -n 's/^wrapper: stdout: nobody reads; \([0-9]*\) bytes were not written/\1/p' err)" -gt 119000000 ]
	[ "$(lines err)" -eq 1 ]
}

@test "what a wrapper gives up further in counts as what may have been billed" {
	mkfifo gate
	records 3 | sed 's|"n":|"model":"m","max_tokens":5,"messages":[],"n":|' >in
	timeout -k 5 60 lbcost -b 5 -l ledger --price 1,1 lbthrottle -r 1M --burst 100 \
		sh -c 'cat >inside; read -r never <gate' <in >out 2>err 3>&- &
	pid=$!
	until_true has_lines 3 inside
	inner=$(pgrep -P "$(pgrep -P "$pid" -x lbcost)" -x lbthrottle)
	kill -TERM "$inner"
	kill -INT "$inner"
	finish
	status_is 3
	[ "$(codes)" = "3 cancelled" ]
	each_once
	grep -q '3 requests may have been billed' err
}

@test "what a command has left unread of its input was not sent, and counts for nothing" {
	mkfifo gate
	# What a former answer has left in them is no matter.
	records 5 | sed 's|"n":|"model":"m","max_tokens":5,"messages":[],"n":|; s|}$|,"lb":{"ms":7}}|' >in
	# A shell takes its lines byte by byte: it has read two, and the start of the third.
	timeout -k 5 60 lbcost -b 5 -l ledger --price 1,1 \
		sh -c 'read -r a; read -r b; head -c 9; echo >inside; read -r never <gate' <in >out 2>err 3>&- &
	pid=$!
	until_true has_lines 1 inside
	kill -TERM "$(pgrep -P "$pid" -x lbcost)"
	kill -INT "$(pgrep -P "$pid" -x lbcost)"
	finish
	status_is 3
	[ "$(codes)" = "5 cancelled" ]
	each_once
	[ "$(jq -c '[.lb.ms != null, .error.message]' out | sort | uniq -c | tr -s ' ')" = \
		' 3 [false,"interrupted before it was sent"]
 2 [true,"interrupted before an answer came"]' ]
	grep -q ' 2 requests may have been billed' err
}

@test "the second signal ends a command that ignores SIGTERM" {
	start sh -c 'trap "" TERM INT; echo $$ >child; cat >inside; read -r never <gate'
	mkfifo gate
	records 3 >in
	cat in >&8
	until_true has_lines 3 inside
	kill -TERM "$(wrapper_pid)"
	kill -INT "$(wrapper_pid)"
	finish
	status_is 3
	[ "$(codes)" = "3 cancelled" ]
	gone child
}

@test "a command that has closed its stdout but does not end can still be given up" {
	mkfifo gate
	start sh -c 'echo $$ >child; exec >&-; read -r never <gate'
	echo '{"custom_id":"a"}' >&8
	until_true test -s child
	until_true closed_its_stdout
	# Two of a kind might become one.
	kill -TERM "$(wrapper_pid)"
	kill -INT "$(wrapper_pid)"
	finish
	status_is 3
	[ "$(lines out)" -eq 1 ]
	gone child
}

@test "a command that has closed its stdout but does not end: its records, and what comes, fail at once" {
	mkfifo gate
	start sh -c 'exec >&-; read -r go <gate'
	echo '{"custom_id":"a"}' >&8
	until_true has_lines 1 out
	echo '{"custom_id":"b"}' >&8
	until_true has_lines 2 out
	echo go >gate
	finish
	status_is 4
	[ "$(codes)" = "2 command_died" ]
	grep -q 'sh ended with status 0, with [01] records in it' err
	# One that may be started again is, when it has ended.
	records 3 >in
	wrapper --restart --again 5 sh -c '[ ! -e first ] || exec cat; touch first; exec >&-; cat >all'
	status_is 0
	each_once
}

closed_its_stdout() {
	! [ -e "/proc/$(cat child)/fd/1" ]
}

@test "a command that leaves something behind that keeps its stdout open: the end is its own" {
	mkfifo gate
	records 3 >in
	wrapper sh -c 'read -r go <gate & exec cat'
	echo go >gate
	status_is 0
	same in out
	[ ! -s err ]
}

left_behind() {
	grep -q 'wrapper: sh has ended, but what it has started keeps its stdout open: 3 records may still be answered' err
}

@test "a command ends, and what it has started may still answer: that is said, and it is waited for" {
	mkfifo gate
	records 3 >in
	start -k sh -c 'cat >all; { read -r go <gate; cat all; } & exit 1'
	cat in >&8
	exec 8>&-
	until_true left_behind
	kill -TERM "$(wrapper_pid)"
	echo go >gate
	finish
	status_is 3
	same in out
	rm stdin
	start sh -c '{ read -r go <gate; cat all; } & exit 1'
	cat in >&8
	until_true left_behind
	kill -TERM "$(wrapper_pid)"
	kill -INT "$(wrapper_pid)"
	finish
	echo go >gate
	status_is 3
	[ "$(codes)" = "3 cancelled" ]
	each_once
	[ "$(lines err)" -eq 1 ]
}

@test "two signals reach the innermost of three wrappers, and all records come back" {
	mkfifo gate
	start "$WRAPPER" "$WRAPPER" sh -c "$gated"
	records 3 >in
	cat in >&8
	until_true has_lines 3 inside
	kill -TERM "$(wrapper_pid)"
	until_true test -e ended
	kill -TERM "$(wrapper_pid)"
	finish
	status_is 3
	[ "$(codes)" = "3 cancelled" ]
	until_true gone child
}

@test "a reader that goes away: status 4, and the command is gone" {
	records 100000 >in
	set +e
	timeout 30 "$WRAPPER" sh -c 'echo $$ >child; exec cat' <in 2>err 3>&- | head -n 1 >out
	status=${PIPESTATUS[0]}
	set -e
	status_is 4
	[ ! -s err ]
	gone child
}

@test "a reader that goes away is noticed while nothing is being written" {
	mkfifo never
	set +e
	timeout 30 "$WRAPPER" sh -c 'echo $$ >child; exec cat' <> never 2>err 3>&- | until_true test -s child
	status=${PIPESTATUS[0]}
	set -e
	status_is 4
	gone child
}

@test "a full disk: status 4, and the command is gone" {
	records 1000 >in
	status=0
	timeout 30 "$WRAPPER" sh -c 'echo $$ >child; exec cat' <in >/dev/full 2>err 3>&- || status=$?
	status_is 4
	grep -q '^wrapper: stdout: No space left' err
	gone child
}

@test "stopping by itself: status 3, what is in the command finishes, the rest is cancelled" {
	records 1000 >in
	wrapper --stop-after 10 cat
	status_is 3
	each_once
	jq -e -s '[.[] | select(.error == null)] | length >= 10' out
	holds out '.error == null or .error.code == "cancelled"'
}
