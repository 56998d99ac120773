#!/usr/bin/env bats
# What lbcache does when memory or its file fails it, each call in turn: status 4 with a message, or all of
# the output. Whatever it is, each record is accounted for once, an answer that was asked for comes out, no
# answer is a wrong one, and the file can be used afterwards. tests/inject makes the calls fail.

load helper

setup_file() {
	export FAIL=$BATS_FILE_TMPDIR/fail.so FAIL_SQLITE=$BATS_FILE_TMPDIR/sqlite.so
	if grep -q __asan_init "$LB_BIN/lbcache"; then
		export FAIL=
	else
		${CC:-cc} -D_GNU_SOURCE -shared -fPIC -O1 -o "$FAIL" "$BATS_TEST_DIRNAME/../inject/fail.c" -ldl
		${CC:-cc} -D_GNU_SOURCE -shared -fPIC -O1 -o "$FAIL_SQLITE" "$BATS_TEST_DIRNAME/../inject/sqlite.c" -lsqlite3
	fi
}

# 30 requests, of which 10 ask what others ask; the first 10 questions are answered in the file warm.db. The
# command answers with what it was asked.
setup() {
	[ -n "$FAIL" ] || skip "the sanitizer has its own malloc"
	cd "$BATS_TEST_TMPDIR" || return
	jq -nc 'range(30) | {custom_id: "r\(.)", body: {model: "m", messages: [{role: "user", content: "q\(. % 20)"}]}}' >in
	cat >answer <<-'EOT'
		#!/bin/sh
		exec sed -u 's/^\(.*"content":"\([^"]*\)".*\)}$/\1,"response":{"status_code":200,"body":{"choices":[{"message":{"content":"to \2"}}]}},"error":null}/'
	EOT
	chmod +x answer
	head -n 10 in | lbcache warm.db ./answer >/dev/null 3>&-
	[ "$(lbcache --stats warm.db | jq .answers)" -eq 10 ]
}

# fresh: the file a.db as it is before each run.
fresh() {
	rm -f a.db a.db-wal a.db-shm a.db-journal hit
	cp warm.db a.db
}

# failing LIBRARY KIND N COMMAND...: one run with one failure. Is there more to come?
failing() {
	local library=$1 inject=$2:$3
	shift 3
	status=0
	timeout 20 env INJECT="$inject" INJECT_HIT="$PWD/hit" LD_PRELOAD="$library" "$@" <in >out 2>err 3>&- || status=$?
	[ -e hit ]
}

# What comes out is right: each record once, with the answer to its own question, or cancelled.
is_right() {
	jq -r .custom_id in | sort >want
	jq -r .custom_id out | sort >got
	same want got
	holds out '.error.code == "cancelled" or .error.code == "command_died" or
		.response.body.choices[0].message.content == "to " + .body.messages[-1].content'
}

# The last run ended in one of these ways.
is_sound() {
	case $status in
	0)
		is_right
		holds out '.error == null'
		;;
	4) [ -s err ] ;;
	*) status_is 4 ;;
	esac
}

# The file can be used: what it holds is right, and it answers and stores as before.
is_usable() {
	[ "$(sqlite_check)" = ok ]
	call lbcache a.db ./answer <in
	status_is 0
	is_right
	holds out '.error == null'
	[ "$(lbcache --stats a.db | jq .answers)" -eq 20 ]
}

sqlite_check() {
	python3 -c 'import sqlite3; print(sqlite3.connect("a.db").execute("PRAGMA integrity_check").fetchone()[0])'
}

# each_fails LIBRARY KIND GROWTH COMMAND...: the 1st, 2nd, ... call of the kind, until there is none.
each_fails() {
	local library=$1 kind=$2 growth=$3 n=1 runs=0
	shift 3
	fresh
	while failing "$library" "$kind" "$n" "$@"; do
		is_sound || { echo "call $n of kind $kind: $*"; cat err; return 1; }
		# What did not come to running is accounted for by nobody; all others are.
		[ "$status" -eq 0 ] || [ ! -s out ] || is_right || { echo "call $n of kind $kind: $*"; cat err; return 1; }
		is_usable || { echo "after call $n of kind $kind"; return 1; }
		runs=$((runs + 1))
		n=$((n * growth / 10 + 1))
		fresh
	done
	status_is 0
	echo "$runs failures of kind $kind"
	[ "$runs" -gt 0 ]
}

@test "memory runs out: status 4, and the file is good" {
	local n=1 runs=0
	fresh
	while failing "$FAIL" malloc $n lbcache a.db ./answer; do
		[ "$status" -eq 4 ] || { echo "call $n"; status_is 4; }
		[ -s err ]
		is_usable
		runs=$((runs + 1))
		n=$((n * 12 / 10 + 1))
		fresh
	done
	status_is 0
	[ "$runs" -gt 20 ]
}

@test "a write to the file fails: status 4 or all is there, and the file is good" {
	each_fails "$FAIL_SQLITE" write 13 lbcache a.db ./answer
	each_fails "$FAIL_SQLITE" full 13 lbcache a.db ./answer
	each_fails "$FAIL_SQLITE" sync 12 lbcache a.db ./answer
}

@test "the disk is full, or gone, from some moment on: the answers that were asked for come out" {
	each_fails "$FAIL_SQLITE" full+ 13 lbcache a.db ./answer
	each_fails "$FAIL_SQLITE" write+ 15 lbcache a.db ./answer
	each_fails "$FAIL_SQLITE" sync+ 12 lbcache a.db ./answer
}

@test "a read, a lock or a mapping of the file fails: status 4 or all is there" {
	local kind
	for kind in read lock map shmlock open; do
		each_fails "$FAIL_SQLITE" $kind 18 lbcache a.db ./answer
	done
}

@test "the file cannot be tidied up at the end: all is there" {
	local kind runs=0
	for kind in truncate delete; do
		fresh
		failing "$FAIL_SQLITE" $kind 1 lbcache a.db ./answer || continue
		status_is 0
		is_sound
		is_usable
		runs=$((runs + 1))
	done
	[ "$runs" -gt 0 ]
}

@test "the file fails while it is made: status 4 and no half-made file is taken for a whole one" {
	local kind n
	for kind in write full sync open map; do
		for ((n = 1; ; n = n * 13 / 10 + 1)); do
			fresh
			rm -f a.db
			failing "$FAIL_SQLITE" $kind $n lbcache a.db ./answer || break
			is_sound
			is_usable
		done
		[ "$n" -gt 1 ] || [ $kind = sync ]
	done
}

@test "files may not grow any more: status 4, what was asked for comes out, and the file is good" {
	local padding
	padding=$(printf 'x%.0s' {1..1000})
	jq -c --arg p "$padding" '.lb = {p: $p} | .body.messages |= [{role: "user", content: $p}] + .' in >more
	mv more in
	fresh
	# In units of 1,024 bytes, enough to begin with; the signal would kill.
	status=0
	(
		trap '' XFSZ
		ulimit -f 64
		timeout 20 lbcache a.db ./answer 2>&1 >&6 3>&- | cat >err
		exit "${PIPESTATUS[0]}"
	) <in 6> >(cat >out) || status=$?
	wait
	status_is 4
	grep -q 'a\.db: ' err
	is_right
	[ "$(sqlite_check)" = ok ]
}
