# shellcheck shell=bash
# limits: what lbthrottle and lbretry are held to, against lbmock enforcing quotas and failing. Sourced by run.
# shellcheck disable=SC2154 # work, BIN and url are run's

mock_log=

# start_mock NAME [option]...: sets url and mock_log; a port of the last one's can be had again with
# "--port $mock_port".
start_mock()
{
	mock_log=$work/$1.log
	shift
	mkfifo "$work/ready"
	"$BIN/lbmock" --port 0 --ready-fd 5 --log "$mock_log" "$@" 5>"$work/ready" >/dev/null &
	server=$!
	read -r mock_port <"$work/ready" || die "lbmock did not start"
	rm "$work/ready"
	url=http://127.0.0.1:$mock_port
}

# requests N [MEMBERS]: chat requests with ids, and more members in their bodies.
requests()
{
	awk -v n="$1" -v more="${2-}" 'BEGIN {
		for (i = 1; i <= n; i++)
			printf "{\"custom_id\":\"r%d\",\"body\":{\"model\":\"m\"%s,\"messages\":[{\"role\":\"user\",\"content\":\"question %d\"}]}}\n", i, more, i
	}'
}

# log_count EXPR: lines of the log for which a jq expression is true.
log_count()
{
	jq -c "select($1)" "$mock_log" | wc -l
}

# Seconds from the first to the last line of the log with this status.
log_span()
{
	jq -r "select(.status == $1) | .t" "$mock_log" |
		awk 'NR == 1 || $1 < first { first = $1 } $1 > last { last = $1 } END { print last - first }'
}

quota_alone()
{
	local rate=500 burst=500
	start_mock alone --rpm $((rate * 60)) --burst 700 --latency 50ms
	requests 5000 | "$BIN/lbthrottle" -r $((rate * 60)) "$BIN/lbcall" -u "$url" -c 200 >/dev/null
	row "5,000 requests under a quota, time against the ideal" \
		"$(awk -v t="$(log_span 200)" -v n=$((5000 - burst)) -v r=$rate 'BEGIN { print t / (n / r) }')" \
		%.3f '<=' 1.03 x
	row "the same, 429s" "$(log_count '.status == 429')" %d '<=' 0 ""
	stop_server
}

# One of several processes under one quota, killed with all of its group after a while, again and again.
killed_client()
{
	local i
	for ((i = 0; i < 100; i++)); do
		setsid "$BIN/lbthrottle" -f "$work/shared.rate" -r 30000 \
			"$BIN/lbcall" -u "$url" -c 50 <"$work/endless" >/dev/null 2>&1 &
		echo $! >>"$work/groups"
		sleep "$(awk -v seed="$1$i" 'BEGIN { srand(seed); print 0.5 + 2.5 * rand() }')"
		kill -KILL -- -$! 2>/dev/null
	done
}

quota_shared()
{
	local rate=500 i clients=()
	start_mock shared --rpm $((rate * 60)) --burst 700 --latency 50ms
	requests 100000 >"$work/endless"
	for ((i = 0; i < 4; i++)); do
		killed_client $i 2>/dev/null &
		clients+=($!)
		setsid "$BIN/lbthrottle" -f "$work/shared.rate" -r $((rate * 60)) \
			"$BIN/lbcall" -u "$url" -c 50 <"$work/endless" >/dev/null 2>&1 &
		echo $! >>"$work/groups"
	done
	sleep 20
	kill -KILL "${clients[@]}"
	while read -r i; do
		kill -KILL -- "-$i" 2>/dev/null
	done <"$work/groups"
	wait "${clients[@]}" 2>/dev/null
	# The first seconds have the burst, the last one the killing.
	row "8 processes on one quota, 4 killed again and again: quota used" \
		"$(jq -r 'select(.status == 200) | .t' "$mock_log" | awk -v r=$rate '
			NR == 1 { first = $1 + 2; last = first + 16 }
			$1 >= first && $1 < last { n++ }
			END { print 100 * n / (r * 16) }')" %.1f '>=' 98 " %"
	row "the same, 429s" "$(log_count '.status == 429')" %d '<=' 0 "" \
		"$(($(wc -l <"$work/groups") - 4)) processes killed"
	stop_server
}

quota_foreign()
{
	local rate=200 foreign status=0
	start_mock foreign --rpm $((rate * 60)) --burst $((rate * 2)) --latency 100ms±30ms
	requests 100000 ',"user":"foreign"' >"$work/foreign.in"
	setsid "$BIN/lbthrottle" -r $((rate * 30)) --burst 1 \
		"$BIN/lbcall" -u "$url" -c 100 <"$work/foreign.in" >/dev/null 2>&1 &
	foreign=$!
	requests 3000 ',"user":"ours"' |
		"$BIN/lbretry" "$BIN/lbthrottle" -a "$BIN/lbcall" -u "$url" -c 100 >"$work/foreign.out" || status=$?
	kill -KILL -- -$foreign
	row "a foreign client takes half of the quota, with -a: 429s" \
		"$(awk -v n="$(log_count '.status == 429 and .custom == "ours"')" \
			-v all="$(log_count '.custom == "ours"')" 'BEGIN { print 100 * n / all }')" %.2f '<=' 1 " %" \
		"$(awk -v t="$(jq -r 'select(.custom == "ours") | .t' "$mock_log" | sed -n '1p;$p' | xargs | awk '{ print $2 - $1 }')" \
			'BEGIN { printf "%.0f/s", 3000 / t }')"
	row "the same, requests that failed" \
		"$(jq -c 'select(.error != null)' "$work/foreign.out" | wc -l)" %d '<=' 0 "" "status $status"
	stop_server
}

# Prompts of many kinds in turn.
mixed_requests()
{
	awk -v n="$1" 'BEGIN {
		text[0] = "The quick brown fox jumps over the lazy dog while the committee deliberates about the budget. "
		text[1] = "语言模型可以回答许多问题，但是每个请求都要花钱，所以我们要小心地使用它们。"
		text[2] = "Быстрая коричневая лиса перепрыгивает через ленивую собаку, пока комитет обсуждает бюджет. "
		text[3] = "for (size_t i = 0; i < count; i++) { if (items[i] == NULL) continue; total += items[i]->size; } "
		text[4] = "TWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdvcmsuCkFsbCB0aGF0IGdsaXR0ZXJzIGlzIG5vdCBnb2xkLgo4f3JhbmRvbQ"
		srand(3)
		for (i = 1; i <= n; i++) {
			kind = int(5 * rand())
			content = ""
			for (j = 2 + int(16 * rand()); j > 0; j--)
				content = content text[kind]
			printf "{\"custom_id\":\"r%d\",\"body\":{\"model\":\"m\",\"max_tokens\":%d,\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}}\n", i, 20 + int(100 * rand()), content
		}
	}'
}

quota_tokens()
{
	local rate=60000 # a second
	# The provider counts more than is estimated, as Anthropic's newer models do.
	start_mock tokens --tpm $((rate * 60)) --latency 50ms --prompt-tokens 130
	# All but two seconds' worth is gone, so that there is nothing to live on but the rate.
	echo "{\"custom_id\":\"all\",\"body\":{\"model\":\"m\",\"max_tokens\":$((rate * 58)),\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}}" |
		"$BIN/lbcall" -u "$url" >/dev/null
	mixed_requests 8000 |
		"$BIN/lbretry" "$BIN/lbthrottle" -t $((rate * 60)) "$BIN/lbcall" -u "$url" -c 200 >/dev/null
	row "tokens a minute, prompts of five kinds, after 200 answers: used" \
		"$(jq -r 'select(.status == 200) | "\(.t) \(.prompt_tokens + .max_tokens)"' "$mock_log" |
			awk -v r=$rate 'NR == 202 { first = $1 } NR > 202 { n += $2; last = $1 }
				END { print 100 * n / ((last - first) * r) }')" %.1f '>=' 95 " %"
	row "the same, 429s" \
		"$(awk -v after="$(jq -r 'select(.status == 200) | .t' "$mock_log" | sed -n 202p)" \
			'$2 == 429 && $1 > after { n++ } END { print n + 0 }' \
			<(jq -r '"\(.t) \(.status)"' "$mock_log"))" %d '<=' 0 ""
	stop_server
}

faults()
{
	local status=0
	start_mock faults --latency 20ms \
		--fail 429:2%,500:2%,503:1%,529:1%,408:1%,cut:1%,reset:1%,garbage:0.5%,error200:0.5%
	requests 10000 | "$BIN/lbretry" -n 8 -b 50ms "$BIN/lbcall" -u "$url" -c 200 >"$work/faults.out" || status=$?
	row "10,000 requests, 10 % faults of all kinds: extra requests" \
		"$(awk -v n="$(wc -l <"$mock_log")" 'BEGIN { print (n - 10000) / 100 }')" %.1f '<=' 15 " %"
	row "the same, requests that failed" \
		"$(jq -c 'select(.error != null)' "$work/faults.out" | wc -l)" %d '<=' 0 "" "status $status"
	stop_server
}

outage()
{
	local rate=500 job status=0 sent before
	start_mock before --rpm $((rate * 60)) --burst 700 --latency 50ms
	requests 10000 >"$work/outage.in"
	"$BIN/lbretry" "$BIN/lbthrottle" -r $((rate * 60)) "$BIN/lbcall" -u "$url" -c 100 \
		<"$work/outage.in" >"$work/outage.out" &
	job=$!
	sleep 5
	stop_server
	before=$(wc -l <"$mock_log")
	start_mock during --port "$mock_port" --fail 503:100%
	sleep 60
	stop_server
	sent=$(wc -l <"$mock_log")
	start_mock after --port "$mock_port" --rpm $((rate * 60)) --burst 700 --latency 50ms
	wait $job || status=$?
	row "an outage of 60 s: requests sent during it" "$sent" %d '<=' $((100 + before / 5)) "" \
		"after $before, at $rate a second"
	row "the same, requests that failed" \
		"$(jq -c 'select(.error != null)' "$work/outage.out" | wc -l)" %d '<=' 0 "" "status $status"
	row "the same, the most in a second after it" \
		"$(jq -r '.t | floor' "$mock_log" | sort | uniq -c | sort -rn | awk 'NR == 1 { print $1 }')" \
		%d '<=' $((rate * 2)) "" "a second's burst and a second's rate"
	row "the same, 429s" "$(log_count '.status == 429')" %d '<=' 0 ""
	stop_server
}

credit()
{
	local status=0
	start_mock credit --quota 100 --latency 20ms
	requests 10000 | "$BIN/lbretry" "$BIN/lbcall" -u "$url" -c 20 >"$work/credit.out" 2>/dev/null || status=$?
	row "no credit from the 100th request on: requests sent after it" \
		"$(log_count '.status == 429')" %d '<=' 20 "" "status $status"
	row "the same, the rest is quota_exhausted" \
		"$(jq -c 'select(.error.code == "quota_exhausted")' "$work/credit.out" | wc -l)" %d '>=' 9900 ""
	stop_server
}

# throttle_cost WHAT LIMIT...: with another process at work on the same state.
throttle_cost()
{
	local what=$1 i other
	shift
	for ((i = 0; i < PAIRS; i++)); do
		measure bare-requests -i "$work/requests" -o /dev/null "$BIN/lbchunk" -u
		taskset -c 0 "$BIN/lbthrottle" "$@" -f "$work/cost.rate" \
			< <(while cat "$work/requests"; do :; done 2>/dev/null) >/dev/null &
		other=$!
		measure throttled -i "$work/requests" -o /dev/null \
			"$BIN/lbthrottle" "$@" -f "$work/cost.rate"
		kill $other
		wait $other 2>/dev/null
	done
	row "lbthrottle, state shared by 2, $what: CPU time of a record" \
		"$(median '(($2 + $3) - ($6 + $7)) * 1e6 / 200000' throttled bare-requests)" %.2f '<=' 3 " us" \
		"passing it on takes $(median 'int(($2 + $3) * 1e8 / 200000) / 100' bare-requests)"
	rm "$work/throttled" "$work/bare-requests" "$work/cost.rate"
}

limits()
{
	quota_alone
	quota_shared
	quota_foreign
	quota_tokens
	faults
	outage
	credit
	"$AID/records" requests 200000 >"$work/requests"
	throttle_cost "requests a minute" -r 9G
	throttle_cost "and tokens, of 1 KB" -r 9G -t 9G
	rm "$work/requests"
}
