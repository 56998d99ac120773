#!/usr/bin/env bats
# One call fails under lbcheckpoint, each in turn: memory, writing, synchronising, cutting, renaming. Whatever
# it is: status 4 and a message, or all of the output; nothing on stdout that is not in the log; and the
# next run has all results. tests/inject/fail.c makes the calls fail.

load helper
load inject

setup() {
	inject_setup
	seq 12 | sed 's/.*/{"custom_id":"r&","body":{"n":&}}/' >in
	cat >fake <<-'EOT'
		#!/bin/sh
		exec sed 's/}$/,"response":{"status_code":200},"error":null}/'
	EOT
	chmod +x fake
	# Five are done; the second one of them has failed first; the next is torn. No newline at the end.
	head -n 2 in | tail -n 1 | sed 's/}$/,"response":null,"error":{"code":"x"}}/' >start
	head -n 5 in | ./fake >>start
	sed -n 6p in | ./fake | head -c 30 >>start
	# The same as a command would leave it that has damage in the middle.
	{ cat start; echo; echo '12'; sed -n 7p in | ./fake; } >damaged
}

# The log is the one that the variable start names, start by default; none if it is empty.
fresh() {
	rm -f job.log job.log.*
	[ -z "${start-start}" ] || cp "${start-start}" job.log
}

# in_log: each result that was written out is in the log.
in_log() {
	local file
	for file in out job.log; do
		grep '"error":null' $file | grep -o '^{"custom_id":"r[0-9]*"' | sort -u >$file.ids || true
	done
	[ -z "$(comm -23 out.ids job.log.ids)" ] || { echo "not in the log: $(comm -23 out.ids job.log.ids)"; return 1; }
}

# resumes: the next run has all results, and the log is as it should be.
resumes() {
	lbcheckpoint job.log ./fake <in >again 2>err.again || { cat err.again; return 1; }
	[ "$(jq -r .custom_id again | sort -u | wc -l)" -eq 12 ] &&
		jq -es 'map(select(.error == null) | .custom_id) | unique | length == 12' job.log >/dev/null &&
		[ ! -e job.log.inflight ]
}

logged_and_resumes() {
	in_log && resumes
}

# everywhere OUTCOMES KIND: around a command and in a pipe.
everywhere() {
	local check=logged_and_resumes
	each_fails "$1" "$2" 10 lbcheckpoint -k --sync always job.log ./fake
	# The right half: results, of which some are logged.
	./fake <in >results
	input=results each_fails "$1" "$2" 10 lbcheckpoint job.log
}

@test "memory runs out: status 4, nothing lost" {
	everywhere 4 malloc
	check=resumes each_fails 4 malloc 10 lbcheckpoint job.log
}

@test "writing fails, to the log or elsewhere: status 4, nothing lost" {
	everywhere 4 write
}

@test "writes are interrupted or short: all is there" {
	everywhere "done" write-eintr
	everywhere "done" write-short
}

@test "the disk is full in the middle of a line: what was whole stays, the rest is cut off" {
	# The mount of a full disk gives a short write first, then the error; here by the limit of a file's size.
	start=/dev/null
	./fake <in >results
	local size
	for size in 1 2; do
		rm -f job.log
		status=0
		(
			trap '' XFSZ
			ulimit -f $size
			for i in 1 2 3 4 5 6 7 8 9 10 11 12; do cat results | sed "s/\"r/\"x$i-r/"; done |
				lbcheckpoint job.log >out 2>err
		) || status=$?
		status_is 4
		grep -q 'job.log: File too large' err
		[ "$(tail -c 1 job.log | wc -l)" -eq 1 ]
		jq -es 'length > 2 and all(.error == null)' job.log >/dev/null
	done
}

@test "synchronising fails: status 4, and it is not tried again" {
	check=logged_and_resumes each_fails 4 fdatasync 10 lbcheckpoint --sync always job.log ./fake
	failing fdatasync 1 lbcheckpoint --sync always job.log ./fake
	status_is 4
	grep -q 'job.log: it cannot be brought to disk: Input/output error' err
	# What is not on disk is not written out: only what the log held before.
	[ "$(jq -r .custom_id out | sort | uniq | xargs)" = "r1 r2 r3 r4 r5" ]
	failing fdatasync 1 lbcheckpoint job.log ./fake
	status_is 4
}

@test "killed behind each write: what the command was given is noted, and the next run has all" {
	cat >counted <<-'EOT'
		#!/bin/sh
		sh -c 'tee asked | ./fake'
		: >ended
	EOT
	chmod +x counted
	local n=1 given noted
	start=/dev/null
	: >asked
	while failing write-kill "$n" lbcheckpoint --sync always job.log ./counted; do
		status_is 137
		# The command reads on after that, to the end of its input.
		until_true [ -e ended ]
		given=$(($(wc -l <asked) - $(wc -l <job.log)))
		noted=$(lbcheckpoint --status job.log | awk '/^in flight/ { print $3 }')
		echo "write $n: $given given and not logged, $noted noted"
		[ "$noted" -ge "$given" ]
		in_log
		resumes
		n=$((n + 1))
		: >asked
		rm ended
	done
	status_is 0
	[ "$n" -gt 3 ]
}

@test "the log is new: each call that makes it fails" {
	local n kind refused=0 start=
	for kind in open fsync lock; do
		for n in 1 2 3 4 5 6; do
			failing $kind $n lbcheckpoint job.log ./fake || { status_is 0; continue; }
			# What the command has left unread, which is opened at the end, need not be known.
			if [ "$kind" != open ] || [ "$status" -ne 0 ]; then
				status_is 4
				[ -s err ]
			fi
			[ "$status" -ne 4 ] || refused=$((refused + 1))
			[ ! -e job.log ] || in_log
			resumes
		done
	done
	[ "$refused" -ge 4 ]
}

@test "reading fails: status 4, nothing lost" {
	everywhere "4 done" pread
	everywhere "done" pread-eintr
	everywhere "done" pread-short
	everywhere "4 done" read
}

@test "cutting off a torn line fails: status 4, and the line is not glued to" {
	everywhere 4 ftruncate
}

@test "opening and locking fail: status 4" {
	everywhere "4 done" open
	everywhere 4 lock
	check=logged_and_resumes each_fails "4 done" pwrite 10 lbcheckpoint -k job.log ./fake
}

# The log is the old one or the new one.
is_old_or_new() {
	cmp -s job.log "${start-start}" || cmp -s job.log new.log || { echo "neither the old log nor the new one"; return 1; }
	[ ! -e job.log.new ]
}

@test "--compact: whatever fails, the log is the old one or the new one" {
	local kind
	cp start job.log
	lbcheckpoint --compact job.log
	cp job.log new.log
	for kind in malloc open lock write fsync rename pread; do
		if [ $kind = malloc ]; then
			# Memory: the process ends where it stands, and may leave the file that it was writing.
			each_fails "4" malloc 10 lbcheckpoint --compact job.log
		else
			check=is_old_or_new each_fails "4" $kind 10 lbcheckpoint --compact job.log
		fi
	done
	check=is_old_or_new each_fails "done" write-short 10 lbcheckpoint --compact job.log
}

@test "--repair: whatever fails, the log is the old one or the new one, and no line is lost" {
	local kind
	export start=damaged
	cp damaged job.log
	lbcheckpoint --repair job.log
	cp job.log new.log
	cp job.log.bad new.bad
	no_line_lost() {
		is_old_or_new && { cmp -s job.log damaged || cmp job.log.bad new.bad; }
	}
	for kind in open lock write fsync rename pread; do
		check=no_line_lost each_fails "4" $kind 10 lbcheckpoint --repair job.log
	done
}
