# shellcheck shell=bash
# cost: what lbcost is held to: budgets against lbmock's log, prices against another program's, and what it
# takes itself. Sourced by run, behind limits.bash, which has start_mock and log_count.
# shellcheck disable=SC2154 # work, BIN and url are run's

# stories N MODEL: requests whose answers are cut at their limit.
stories()
{
	awk -v n="$1" -v model="$2" 'BEGIN {
		for (i = 1; i <= n; i++)
			printf "{\"custom_id\":\"r%d\",\"body\":{\"model\":\"%s\",\"max_tokens\":16,\"messages\":[{\"role\":\"user\",\"content\":\"Write a long story about the number %d, in which it meets all others.\"}]}}\n", i, model, i
	}'
}

# What the calls in the log cost, in nano-dollars: dollars for a million tokens, times 1,000, for one.
log_cost()
{
	jq -n '{"gpt-4o": [2500, 10000], "gpt-4o-mini": [150, 600]} as $p | reduce inputs as $l (0;
		. + $l.prompt_tokens * $p[$l.model][0] + $l.completion_tokens * $p[$l.model][1])' "$mock_log"
}

# budget_client N KILLED: jobs on the ledger until one ends by itself; with KILLED others before it, killed
# with all of their group after a while.
budget_client()
{
	local i
	for ((i = 0; i < $2; i++)); do
		setsid "$BIN/lbcost" -b 1.00 -l "$work/ledger" --max-wait 5s "$BIN/lbcall" -u "$url" -c 50 \
			<"$work/requests" >/dev/null 2>&1 &
		sleep "$(awk -v seed="$1$i" 'BEGIN { srand(seed); print 0.1 + 0.9 * rand() }')"
		kill -KILL -- -$! 2>/dev/null && echo killed >>"$work/kills"
	done
	"$BIN/lbcost" -b 1.00 -l "$work/ledger" --max-wait 5s "$BIN/lbcall" -u "$url" -c 50 \
		<"$work/requests" >/dev/null 2>&1
}

# budget_shared WHAT KILLED REQUESTS MODEL: 8 processes of 50 concurrent requests each, on one ledger with a
# dollar.
budget_shared()
{
	local i clients=()
	start_mock "budget-$2" --latency '40ms±20ms'
	stories "$3" "$4" >"$work/requests"
	: >"$work/kills"
	for ((i = 0; i < 8; i++)); do
		budget_client "$i" "$2" 2>/dev/null &
		clients+=($!)
	done
	wait "${clients[@]}" 2>/dev/null
	row "8 processes, one ledger, \$1.00$1: spent by lbmock's log" \
		"$(awk -v nano="$(log_cost)" 'BEGIN { print nano / 1e9 }')" %.4f '<=' 1 " USD" \
		"$(wc -l <"$mock_log") calls, $(wc -l <"$work/kills") kills"
	[ "$2" -gt 0 ] || row "the same, of the dollar" \
		"$(awk -v nano="$(log_cost)" 'BEGIN { print nano / 1e7 }')" %.1f '>=' 95 " %"
	stop_server
	rm -f "$work/ledger"* "$work/requests" "$work/kills" "$mock_log"
}

# Both programs read contrib/prices.json, and have nothing else in common.
prices_exact()
{
	python3 tests/bench/priced.py make contrib/prices.json 10000 |
		LB_PRICES=contrib/prices.json "$BIN/lbcost" >"$work/priced"
	python3 tests/bench/priced.py check contrib/prices.json <"$work/priced" >"$work/apart" || true
	row "10,000 results of all kinds, priced otherwise than by python3" \
		"$(cut -d ' ' -f 1 "$work/apart")" %d '<=' 0 "" "$(cut -d ' ' -f 3 "$work/apart") compared"
	rm "$work/priced" "$work/apart"
}

# Makes results of requests, as a command would.
answer='s/}$/,"response":{"status_code":200,"body":{"model":"gpt-4o-mini","usage":{"prompt_tokens":300,"completion_tokens":20}}},"error":null}/'

# What reserving and settling takes, in pipe form, and around a command: sed, whose own time is taken off.
cost_of_a_record()
{
	local n=200000 i other
	"$AID/records" requests $n >"$work/requests"
	for ((i = 0; i < PAIRS; i++)); do
		rm -f "$work/ledger"*
		# Another process at work on the same ledger.
		taskset -c 0 "$BIN/lbcost" -b 1000000 -l "$work/ledger" --job other cat \
			< <(while head -n 20 "$work/requests"; do sleep 0.05; done 2>/dev/null) >/dev/null 2>&1 &
		other=$!
		measure cost-sed -i "$work/requests" -o /dev/null sed "$answer"
		measure cost-around -i "$work/requests" -o /dev/null \
			"$BIN/lbcost" -b 1000000 -l "$work/ledger" sed "$answer"
		measure cost-memory -i "$work/requests" -o /dev/null \
			"$BIN/lbcost" -b 1000000 sed "$answer"
		measure cost-left -i "$work/requests" -o "$work/reserved" \
			"$BIN/lbcost" -b 1000000 -l "$work/ledger"
		sed "$answer" <"$work/reserved" >"$work/results"
		measure cost-right -i "$work/results" -o /dev/null "$BIN/lbcost" -l "$work/ledger"
		kill $other
		wait $other 2>/dev/null
	done
	row "lbcost, ledger shared by 2, around a command: CPU time" \
		"$(median "(\$2 + \$3 - \$6 - \$7) * 1e6 / $n" cost-around cost-sed)" %.1f '<=' 15 " us" "of a record"
	row "the same in two halves of a pipe" \
		"$(median "(\$2 + \$3 + \$6 + \$7) * 1e6 / $n" cost-left cost-right)" %.1f '<=' 15 " us" \
		"$(median "int((\$2 + \$3) * 1e7 / $n) / 10" cost-left) and $(median "int((\$2 + \$3) * 1e7 / $n) / 10" cost-right)"
	# Mind the disk: each group of reservations waits for it.
	row "the same around a command: throughput of one process" \
		"$(median "$n / \$1" cost-around)" %.0f '>=' 20000 "/s" \
		"in memory $(median "int($n / \$1)" cost-memory); $(synced_writes) synced writes/s"
	rm -f "$work/requests" "$work/reserved" "$work/results" "$work/ledger"*
}

# How many writes a second the disk takes that wait for it, one after the other.
synced_writes()
{
	dd if=/dev/zero of="$work/synced" bs=4096 count=500 oflag=dsync 2>&1 |
		awk '/copied/ { for (i = 1; i <= NF; i++) if ($i == "s,") printf "%d", 500 / $(i - 1) }'
	rm "$work/synced"
}

cost_memory()
{
	local n
	for n in 10000 1000000; do
		"$AID/records" results $n | measure annotate-$n -o /dev/null "$BIN/lbcost"
		rm -f "$work/ledger"*
		"$AID/records" requests $n |
			measure left-$n "$BIN/lbcost" -b 1000000 -l "$work/ledger" |
			sed "$answer" | measure right-$n -o /dev/null "$BIN/lbcost" -l "$work/ledger"
	done
	flat "lbcost pricing" annotate
	flat "lbcost reserving" left
	flat "lbcost settling" right
	rm -f "$work/ledger"*
}

cost()
{
	budget_shared "" 0 3000 gpt-4o
	# Each kill costs the budget what was reserved then, so these are cheap ones.
	budget_shared ", some killed" 5 10000 gpt-4o-mini
	prices_exact
	cost_of_a_record
	cost_memory
}
