#!/usr/bin/env bats
# The stage runner, through the least tool that it can serve (wrapper.c), around commands of all kinds.

load helper

load wrapper

# Commands that pass lines in their own time; each must come out as it is.
@test "whatever command it is around, each record comes out once, as the command wrote it" {
	records 5000 100 >in
	sort in >want
	local command
	while read -r command; do
		echo "command: $command"
		eval wrapper "$command"
		status_is 0
		[ ! -s err ]
		sort out >got
		same want got
	done <<-'EOT'
		cat
		sort
		tac
		sort -R
		jq -c --unbuffered .
		jq -c .
		sh -c 'cat; sort /dev/null'
		parallel --pipe -N 500 -j 2 cat
		parallel --pipe --block 2k --round-robin --line-buffer -j 2 cat
		--pipe-size 4096 cat
		--hold 5 cat
		--hold 5 sort
		-k sort -R
	EOT
}

@test "a wrapper around a wrapper around a wrapper" {
	records 2000 >in
	wrapper -k "$WRAPPER" --hold 2 "$WRAPPER" -k "$WRAPPER" --again 3 --all --rounds tac
	status_is 0
	same in out
}

# bats test_tags=valgrind
@test "-k gives input order around a command that shuffles" {
	records 500 >in
	wrapper sort -R
	status_is 0
	cmp -s in out && return 1
	wrapper -k sort -R
	status_is 0
	same in out
}

@test "-k: lines that fill the output one by one, when the first answer comes last" {
	records 300 70000 >in
	wrapper -k tac
	status_is 0
	same in out
	# The same into a pipe.
	timeout -k 5 60 "$WRAPPER" -k tac <in 3>&- | cat >out
	same in out
}

@test "no deadlock around a command that writes a hundred times what it reads, and is read slowly" {
	records 3000 100 >in
	# The reader takes nothing until the command has written more than one pipe holds.
	cat >child.py <<-'EOT'
		import sys
		for line in sys.stdin:
		    print(line[:-2] + ',"more":"' + "y" * 15000 + '"}', flush=True)
		    if '"n":8,' in line:
		        open("busy", "w").close()
	EOT
	"$WRAPPER" python3 child.py <in 2>err 3>&- | { until_true test -e busy; cat >out; }
	[ "${PIPESTATUS[0]}" -eq 0 ]
	holds out '.more | length == 15000'
	each_once
}

@test "no deadlock around a command that writes much before it reads anything" {
	records 1000 1000 >in
	wrapper sh -c 'seq 100000; exec cat'
	status_is 0
	same in out
	# What it wrote unasked is reported, and the report is short.
	grep -q 'wrapper: sh wrote a line that answers no record' err
	[ "$(lines err)" -le 5 ]
}

@test "200,000 records, 70 MB, in a command that answers last: under 60 MB of memory, the rest in TMPDIR, unlinked" {
	mkdir spill
	records 200000 300 >in
	# What it has open is seen by the command, when all records are in it.
	TMPDIR=$PWD/spill call "${measured[@]}" "$WRAPPER" -k sh -c 'tac; ls -l /proc/$PPID/fd >fds' <in
	status_is 0
	same in out
	grep -q "$PWD/spill/lb.*(deleted)" fds
	[ -z "$(ls spill)" ]
	peak_below 60000
}

@test "records that cannot be spilled: status 4, with a message; a useless TMPDIR is seen at the start" {
	records 100000 300 >in
	mkdir gone
	TMPDIR=$PWD/gone wrapper sh -c 'rmdir gone; TMPDIR=/tmp exec tac'
	status_is 4
	grep -q '^wrapper: temporary file for records in flight: No such file' err
	TMPDIR=/nonexistent wrapper sh -c 'touch started; exec cat'
	status_is 2
	grep -q '^wrapper: TMPDIR: no temporary files can be made in /nonexistent: No such file' err
	[ ! -e started ]
}

# A command that does not read until the fifo gate is opened, and says how much was in its pipe.
slow_child() {
	cat >child.py <<-'EOT'
		import array, fcntl, os, sys, termios
		open("ready", "w").close()
		open("gate").close()
		waiting = array.array("i", [0])
		fcntl.ioctl(0, termios.FIONREAD, waiting)
		open("waiting", "w").write(str(waiting[0]))
		os.execvp("cat", ["cat"])
	EOT
	# Writes to its stdout, a pipe, for as long as that takes more; then says how much it was, and
	# goes on when the gate is open.
	cat >writer.py <<-'EOT'
		import os, select, sys
		data = open("in", "rb").read()
		os.set_blocking(1, False)
		poll = select.poll()
		poll.register(1, select.POLLOUT)
		sent = 0
		while sent < len(data) and poll.poll(500):
		    sent += os.write(1, data[sent:sent + 65536])
		open("sent", "w").write(str(sent))
		os.set_blocking(1, True)
		open("gate", "w").close()
		while sent < len(data):
		    sent += os.write(1, data[sent:])
	EOT
	mkfifo gate
}

@test "a slow command stops the reading of stdin" {
	slow_child
	records 50000 300 >in
	python3 writer.py 3>&- | call "$WRAPPER" python3 child.py
	same in out
	echo "sent: $(cat sent)"
	[ "$(cat sent)" -lt 1000000 ]
}

@test "--pipe-size keeps what waits in front of a slow command small" {
	slow_child
	records 5000 300 >in
	python3 writer.py 3>&- | call "$WRAPPER" --pipe-size 4096 python3 child.py
	same in out
	[ "$(cat waiting)" -gt 0 ]
	[ "$(cat waiting)" -le 4096 ]
}

# The ids of a record as they came, and the number by which the test knows it.
shape='[has("custom_id"), .custom_id, .body.n]'

# bats test_tags=valgrind
@test "answers find their records by id, in any spelling, and odd ids come back as they were" {
	cat >ids <<-'EOT'
		"plain"
		"ä€😀"
		"with \u0041 escape \" \\ \n"
		"a/b\/c"
		""
		7
		"7"
		-1.5
		null
		null
		true
		[1, "x"]
		{"a": 1}
		"twice"
		"twice"
		"twice"
		7
	EOT
	awk '{ printf "{\"custom_id\":%s,\"body\":{\"n\":%d}}\n", $0, NR }
		END { print "{\"body\":{\"n\":100}}"; print "{\"body\":{\"n\":101}}" }' ids >in
	# Reads all, answers backwards, spells strings with escapes only, and notes the ids it saw.
	cat >child.py <<-'EOT'
		import json, sys
		log = open("seen", "w")
		for line in reversed(sys.stdin.readlines()):
		    record = json.loads(line)
		    print(json.dumps(record["custom_id"]), file=log)
		    record["response"] = {"body": record["body"]}
		    text = json.dumps(record)
		    print(text.replace("plain", "\\u0070lain"))
	EOT
	wrapper -k python3 child.py
	status_is 0
	[ ! -s err ]
	jq -c "$shape" in >want
	jq -c "$shape" out >got
	same want got
	holds out '.response.body == .body'
	# No two were alike in the command, and none was null.
	[ "$(sort -u seen | wc -l)" -eq 19 ]
	[ "$(lines seen)" -eq 19 ]
	lacks seen null
}

@test "a made-up id is none that is in flight" {
	# The ids that it would make up, given to others first: it runs under the process id of the shell
	# that knows them.
	cat >in.py <<-'EOT'
		import json, os
		pid = os.getpid()
		for n in range(1, 4):
		    print(json.dumps({"custom_id": "lb-%d-%d" % (pid, n), "body": {"n": n}}))
		for n in range(4, 8):
		    print(json.dumps({"body": {"n": n}}))
	EOT
	cat >run.sh <<-'EOT'
		sed "s/os.getpid()/$$/" in.py | python3 - >in
		exec "$WRAPPER" -k sh -c 'tee seen | tac' <in >out
	EOT
	timeout 60 sh run.sh 3>&-
	jq -c "$shape" in >want
	jq -c "$shape" out >got
	same want got
	grep -q '"lb-[0-9]*-4"' seen
	[ "$(jq -r .custom_id seen | sort -u | wc -l)" -eq 7 ]
}

@test "lines that answer nothing are reported, and nothing is lost or doubled by them" {
	records 100 >in
	wrapper awk '{ print "garbage"; print; print; print "{\"custom_id\":\"nobody\"}"; print "[]" }'
	status_is 0
	same in out
	grep -q 'wrapper: awk wrote a line that is no record, left out: garbage' err
	grep -q 'wrapper: awk wrote a line that answers no record it was given' err
}

@test "what is no object cannot go through a command, and says so" {
	printf '%s\n' 1 '"text"' '[{}]' null '{"custom_id":"a"}' '{}' >in
	wrapper -k cat
	status_is 1
	[ "$(jq -r '.error.code // "none"' out | xargs)" = "not_a_request not_a_request not_a_request not_a_request none none" ]
	[ "$(jq -r '.error.raw // empty' out | xargs -d '\n')" = '1 "text" [{}] null' ]
}
