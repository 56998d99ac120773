#!/usr/bin/env bats
# What lbcache does when memory or its file fails it, each call in turn: status 4 with a message, or all of
# the output. Whatever it is, each record is accounted for once, an answer that was asked for comes out, no
# answer is a wrong one, and the file can be used afterwards. tests/inject makes the calls fail.

load helper
load inject

# 30 requests, of which 10 ask what others ask; the first 10 questions are answered in the file warm.db. The
# command answers with what it was asked.
setup() {
	inject_setup
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
	rm -f a.db a.db-wal a.db-shm a.db-journal
	cp warm.db a.db
}

# What comes out is right: each record once, with the answer to its own question, or cancelled.
is_right() {
	jq -r .custom_id in | sort >want
	jq -r .custom_id out | sort >got
	same want got && holds out '.error.code == "cancelled" or .error.code == "command_died" or
		.response.body.choices[0].message.content == "to " + .body.messages[-1].content'
}

is_whole() {
	is_right && holds out '.error == null'
}

# The file can be used: what it holds is right, and it answers and stores as before.
is_usable() {
	[ "$(sqlite_check)" = ok ] || return
	call lbcache a.db ./answer <in
	status_is 0 && is_whole && [ "$(lbcache --stats a.db | jq .answers)" -eq 20 ]
}

sqlite_check() {
	python3 -c 'import sqlite3; print(sqlite3.connect("a.db").execute("PRAGMA integrity_check").fetchone()[0])'
}

# What did not come to running is accounted for by nobody; all others are.
right_and_usable() {
	{ [ "$status" -eq 0 ] || [ ! -s out ] || is_right; } && is_usable
}

# each_call_fails GROWTH KIND...: of SQLite's calls to the system.
each_call_fails() {
	local growth=$1 kind
	shift
	for kind; do
		check=right_and_usable each_fails "4 done" "sqlite-$kind" "$growth" lbcache a.db ./answer
	done
}

@test "memory runs out: status 4, and the file is good" {
	check=is_usable each_fails 4 malloc 12 lbcache a.db ./answer
}

@test "a write to the file fails: status 4 or all is there, and the file is good" {
	each_call_fails 13 write full sync
}

@test "the disk is full, or gone, from some moment on: the answers that were asked for come out" {
	each_call_fails 14 full+ write+ sync+
}

@test "a read, a lock or a mapping of the file fails: status 4 or all is there" {
	each_call_fails 18 read lock map shmlock open
}

@test "the file cannot be tidied up at the end: all is there" {
	local kind runs=0
	for kind in truncate delete; do
		failing sqlite-$kind 1 lbcache a.db ./answer || continue
		status_is 0
		is_whole
		is_usable
		runs=$((runs + 1))
	done
	[ "$runs" -gt 0 ]
}

@test "the file fails while it is made: status 4 and no half-made file is taken for a whole one" {
	fresh() {
		rm -f a.db a.db-*
	}
	each_call_fails 13 write full sync open map
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
