#!/usr/bin/env bats
# The stage runner: tools that let records go at their own pace, and that halt.

load helper
load wrapper

# bats test_tags=valgrind
@test "a tool that lets a record go now and then: each waits for its time, lines and held ones alike" {
	records 6 >in
	local began ended
	began=$(date +%s%N)
	wrapper --gap 50 cat
	ended=$(date +%s%N)
	status_is 0
	same in out
	[ $((ended - began)) -ge 250000000 ]

	# Held ones come due at the same time, and still go one by one.
	began=$(date +%s%N)
	wrapper --gap 50 --hold 1 cat
	ended=$(date +%s%N)
	status_is 0
	each_once
	[ $((ended - began)) -ge 550000000 ]

	wrapper --gap 50
	status_is 0
	same in out
}

@test "no more is read while as many records are held as may be" {
	records 2000 100 >in
	mkfifo feed
	{
		cat in
		touch all-read
	} >feed &
	timeout -k 5 60 "$WRAPPER" --hold 100000 --hold-most 3 cat <feed >out 2>err 3>&- &
	pid=$!
	# What it has read, 128 KiB at most, and what is in the pipe are less than the 300 KB that there are.
	until_true wrapper_pid
	kill -TERM "$(wrapper_pid)"
	status=0
	wait "$pid" || status=$?
	status_is 3
	[ ! -e all-read ]
	[ "$(wc -l <out)" -lt 1900 ]
	[ "$(codes)" = "$(wc -l <out) cancelled" ]
}

# bats test_tags=valgrind
@test "halting: all of the input is accounted for, what the command had not begun is not begun" {
	records 5000 100 >in
	halts() {
		echo "command: $*"
		wrapper --halt-after 10 "$@"
		status_is 3
		each_once
		[ ! -s err ]
		[ "$(jq -c 'select(.error.code == "halted")' out | wc -l)" -ge 2000 ]
		[ "$(jq -c 'select(.error == null)' out | wc -l)" -ge 10 ]
		jq -r '.error.code // empty' out | sort -u >codes
		! grep -v -x -e halted -e command_died -e cancelled codes
	}
	# Whatever kind of command it is: another wrapper, or one that goes on till its input ends.
	halts "$WRAPPER" cat
	halts cat
	[ "$(jq -r 'select(.error.code == "cancelled")' out)" = "" ]
	halts sh -c 'cat | cat'
}

@test "halting brings held records back at once" {
	{
		echo '{"custom_id":"now","hold":0,"body":{}}'
		records 20
	} >in
	wrapper --hold 1000000 --halt-after 1 cat
	status_is 3
	each_once
	[ "$(codes)" = '20 halted 1 none' ]
}

@test "a command that is asked to stop finishes what it has in flight, though a signal comes for it as well" {
	# Answers the first of three, and the others when told to, after its input has ended.
	cat >slow <<-'END'
		read -r first; read -r second; read -r third
		echo "$first"
		cat >rest
		echo $PPID >ended
		read -r go <gate
		echo "$second"; echo "$third"
	END
	mkfifo gate
	start --halt-after 1 "$WRAPPER" sh slow
	records 3 >in
	cat in >&8
	until_true test -s ended
	kill -TERM "$(cat ended)"
	echo go >gate
	finish
	status_is 3
	same in out
	[ ! -s rest ]
}

# bats test_tags=valgrind
@test "what a tool keeps back until nothing else is going on comes out while its input is open, and at the end" {
	records 3 >in
	wrapper --keep-back cat
	status_is 0
	same in out
	# One that answers when its input has ended.
	wrapper --keep-back sh -c 'cat >inside; cat inside'
	status_is 0
	same in out
	records 20000 100 >in
	wrapper --keep-back cat
	status_is 0
	each_once

	start --keep-back cat
	records 1 >in
	cat in >&8
	until_true has_lines 1 out
	cat in >&8
	until_true has_lines 2 out
	finish
	status_is 0
}

# Hundredths of a second of processor time that the wrapper has used.
ticks() {
	sed 's/.*) //' "/proc/$(wrapper_pid)/stat" | awk '{ print $12 + $13 }'
}

@test "a tool that may go on at once, and has nothing to do, uses no processor time" {
	[ -r /proc/self/stat ] || skip "there is no /proc"
	records 1 >in
	start --gap 1 cat
	cat in >&8
	until_true has_lines 1 out
	local before
	before=$(ticks)
	sleep 0.5 # the time that it is looked at
	[ $(($(ticks) - before)) -le 5 ]
	finish
	status_is 0
}
