# shellcheck shell=bash
# batch: what lbbatch is held to, against lbmock. Sourced by run, behind limits.
# shellcheck disable=SC2154 # work, BIN, PAIRS, url and mock_log are run's and limits'

# 200,000 requests of 1 KB.
batch_requests()
{
	awk 'BEGIN {
		for (text = ""; length(text) < 850;)
			text = text "The quick brown fox jumps over the lazy dog. "
		for (i = 1; i <= 200000; i++)
			printf "{\"custom_id\":\"product-%d\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"%s %d\"}],\"max_tokens\":50}}\n", i, text, i
	}'
}

# The same bytes by cat and curl: the requests are kept, and written as they are sent; they are sent, and
# results fetched; and what comes out is both, written. Files of a job that lbbatch has done.
batch_bytes()
{
	cat <<-'EOT'
		set -e
		cat "$1" >"$work/kept"
		cat "$1" >"$work/sent"
		for i in 1 2 3 4; do
			curl -sSf -o "$work/answer" -F purpose=batch -F "file=@$work/job/$i.requests" "$url/v1/files"
		done
		for file in $(cat "$work/files"); do
			curl -sSf -o "$work/got" "$url/v1/files/$file/content"
			cat "$work/got" >>"$work/all"
		done
		cat "$work/kept" "$work/all" >"$work/out"
		rm "$work/all"
	EOT
}

batch_work()
{
	local i
	export work url
	start_mock batch
	batch_requests >"$work/big"
	for ((i = 0; i < PAIRS; i++)); do
		rm -rf "$work/job"
		measure batch "$BIN/lbbatch" -s "$work/job" --poll 100ms -u "$url" <"$work/big" >"$work/out"
		jq -r 'select(.event == "ended").output' "$work/job/journal" >"$work/files"
		measure bytes sh -c "$(batch_bytes)" sh "$work/big" >/dev/null
	done
	row "batch: 200,000 requests of 1 KB, work against cat and curl" \
		"$(median '($2 + $3) / ($6 + $7)' batch bytes)" %.2f '<=' 3 x \
		"$(median '($2 + $3) * 1000000 / 200000' batch) us a request"
	row "the same, peak memory" "$(median '$4 / 1024' batch)" %.1f '<=' 40 MB
	stop_server
	rm -rf "$work/job" "$work"/{big,out,kept,sent,got}
}

# Ten jobs of ten batches, each killed three times.
batch_kills()
{
	local round kill pid lost=0 made=0 paid=0
	start_mock kills --batch-time 150ms
	requests 200 >"$work/in"
	for ((round = 0; round < 10; round++)); do
		rm -rf "$work/job"
		for ((kill = 0; kill < 3; kill++)); do
			"$BIN/lbbatch" -s "$work/job" --poll 10ms --max-requests 20 -u "$url" \
				<"$work/in" >/dev/null 2>&1 &
			pid=$!
			sleep "$(awk -v seed="$round$kill" 'BEGIN { srand(seed); print 0.25 * rand() }')"
			kill -KILL $pid 2>/dev/null
			wait $pid 2>/dev/null
		done
		"$BIN/lbbatch" -s "$work/job" --poll 10ms --max-requests 20 -u "$url" \
			<"$work/in" >"$work/out" 2>/dev/null
		lost=$((lost + 200 - $(jq -r 'select(.error == null).custom_id' "$work/out" | sort -u | wc -l)))
	done
	made=$(log_count '.method == "POST" and .batch and .requests')
	paid=$(log_count '.custom and .batch')
	row "30 kills at random moments: batches made beyond the 100" $((made - 100)) %d '<=' 0 ""
	row "the same, requests paid beyond the 2,000" $((paid - 2000)) %d '<=' 0 ""
	row "the same, results lost" $lost %d '<=' 0 ""
	stop_server
}

batch()
{
	batch_work
	batch_kills
}
