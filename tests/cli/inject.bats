#!/usr/bin/env bats
# One call fails, each in turn: memory, reading, writing, temporary files, starting a command. Whatever it
# is, a run ends with status 4 and a message, or with all of its output; it never crashes, hangs or says
# that all is well when it is not. tests/inject/fail.c makes the calls fail.

load helper
load inject

WRAPPER=${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/cli/wrapper

setup() {
	inject_setup
	# Results, with text in them and items.
	seq 12 | sed 's/.*/{"custom_id":"r&","lb":{"items":[{"id":"i&"}]},"response":{"body":{"choices":[{"message":{"content":"a"}}]}}}/' >in
}

# everywhere OUTCOMES KIND: over small runs of all tools.
everywhere() {
	local called=$1
	# libcurl's own lack of memory, in a call that it leaves by a jump, looks to lbcall like a bad URL.
	[ "$2" != malloc ] || called="2 4"
	each_fails "$1" "$2" 10 lbchunk -u
	each_fails "$called" "$2" 10 lbcall -u http://127.0.0.1:9
	each_fails "$1" "$2" 10 "$WRAPPER" -k cat
	each_fails "$1" "$2" 10 "$WRAPPER" -k --again 1 --all --rounds tac
	sed -i 's/"custom_id"/"id"/' in
	each_fails "$1" "$2" 10 lbchunk -m m -n 4 -p 'x \(.id)' -s 's \(.[0].id)'
	# Around a command whose packed answers lack all items but the first.
	each_fails "$1" "$2" 10 lbchunk -k -m m -n 4 -p 'x \(.id)' \
		sed -u 's/}$/,"response":{"body":{"choices":[{"message":{"content":"{\\"answers\\":[{\\"n\\":1,\\"answer\\":1}]}"}}]}}}/'
}

@test "memory runs out: status 4, and it says so" {
	everywhere 4 malloc
}

@test "reading fails: status 4, or all is there" {
	everywhere "4 done" read
}

@test "reads are interrupted or short: all is there" {
	everywhere "done" read-eintr
	setup
	everywhere "done" read-short
}

@test "writing fails: status 4, or all is there" {
	everywhere "4 done" write
	setup
	everywhere "4 done" close
}

@test "writes are interrupted, short, or would wait: all is there" {
	everywhere "done" write-eintr
	setup
	everywhere "done" write-short
	setup
	everywhere "done" write-eagain
}

@test "waiting fails: status 4, or all is there; it is interrupted: all is there" {
	each_fails "4 done" poll 10 "$WRAPPER" -k cat
	each_fails "4 done" poll 10 lbcall -u http://127.0.0.1:9
	each_fails "done" poll-eintr 10 "$WRAPPER" -k --again 1 --all --rounds tac
	each_fails "done" poll-eintr 10 lbcall -u http://127.0.0.1:9
}

@test "no descriptors: status 4" {
	each_fails 4 epoll_create1 10 lbcall -u http://127.0.0.1:9
	each_fails "2 4" pipe2 10 "$WRAPPER" cat
	each_fails 4 pipe2 10 lbchunk -m m -p x
}

@test "the command cannot be started: status 2; not again: status 4, and all is accounted for" {
	each_fails "2 4" posix_spawnp 10 "$WRAPPER" cat
	each_fails "2 4" posix_spawnp 10 "$WRAPPER" -k --again 2 --all --rounds tac
	failing posix_spawnp 2 "$WRAPPER" -k --again 2 --all --rounds tac
	status_is 4
	[ "$(jq -r .custom_id out | sort | uniq | wc -l)" -eq 12 ]
	[ "$(lines out)" -eq 12 ]
	holds out '.error.code == "command_died"'
}

@test "temporary files fail under records that spill: status 4, or all is there" {
	awk 'BEGIN { for (x = "x"; length(x) < 100000; x = x x);
		for (i = 0; i < 200; i++) printf "{\"custom_id\":\"r%d\",\"x\":\"%s\"}\n", i, x }' >in
	local kind
	for kind in mkostemp pwrite pread; do
		each_fails "4" $kind 30 "$WRAPPER" tac
	done
	for kind in pwrite-eintr pwrite-short pread-eintr pread-short ftruncate; do
		each_fails "done" $kind 50 "$WRAPPER" -k tac
	done
}

# no_room KIND N [argument]...: the wrapper with these arguments, whose Nth call of the kind fails, around a
# command that answers at the end of its input only. What the command was given is answered, and comes out.
no_room() {
	local kind=$1 n=$2
	shift 2
	echo "call $n of kind $kind: $*"
	failing "$kind" "$n" "$@" sh -c 'tee served | tac'
	status_is 4
	grep -q 'temporary file for .*: No space left on device; no more is sent' err
	jq -r 'select(.error == null) | .custom_id' out | sort >answered
	jq -r .custom_id served | sort >given
	[ -s given ]
	same given answered
	# The others that were read are cancelled, and what is behind them was not read.
	jq -r .custom_id out | sort >got
	head -n "$(lines out)" in | jq -r .custom_id | sort >want
	same want got
	[ "$(jq -r '.error.code // empty' out | sort -u)" = cancelled ]
}

@test "no room for what is in flight or waits: status 4; what was sent is answered and comes out" {
	awk 'BEGIN { for (x = "x"; length(x) < 100000; x = x x);
		for (i = 0; i < 200; i++) printf "{\"custom_id\":\"r%d\",\"body\":{\"x\":\"%s\"}}\n", i, x }' >in
	local n
	for n in 1 2 20; do
		no_room pwrite $n "$WRAPPER"
		no_room pwrite $n "$WRAPPER" -k
		no_room pwrite $n "$WRAPPER" --hold 1
	done
	no_room mkostemp 1 "$WRAPPER"
	no_room mkostemp 1 lbcheckpoint log
	jq -r 'select(.error == null) | .custom_id' log | sort >logged
	same given logged
}

@test "temporary files fail under ids: status 4" {
	awk 'BEGIN { for (i = 0; i < 13000; i++) print "{\"id\":" i "}" }' >in
	local kind
	for kind in mkostemp ftruncate pwrite pread; do
		each_fails "4" $kind 60 lbchunk -m m -p x
	done
	each_fails "done" pread-short 200 lbchunk -m m -p x
	each_fails "done" pwrite-short 200 lbchunk -m m -p x
}

# No document comes out without what it is to have.
all_whole() {
	[ -z "$(sort out | comm -23 - <(sort whole))" ] && [ "$(wc -l <err)" -le 1 ]
}

@test "temporary files fail under pieces that wait: status 4, said once, and no document is half joined" {
	awk 'BEGIN { for (x = "x"; length(x) < 100000; x = x x);
		for (k = 1; k <= 2; k++) for (i = 0; i < 200; i++)
			printf "{\"t\":\"%s\",\"chunk\":{\"doc\":\"d%d\",\"i\":%d,\"of\":2,\"start\":0,\"end\":1,\"path\":\".t\"}}\n", x, i, k }' >in
	local kind check=all_whole
	for kind in mkostemp pwrite pread; do
		each_fails "4" $kind 30 lbchunk --join .t
	done
}
