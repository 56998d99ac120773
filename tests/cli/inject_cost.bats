#!/usr/bin/env bats
# What lbcost does when memory or its ledger fails it, each call in turn: status 4 with a message, or all of
# the output. Whatever it is, what was sent is in the ledger as spent or reserved, the budget holds, and the
# ledger can be used afterwards. tests/inject makes the calls fail.

load helper
load inject

# 40 requests. The command notes in the file asked what was sent to it, and answers with a usage that costs
# 39,000 nano-dollars: 60 * 150 + 50 * 600. At most it would be 42,600, by the bytes of its body.
COST=39000

setup() {
	inject_setup
	unset LB_PRICES
	requests 40 >in
	cat >answer <<-'EOT'
		#!/bin/sh
		exec sed -u -e 'w asked' -e 's/}$/,"response":{"status_code":200,"body":{"model":"gpt-4o-mini","usage":{"prompt_tokens":60,"completion_tokens":50}}},"error":null}/'
	EOT
	chmod +x answer
	: >asked
}

requests() {
	jq -nc --argjson n "$1" 'range($n) | {custom_id: "r\(.)",
		body: {model: "gpt-4o-mini", max_tokens: 50, messages: [{role: "user", content: "q\(.)"}]}}'
}

# fresh: no ledger, and nothing sent.
fresh() {
	rm -f a.db a.db-* asked
	: >asked
}

is_whole() {
	jq -r .custom_id in | sort >want
	jq -r .custom_id out | sort >got
	same want got && holds out '.error == null and .lb == {cost: 0.000039}'
}

# report: what the ledger holds, in nano-dollars: spent, and reserved.
report() {
	lbcost -l a.db --report --json 3>&- >report.json || return
	jq -r '"\(.total[0].usd // 0 | . * 1e9 | round) \(.pending.usd_at_most + .unsettled.usd_at_most | . * 1e9 | round)"' report.json
}

integrity() {
	[ "$(sqlite3 a.db 'PRAGMA integrity_check')" = ok ]
}

# All that was sent is accounted for, in a ledger that is good. One that was not made yet has sent nothing.
is_accounted() {
	local spent reserved
	if [ ! -s a.db ]; then
		[ ! -s asked ]
		return
	fi
	integrity || { echo "damaged"; return 1; }
	read -r spent reserved < <(report)
	[ $((spent + reserved)) -ge $(($(lines asked) * COST)) ] && return
	echo "$(lines asked) sent, $spent spent, $reserved reserved"
	return 1
}

# ...and it can be used: more is sent and booked, and never more than the budget allows.
is_usable() {
	local before after spent reserved
	is_accounted || return
	before=$(lines asked)
	# sed's w would empty the file.
	mv asked asked.before
	call lbcost -b 0.003 -l a.db ./answer <in
	[ "$status" -eq 0 ] || [ "$status" -eq 3 ] || { status_is 0; return 1; }
	after=$(lines asked)
	read -r spent reserved < <(report)
	[ $(((before + after) * COST)) -le 3000000 ] && [ $((spent + reserved)) -le 3000000 ] &&
		[ "$spent" -ge $((after * COST)) ] && return
	echo "$before and $after sent, $spent spent, $reserved reserved"
	return 1
}

# each_call_fails GROWTH KIND...
each_call_fails() {
	local growth=$1 kind
	shift
	for kind; do
		check=is_usable each_fails "4 done" "$kind" "$growth" lbcost -b 0.003 -l a.db ./answer
	done
}

@test "memory runs out: status 4, nothing sent is forgotten, and the ledger is good" {
	check=is_usable each_fails 4 malloc 14 lbcost -b 0.003 -l a.db ./answer
}

@test "reading, writing or waiting fails: the same" {
	each_call_fails 14 write read poll
}

@test "a write to the ledger fails, or reaching the disk: nothing is sent that is not in it" {
	each_call_fails 13 sqlite-write sqlite-full sqlite-sync
}

@test "the disk is full, or gone, from some moment on: the same" {
	each_call_fails 13 sqlite-full+ sqlite-write+ sqlite-sync+
}

@test "a read, a lock or a mapping of the ledger fails: the same" {
	each_call_fails 15 sqlite-read sqlite-lock sqlite-map sqlite-shmlock sqlite-open
}

@test "the ledger cannot be tidied up at the end: all is there" {
	local kind runs=0
	lbcost -b 0.003 -l new.db </dev/null 3>&-
	fresh() {
		rm -f a.db-* asked
		cp new.db a.db
		: >asked
	}
	for kind in truncate delete; do
		failing sqlite-$kind 1 lbcost -b 0.003 -l a.db ./answer || continue
		status_is 0
		is_whole
		is_usable
		runs=$((runs + 1))
	done
	[ "$runs" -gt 0 ]
}

@test "a budget that is nearly spent holds whatever fails" {
	# A third of what all of them cost, the rest of which is refused.
	is_sound() {
		[ "$status" -eq 3 ] || { [ "$status" -eq 4 ] && [ -s err ]; }
	}
	holds_budget() {
		is_accounted && [ $(($(lines asked) * COST)) -le 600000 ]
	}
	is_whole() {
		[ "$(grep -c '"code":"budget_exceeded"' out)" -eq "$(grep -c '"code":"budget_exceeded"' whole)" ]
	}
	status_is() {
		[ "$status" -eq 3 ]
	}
	local kind
	for kind in sqlite-write sqlite-sync malloc write; do
		check=holds_budget each_fails "4 3" $kind 15 lbcost -b 0.0006 -l a.db ./answer
	done
}

@test "pipe form: what leaves the left half is reserved, whatever fails" {
	local kind
	is_whole() {
		[ "$(grep -c '"reserved":"' out)" -eq 40 ]
	}
	is_reserved() {
		[ -s a.db ] || { [ ! -s out ]; return; }
		integrity || return
		jq -r '.lb.reserved // empty' out | while read -r id; do
			[ "$(sqlite3 a.db "SELECT nano >= $COST FROM reservations WHERE id = 0x$id")" = 1 ] || echo "$id"
		done >missing
		[ ! -s missing ]
	}
	for kind in sqlite-write sqlite-sync write; do
		check=is_reserved each_fails "4 done" $kind 13 lbcost -b 1 -l a.db
	done
}

@test "pipe form: what the right half did not settle it settles when run again, once" {
	lbcost -b 1 -l left.db <in 3>&- | ./answer 3>&- >results
	input=results
	fresh() {
		rm -f a.db-*
		cp left.db a.db
	}
	is_whole() {
		[ "$(lines out)" -eq 40 ] && holds out '.lb == {cost: 0.000039}'
	}
	settles() {
		local spent reserved
		integrity || return
		read -r spent reserved < <(report)
		[ $((spent + reserved)) -ge $((40 * COST)) ] || return
		call lbcost -l a.db <results
		status_is 0 && [ "$(report)" = "$((40 * COST)) 0" ]
	}
	local kind
	for kind in sqlite-write sqlite-full+ sqlite-sync sqlite-lock malloc write; do
		check=settles each_fails "4 done" $kind 14 lbcost -l a.db
	done
}

@test "no room on the disk any more: status 4, all that was sent is in the ledger, and it is good" {
	unshare -rm true 2>/dev/null || skip "no small file system can be mounted"
	requests 3000 >in
	mkdir disk
	cat >small <<-'EOT'
		mount -t tmpfs -o size=300k tmpfs disk || exit 99
		lbcost -b 1 -l disk/a.db ./answer <in >out 2>err
		echo $? >status
		# With nothing else on it there would be room; what is there must do.
		lbcost -l disk/a.db --report --json >report.json 2>>err
		echo $? >>status
		cp disk/a.db* . && rm -f a.db-shm
	EOT
	unshare -rm sh small 3>&-
	cat status err
	[ "$(head -n 1 status)" -eq 4 ]
	[ "$(grep -c '^lbcost: disk/a.db: ' err)" -eq 1 ]
	[ "$(lines asked)" -gt 100 ]
	[ "$(lines asked)" -lt 3000 ]
	[ "$(grep -c '"status_code":200' out)" -eq "$(lines asked)" ]
	is_accounted
}
