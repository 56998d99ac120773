# The meter of lbcost as a terminal shows it.

load helper

setup() {
	command -v tmux >/dev/null || skip "no tmux"
	cd "$BATS_TEST_TMPDIR" || return
	unset LB_PRICES TMUX
}

teardown() {
	pane kill-server 2>/dev/null || true
	stop_mocks
}

# pane COMMAND...: to the terminal of this test.
pane() {
	tmux -S "$BATS_TEST_TMPDIR/socket" -f /dev/null "$@" 3>&-
}

# run_in COLUMNS COMMAND: in a terminal of that width. When it has ended there is the file ended.
run_in() {
	pane new-session -d -x "$1" -y 10 "$2; echo \$? >ended; sleep 60"
	# Until the window has its size, programs see another.
	[ "$(pane display-message -p '#{pane_width}')" -eq "$1" ]
}

# What the terminal shows, without empty lines, again and again until the command has ended. What lbcost says
# at its end, below the meter, is left out.
watch_pane() {
	local end=$((SECONDS + 30))
	while [ ! -e ended ] && [ "$SECONDS" -lt "$end" ]; do
		pane capture-pane -p | sed '/answers took several/,$d' >screen || true
		sed '/^$/d' screen >>seen
		grep -c . screen >>heights || true
		sleep 0.05
	done
	pane capture-pane -p | sed '/^$/d' >last
}

# run_job COLUMNS: requests of which some fail, some are retried and some come from a cache.
run_job() {
	start_mock --latency '150ms±50ms' --fail 400:5%,500:10%
	export OPENAI_BASE_URL=$MOCK
	jq -nc 'range(400) | {custom_id: "r\(.)", body: {model: "gpt-4o-mini", max_tokens: 50,
		messages: [{role: "user", content: "Say hello number \(.) to the world."}]}}' >in
	head -n 100 in | lbcache a.db lbcall -c 100 >warm || true
	run_in "$1" 'lbcost -b 5 --total 400 lbcache a.db lbretry -b 50ms lbcall -c 20 <in >out'
}

@test "80 columns: one line that keeps to its row, with all that counts" {
	run_job 80
	watch_pane
	cat last
	# Nothing but one row, whenever one looks; at the end the last state of it.
	[ "$(sort -u heights | paste -sd' ')" = '0 1' ] || [ "$(sort -u heights)" = 1 ]
	[ "$(awk '{ if (length($0) > m) m = length($0) } END { print m }' seen)" -le 79 ]
	[ "$(sort -u seen | wc -l)" -ge 5 ]
	[ "$(grep -cE '^(lbcost: )?(\[[#.]+\] +([0-9]+% )?)?[0-9]+/400 [0-9.]+/s \$0\.[0-9]{4}/\$5\.00( ~\$0\.[0-9]{4})?( [0-9]+ cached)?( [0-9]+ failed)?( ETA [0-9]+s)?$' seen)" -eq \
		"$(grep -cv '  done  ' seen)" ]
	grep -qE '\] .*[0-9]+/400 .*/s .*\$5\.00 ~\$.* cached .* failed ETA [0-9]+s$' seen
	grep -qE '100% 400/400 .*/s \$0\.[0-9]{4}/\$5\.00 [0-9]+ cached [0-9]+ failed$' last
	[ "$(grep -c 400/400 last)" -eq 1 ]
	[ "$(lines out)" -eq 400 ]
}

@test "200 columns: the same with a long bar, and the retries" {
	run_job 200
	watch_pane
	cat last
	[ "$(sort -u heights | paste -sd' ')" = '0 1' ] || [ "$(sort -u heights)" = 1 ]
	grep -qE '^lbcost: \[[#.]{20}\] +[0-9]+%  [0-9]+/400 done  [0-9.]+/s  [0-9]+ cached  [0-9]+ failed  [0-9]+ retries  \$0\.[0-9]{4} of \$5\.00, ~\$0\.[0-9]{4}  ETA [0-9]+s$' seen
	grep -qE '^lbcost: \[#{20}\] 100%  400/400 done  [0-9.]+/s  [0-9]+ cached  [0-9]+ failed  [0-9]+ retries  \$0\.[0-9]{4} of \$5\.00$' last
	[ "$(grep -c 400/400 last)" -eq 1 ]
}

@test "a message takes the line's place and leaves nothing of it behind" {
	start_mock --latency 50ms
	jq -nc 'range(100) | {custom_id: "r\(.)", body: {model: "served-by-us", max_tokens: 50,
		messages: [{role: "user", content: "Say hello number \(.) to the world."}]}}' >in
	OPENAI_BASE_URL=$MOCK run_in 80 'lbcost --total 100 lbcall -c 5 <in >out'
	watch_pane
	cat last
	[ "$(wc -l <last)" -le 3 ]
	head -n 1 last | grep -qE '^lbcost: \[#+\] 100% +100/100 done +[0-9.]+/s$'
	sed 1d last | paste -sd' ' | grep -q '^lbcost: 100 results have no price (lb.unpriced): no price is known for .*us$'
}

@test "inside a tool that shows a meter it shows none unasked" {
	start_mock --latency 50ms
	jq -nc 'range(100) | {custom_id: "r\(.)", body: {model: "gpt-4o-mini", max_tokens: 50,
		messages: [{role: "user", content: "Say hello number \(.) to the world."}]}}' >in
	export OPENAI_BASE_URL=$MOCK
	run_in 120 'lbcheckpoint --progress --total 100 log lbcost -b 5 lbcall -c 5 <in >out'
	watch_pane
	cat last
	grep -qE '^lbcheckpoint: \[#+\] 100%  100/100 done ' last
	[ "$(wc -l <last)" -eq 1 ]
	lacks seen lbcost
	[ "$(sort -u heights | paste -sd' ')" = '0 1' ] || [ "$(sort -u heights)" = 1 ]
}
