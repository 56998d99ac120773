#!/usr/bin/env bats
# lbbatch(1): interrupted, killed, run again; and around it the other tools.

load helper
load batch

@test "a signal: what goes on is pending, the same command fetches it" {
	provider --batch-time 1h
	requests 20 >in
	for signal in INT TERM HUP; do
		rm -rf job
		: >calls
		begin in --max-requests 10
		until_true made 2
		kill -$signal "$pid"
		end
		status_is 3
		codes_are out "batch_pending 20"
		holds out '.response == null and (.lb == null)'
		advance 2h
		batch <in
		status_is 0
		each_once out 20
		made 2
		paid 20
	done
}

@test "a signal while requests come in: those without a batch are cancelled, and never sent" {
	provider --batch-time 1h
	mkfifo in
	begin in --max-requests 10
	exec 7>in
	requests 15 >&7
	until_true made 1
	kill -INT "$pid"
	end
	exec 7>&-
	status_is 3
	codes_are out "batch_pending 10 cancelled 5"
	# The five were kept nowhere: the next run spools them anew, and the first ten are not sent again.
	requests 15 >all
	begin all --max-requests 10
	until_true made 2
	advance 2h
	end
	status_is 0
	each_once out 15
	paid 15
	[ ! -e job/2.requests ]
}

@test "two signals, one right behind the other: it ends at once, with a line for each" {
	provider --batch-time 1h --latency 300s
	requests 20 >in
	begin in
	# The file is on its way, and no answer comes.
	until_true sh -c "ss -Htn state established dport = :$MOCK_PORT | grep -q ."
	kill -INT "$pid"
	kill -TERM "$pid" || true # it may have ended already: an upload is given up at the first
	end
	status_is 3
	[ "$(lines out)" -eq 20 ]
	[[ $(codes out) =~ ^(cancelled|batch_pending)" 20"$ ]]
}

@test "results that came while it was stopped by a signal are written whole" {
	provider
	requests 3000 >in
	# A reader that waits: the signal comes while results wait to be written.
	mkfifo results
	env --default-signal=INT lbbatch -s job --poll 10ms <in >results 2>err 3>&- &
	pid=$!
	MOCK_PIDS+=("$pid")
	exec 8<results
	read -r first <&8
	kill -INT "$pid"
	{ printf '%s\n' "$first"; cat <&8; } >out
	end
	[[ $status == 0 || $status == 3 ]]
	each_once out 3000
}

@test "killed at random moments: no result is lost, no batch is made twice, nothing is paid twice" {
	provider --batch-time 60ms
	requests 100 >in
	local round kills run
	for round in 1 2 3 4 5 6; do
		rm -rf job
		: >calls
		for kills in 1 2 3; do
			begin in --max-requests 20
			# Moments of all kinds, the same in each run of the test.
			read -r -t "0.$(printf %03d $(((round * 37 + kills * 61) % 170)))" _ <> <(:) || true
			kill -KILL "$pid" 2>/dev/null || true
			end
		done
		batch --max-requests 20 <in
		status_is 0
		each_once out 100
		made 5
		paid 100
	done
}

@test "killed at random moments with Anthropic, which has no tags" {
	provider --batch-time 60ms
	requests 100 | anthropic >in
	local round kills
	for round in 1 2 3 4; do
		rm -rf job
		: >calls
		for kills in 1 2 3; do
			begin in --max-requests 20
			read -r -t "0.$(printf %03d $(((round * 41 + kills * 53) % 150)))" _ <> <(:) || true
			kill -KILL "$pid" 2>/dev/null || true
			end
		done
		batch --max-requests 20 <in
		status_is 0
		[ "$(jq -r 'select(.error == null).custom_id' out | sort -u | wc -l)" -eq 100 ]
		[ "$(lines out)" -eq 100 ]
		made 5
		paid 100
	done
}

@test "changed requests are new ones, those that are not asked for are left and counted" {
	provider --batch-time 1h
	requests 20 >in
	batch --submit --max-requests 10 <in
	made 2
	{ requests 12; requests 3 13 | sed 's/number/No./'; } >other
	begin other
	until_true made 3
	advance 2h
	end
	status_is 0
	[ "$(lines out)" -eq 15 ]
	holds out '.error == null'
	grep -q "8 more requests are in batches there (1), which the input does not name" err
	[ "$(grep -c 'No\.' out)" -eq 3 ]
	# They are still there.
	: >calls
	batch <in
	status_is 0
	each_once out 20
	made 0
}

@test "a batch that was never made: only what is asked for is sent" {
	start_mock --log calls --socket "$PWD/sock"
	requests 20 >in
	call lbbatch -s job --poll 10ms -u "unix:$PWD/sock" <in
	stop_mock
	# As if it had been killed with the request on its way, and the request lost.
	sed -i '/"created"/,$d' job/journal
	tail -n 1 job/journal | grep -q creating
	start_mock --log calls2 --socket "$PWD/sock"
	requests 8 >some
	call lbbatch -s job --poll 10ms -u "unix:$PWD/sock" <some
	status_is 0
	each_once out 8
	[ "$(jq -s 'map(select(.custom)) | length' calls2)" -eq 8 ]
	grep -q '"event":"dropped","part":1' job/journal
}

# bats test_tags=valgrind
@test "the line that asks now is the one that comes out" {
	provider
	requests 3 >in
	batch <in
	jq -c '. + {mine: "new", lb: {items: [1]}}' in >other
	: >calls
	batch <other
	status_is 0
	[ "$(lines out)" -eq 3 ]
	holds out '.mine == "new" and .lb == {items: [1], batch: true} and .error == null'
	made 0
}

# bats test_tags=valgrind
@test "one process at a time; a torn end is cut off, other damage is an error" {
	provider --batch-time 1h
	requests 3 >in
	begin in
	until_true made 1
	call lbbatch -s job --poll 10ms <in
	status_is 4
	[ ! -s out ]
	grep -q "another process is working on it" err
	advance 2h
	end
	status_is 0
	printf '{"event":"spoo' >>job/journal
	batch <in
	status_is 0
	each_once out 3
	grep -q "torn" err
	sed -i '3s/.*/rubbish/' job/journal
	cp job/journal before
	call lbbatch -s job --poll 10ms <in
	status_is 4
	grep -q "journal: line 3 cannot be read" err
	[ ! -s out ]
	same job/journal before
	# Requests that somebody has edited.
	rm -r job
	batch --submit <in
	status_is 0
	sed -i 's/number/nummer/' job/1.requests
	sed -i 1d job/1.requests
	call lbbatch -s job --poll 10ms <in
	status_is 4
	grep -q "1.requests: it is not as lbbatch wrote it" err
}

@test "a part that there is no room for leaves none of its files, so that a smaller job has room" {
	provider
	requests 3000 >in
	# No file may be larger than 64 blocks of 1,024 bytes.
	(
		ulimit -f 64
		trap '' XFSZ
		batch <in
		echo "$status" >status
	)
	[ "$(cat status)" -eq 4 ]
	grep -q "1.requests: File too large\|1.upload: File too large" err
	[ "$(ls job)" = journal ]
	batch <in
	status_is 0
	each_once out 3000
	made 1
}

@test "a state that is somebody else's directory, a link or a file is refused" {
	provider
	requests 1 >in
	mkdir home
	echo letter >home/letter
	ln -s home link
	: >file
	for state in home link file; do
		call lbbatch -s $state <in
		status_is 4
		[ -s err ]
		[ ! -s out ]
	done
	[ "$(ls home)" = letter ]
	# One that cannot be made: with mkdir(1)'s reason.
	for state in nowhere/job file/job "$(printf %300d 0)"; do
		call lbbatch -s "$state" <in
		status_is 4
		reason=$(mkdir "$state" 2>&1) || true
		grep -qx "lbbatch: $state: cannot make the directory: ${reason##*: }" err
	done
	(umask 0; batch <in)
	[ "$(stat -c %a job)" = 700 ]
	[ "$(stat -c %a job/* | sort -u)" = 600 ]
}

@test "lbcost -b around it: reserved in full, settled at half, by the ledger and the provider's log" {
	provider
	requests 40 | jq -c '.body.max_tokens = 50' >in
	call lbcost -b 1 -l ledger lbbatch -s job --poll 10ms <in
	status_is 0
	each_once out 40 || { requests 40 | jq -r .custom_id | sort >want; same got want; }
	holds out '.lb.batch and .lb.cost > 0'
	lbcost --report -l ledger >report
	# gpt-4o-mini: 0.15 and 0.60 dollars a million tokens; a batch is half of it.
	jq -s 'map(select(.custom)) | map(.prompt_tokens * 0.15 + .completion_tokens * 0.60) | add / 2e6 * 1e6 | round' calls >want
	jq -s 'map(.lb.cost) | add * 1e6 | round' out >got
	same got want
	grep -q "on their way: 0 requests" report
	# A budget for half of them.
	rm -r job
	call lbcost --rounds -b 0.00008 lbbatch -s job --poll 10ms <in
	status_is 3
	[ "$(lines out)" -eq 40 ]
	[[ $(codes out) == "budget_exceeded "*" null "* ]]
}

@test "lbcost -b around it, interrupted: what is reserved for batches that go on is settled by their results" {
	provider --batch-time 1h
	requests 20 | jq -c '.body.max_tokens = 50' >in
	# Enough for all of them, and not for one more.
	call lbcost -e --json <in
	budget=$(jq '.usd_at_most * 1.02 | . * 1e9 | round / 1e9' out)
	printf 'lbcost -b %s -l ledger lbbatch -s job --poll 10ms' "$budget" >command
	setsid env --default-signal=INT sh -c "exec $(cat command)" <in >out 2>err 3>&- &
	pid=$!
	until_true made 1
	kill -INT -- "-$pid"
	end
	status_is 3
	codes_are out "batch_pending 20"
	grep -q "^lbcost: 20 requests are in batches that go on: .* --forgive$" err
	call lbcost -l ledger --report --json
	holds out '.unsettled.requests == 20'
	# Another command would have to pay for them once more.
	call lbcost -b "$budget" -l ledger lbcall <in
	status_is 3
	codes_are out "budget_exceeded 20"
	advance 2h
	call sh -c "$(cat command)" <in
	status_is 0
	each_once out 20
	made 1
	paid 20
	[ ! -s err ]
	jq -s '{unsettled: {requests: 0, usd_at_most: 0}, usd: (map(.lb.cost) | add * 1e9 | round)}' out >want
	call lbcost -l ledger --report --json
	jq '{unsettled, usd: (.total[0].usd * 1e9 | round)}' out >got
	same got want
}

@test "the whole line of tools around it, killed and run again: each is paid once" {
	provider --batch-time 1h
	requests 60 | jq -c '.body.max_tokens = 50' >in
	whole_line() {
		lbcheckpoint job.log lbcache answers.db lbretry --rounds -b 10ms lbcost -b 1 -l ledger \
			lbbatch -s job --poll 10ms --max-requests 20
	}
	setsid bash -c "$(declare -f whole_line); whole_line" <in >out 2>err 3>&- &
	pid=$!
	until_true made 3
	kill -KILL -- "-$pid"
	wait "$pid" || true
	advance 2h
	status=0
	whole_line <in >out 2>err 3>&- || status=$?
	status_is 0
	[ "$(jq -r 'select(.error == null).custom_id' out | sort -u | wc -l)" -eq 60 ]
	[ "$(lines out)" -eq 60 ]
	paid 60
	made 3
	# And again: everything is in the log.
	: >calls
	status=0
	whole_line <in >out 2>err 3>&- || status=$?
	status_is 0
	[ "$(lines out)" -eq 60 ]
	[ ! -s calls ]
}

@test "behind lbchunk, packed and unpacked, and with an item that is left out" {
	provider --batch-fail missing:20%
	jq -nc 'range(60) | {id: ., name: "thing \(.)"}' >items
	lbchunk -n 5 -m gpt-4o-mini -p 'Describe: \(.name)' <items >in
	batch <in
	lbchunk -u <out >unpacked || true
	[ "$(lines unpacked)" -eq 60 ]
	holds unpacked 'has("answer") or .error.code == "answer_missing"'
	[ "$(jq -s 'map(select(has("answer"))) | length' unpacked)" -gt 30 ]
	lacks err died
}

@test "lbcache and lbcheckpoint wait for it: requests are held back by nobody" {
	provider --batch-time 50ms
	requests 500 >in
	call lbcheckpoint job.log lbcache answers.db lbbatch -s job --poll 10ms --max-requests 200 <in
	status_is 0
	each_once out 500
	[ "$(lines job.log)" -eq 500 ]
	made 3
}
