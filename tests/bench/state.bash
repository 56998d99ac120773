# shellcheck shell=bash
# state: what lbcheckpoint and lbcache are held to: resuming, logging, looking up and storing, against what
# reads and writes the same bytes bare; and what several processes, and kills, cost. Sourced by run.
# shellcheck disable=SC2154 # work, BIN, AID, PAIRS and url are run's

# A command that answers requests with 1 KB each.
write_answer()
{
	cat >"$work/answer.awk" <<-'EOT'
		BEGIN {
			while (length(text) < 780)
				text = text "harbour the of copper seven and engine quiet to window "
			answer = ",\"response\":{\"status_code\":200,\"request_id\":\"q\",\"body\":{\"id\":\"c\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"" text "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":200,\"total_tokens\":209}}},\"error\":null}"
		}
		{ print substr($0, 1, length($0) - 1) answer }
	EOT
}

# The time is that of --status, which reads the log as a start does, and no more.
resume()
{
	local log=$work/resume.log i
	"$AID/records" results 1000000 | "$BIN/lbcheckpoint" --sync never "$log" >/dev/null
	head -n 50000 "$log" >"$work/slice"
	for ((i = 0; i < PAIRS + 2; i++)); do
		measure wc -i "$log" -o /dev/null wc -l
		measure resume -o /dev/null "$BIN/lbcheckpoint" --status "$log"
		measure jq-ids -i "$work/slice" -o /dev/null jq -c .custom_id
	done
	row "resume of a log of 1,000,000 records, time against wc -l" \
		"$(median '$5 / $1' wc resume)" %.1f '<=' 20 x \
		"$(median "int($(wc -c <"$log") / \$1 / 1e6)" resume) MB/s"
	row "the same, against jq -c .custom_id" "$(median '20 * $5 / $1' resume jq-ids)" %.1f '>=' 20 x
	"$AID/records" results 300000 | sed 's/,"id":"call_.*/}/' >"$work/asks"
	head -n 300000 "$log" >"$work/short.log"
	rm "$log"
	for ((i = 0; i < PAIRS + 2; i++)); do
		measure replay -i "$work/asks" -o /dev/null "$BIN/lbcheckpoint" "$work/short.log" cat
	done
	row "replay of 300,000 done records, reading the log first" \
		"$(median "$(wc -c <"$work/short.log") / \$1 / 1e6" replay)" %.0f '>=' 300 " MB/s"
	rm "$work/short.log" "$work/asks" "$work/slice"
}

# Short records, so that it is not their text that counts.
done_memory()
{
	local n
	for n in 1 1000000 10000000; do
		awk -v n=$n 'BEGIN { for (i = 0; i < n; i++)
			printf "{\"custom_id\":\"r%d\",\"response\":{\"status_code\":200},\"error\":null}\n", i }' >"$work/done.log"
		chmod 600 "$work/done.log"
		measure done-$n -o /dev/null "$BIN/lbcheckpoint" --status "$work/done.log"
	done
	rm "$work/done.log"
	for n in 1000000 10000000; do
		row "memory of a done record, of $n" \
			"$(median "(\$4 - \$8) * 1024 / $n" done-$n done-1)" %.1f '<=' 32 " bytes"
	done
}

# Groups of 64 KiB, each brought to disk before anything of it is written out; against dd, which reads the same
# bytes and writes and synchronises so often.
append()
{
	local log=$work/append.log i groups
	"$AID/records" results 200000 >"$work/results"
	for ((i = 0; i < PAIRS + 2; i++)); do
		rm -f "$log"
		measure append -i "$work/results" -o /dev/null "$BIN/lbcheckpoint" --sync always "$log"
		cat "$log" >"$work/bytes"
		rm -f "$log"
		measure append-bare -o /dev/null \
			dd if="$work/bytes" of="$log" bs=64k oflag=dsync status=none
	done
	groups=$(($(wc -c <"$work/bytes") / 65536))
	row "append in groups, each synchronised, against dd" \
		"$(median '$5 / $1' append append-bare)" %.2f '>=' 0.7 x \
		"$groups groups, $(median "int($(wc -c <"$work/bytes") / \$1 / 1e6)" append) MB/s"
	rm "$log" "$work/bytes" "$work/results"
}

# per_second WHAT RESULTS BARE N LIMIT: N in a run; at least the limit, or half of what SQLite does bare if
# that is less.
per_second()
{
	local bare limit
	bare=$(median "int($4 / \$1)" "$3")
	limit=$(awk -v half="$bare" -v limit="$5" 'BEGIN { print int(half / 2 < limit ? half / 2 : limit) }')
	row "$1" "$(median "$4 / \$1" "$2")" %.0f '>=' "$limit" "/s" "bare SQLite $bare"
}

lookups()
{
	local n=100000 i
	write_answer
	requests $n >"$work/asks"
	for ((i = 0; i < PAIRS + 2; i++)); do
		rm -f "$work"/*.db*
		measure stores -i "$work/asks" -o /dev/null \
			"$BIN/lbcache" "$work/a.db" taskset -c 0 awk -f "$work/answer.awk"
		"$AID/measure" -c 1 "$AID/bare_sqlite" stores "$work/a.db" "$work/b.db" >>"$work/stores-bare"
		measure hits -i "$work/asks" -o /dev/null "$BIN/lbcache" "$work/a.db"
		"$AID/measure" -c 1 "$AID/bare_sqlite" hits "$work/a.db" >>"$work/hits-bare"
	done
	per_second "lbcache, warm, answers of 1 KB: hits" hits hits-bare $n 100000
	per_second "the same: misses stored" stores stores-bare $n 30000
	rm -f "$work"/*.db* "$work/asks" "$work/answer.awk"
}

asked_once()
{
	local i askers=()
	start_mock once --latency 20ms
	requests 10000 >"$work/asks"
	for ((i = 0; i < 4; i++)); do
		"$BIN/lbcache" "$work/once.db" "$BIN/lbcall" -u "$url" -c 50 <"$work/asks" >"$work/once.$i" &
		askers+=($!)
	done
	wait "${askers[@]}"
	row "4 processes ask one cache the same 10,000 questions: calls" "$(wc -l <"$mock_log")" %d '<=' 10000 "" \
		"$(cat "$work"/once.[0-3] | jq -c 'select(.error == null)' | wc -l) answers"
	stop_server
	rm -f "$work"/once.*
}

# The whole process group is killed, and started again with what it was given at first.
kills()
{
	local n=10000 c=20 i results
	start_mock kills --latency 40ms
	requests $n >"$work/asks"
	for ((i = 0; i < 50; i++)); do
		setsid "$BIN/lbcheckpoint" "$work/kills.state" "$BIN/lbcall" -u "$url" -c $c \
			<"$work/asks" >/dev/null 2>&1 &
		sleep "$(awk -v seed=$i 'BEGIN { srand(seed); print 0.05 + 0.5 * rand() }')"
		kill -KILL -- -$!
		wait $!
	done 2>/dev/null
	"$BIN/lbcheckpoint" "$work/kills.state" "$BIN/lbcall" -u "$url" -c $c <"$work/asks" >"$work/results" 2>/dev/null
	results=$(jq -r 'select(.error == null) | .custom_id' "$work/results" | sort -u | wc -l)
	row "50 kills of a run of 10,000 at 20 at a time: results" "$results" %d '>=' $n ""
	row "the same, calls paid twice, a kill" \
		"$(awk -v n="$(log_count '.status == 200')" -v unique=$n 'BEGIN { print (n - unique) / 50 }')" \
		%.1f '<=' 21 ""
	stop_server
	rm -f "$work"/kills.* "$work/asks" "$work/results"
}

state()
{
	resume
	done_memory
	append
	lookups
	asked_once
	kills
}
