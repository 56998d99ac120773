#!/usr/bin/env bats
# contrib/recipes: those that run several processes. Every request is answered once, the quota and the
# budget are those of all together, and a job that was killed goes on.

load helper

RECIPES=$TOP/contrib/recipes
JOB=

teardown() {
	# shellcheck disable=SC2046 # numbers
	[ -z "$JOB" ] || kill -KILL $(ps -o pid= -s "$JOB") 2>/dev/null || true
	stop_mocks
}

provider() {
	start_mock --log calls "$@"
	export OPENAI_BASE_URL=$MOCK OPENAI_API_KEY=sk-test
}

# requests N [LENGTH]: with ids r1, r2 and so on, and a text that is so long at least.
requests() {
	awk -v n="$1" -v least="${2-10}" 'BEGIN {
		text = "x "
		while (length(text) < least)
			text = text text
		for (i = 1; i <= n; i++)
			printf "{\"custom_id\":\"r%d\",\"body\":{\"model\":\"gpt-4o-mini\",\"max_tokens\":20,\"user\":\"r%d\",\"messages\":[{\"role\":\"user\",\"content\":\"%d %s\"}]}}\n", i, i, i, text
	}'
}

# answered FILE N: it has the results of r1 to rN, each once, all good.
answered() {
	holds "$1" '.error == null and .response.status_code == 200'
	jq -r .custom_id "$1" | sort >got
	seq -f r%.0f "$2" | sort >want
	same want got
}

# What went over the quota.
turned_away() {
	jq -c 'select(.status == 429)' calls | wc -l
}

# killed N COMMAND...: run it on in.jsonl, until N calls were made; then kill all of its session: GNU parallel
# gives each lane a process group.
killed() {
	local n=$1
	shift
	setsid "$@" <in.jsonl >killed.out 2>killed.err 3>&- &
	JOB=$!
	made() { [ "$(lines calls)" -ge "$n" ]; }
	until_true made
	# shellcheck disable=SC2046 # numbers
	kill -KILL $(ps -o pid= -s "$JOB")
	wait "$JOB" || true
	JOB=
}

@test "shard-xargs: each answered once, lines of 16 KiB whole, one quota; only logs and quota stay" {
	requests 400 16000 >in.jsonl
	provider --rpm 12000 --burst 240 --latency 20ms
	RPM=12000 call "$RECIPES/shard-xargs" 4 in.jsonl results.jsonl
	status_is 0
	answered results.jsonl 400
	[ "$(lines calls)" -eq 400 ]
	[ "$(turned_away)" -eq 0 ]
	rm in.jsonl results.jsonl got want calls mock.err mock.out out err
	find . -type f | sed 's/\.part\..*\.log/.part.log/' | sort | uniq -c | xargs >../files
	cat ../files
	[ "$(cat ../files)" = "4 ./results.jsonl.part.log 1 ./results.jsonl.rate" ]
}

@test "shard-xargs: killed with all its processes it goes on, and pays again only what was in flight" {
	requests 600 >in.jsonl
	provider --latency 50ms
	export RPM=12000
	killed 200 "$RECIPES/shard-xargs" 3 in.jsonl results.jsonl
	call "$RECIPES/shard-xargs" 3 in.jsonl results.jsonl
	status_is 0
	answered results.jsonl 600
	echo "$(lines calls) calls"
	[ "$(lines calls)" -le $((600 + 3 * 50)) ]
}

@test "shard-xargs: the highest status of its processes is its own; misuse is status 2" {
	requests 40 >in.jsonl
	echo 'no JSON' >>in.jsonl
	provider
	export RPM=60000
	call "$RECIPES/shard-xargs" 4 in.jsonl results.jsonl
	status_is 1
	[ "$(lines results.jsonl)" -eq 41 ]
	stop_mock
	provider --quota 10
	call "$RECIPES/shard-xargs" 4 in.jsonl others.jsonl
	status_is 3
	[ "$(lines others.jsonl)" -eq 41 ]
	call "$RECIPES/shard-xargs" none in.jsonl results.jsonl
	status_is 2
	call "$RECIPES/shard-xargs" 4 absent.jsonl none.jsonl
	status_is 4
}

@test "shard-parallel: each answered once over all lanes, one quota, one cache; again it asks nothing" {
	requests 600 300 >in.jsonl
	provider --rpm 12000 --burst 240 --latency 20ms
	export RPM=12000
	call "$RECIPES/shard-parallel" job <in.jsonl
	status_is 0
	answered out 600
	[ "$(lines calls)" -eq 600 ]
	[ "$(turned_away)" -eq 0 ]
	# All lanes had a share.
	[ "$(awk 'NR > 1 && $5 > 0' job.lanes | wc -l)" -eq 4 ]
	call "$RECIPES/shard-parallel" job <in.jsonl
	status_is 0
	answered out 600
	# Another job has the cache's answers.
	CACHE=job.cache call "$RECIPES/shard-parallel" other <in.jsonl
	status_is 0
	answered out 600
	echo "$(lines calls) calls"
	[ "$(lines calls)" -eq 600 ]
}

@test "shard-parallel: the budget holds over all lanes, status 3, and each request comes out" {
	requests 300 300 >in.jsonl
	provider --latency 20ms
	export RPM=60000
	# About 0.00003 each at lbmock's word.
	USD=0.002 call "$RECIPES/shard-parallel" job <in.jsonl
	status_is 3
	[ "$(lines out)" -eq 300 ]
	[ "$(jq -r 'select(.error) | .error.code' out | sort -u)" = budget_exceeded ]
	jq -s 'map(.prompt_tokens * 0.15 + .completion_tokens * 0.6) | add / 1e6' calls >spent
	awk '{ exit !($1 > 0.001 && $1 <= 0.002) }' spent
	call "$RECIPES/shard-parallel" job <in.jsonl
	status_is 0
	answered out 300
	[ "$(lines calls)" -eq 300 ]
}

@test "shard-parallel: failures are status 1 however many lanes have them; misuse of a tool is status 2" {
	requests 200 1000 >in.jsonl
	provider --fail 400:20%
	RPM=60000 call "$RECIPES/shard-parallel" job <in.jsonl
	status_is 1
	[ "$(lines out)" -eq 200 ]
	USD=nonsense call "$RECIPES/shard-parallel" other <in.jsonl
	status_is 2
	grep -q nonsense err
}

@test "shard-parallel: killed with all its lanes it goes on, and pays again only what was in flight" {
	requests 900 >in.jsonl
	provider --latency 50ms
	export RPM=12000
	killed 300 "$RECIPES/shard-parallel" job
	call "$RECIPES/shard-parallel" job <in.jsonl
	status_is 0
	answered out 900
	echo "$(lines calls) calls"
	# Four times 50, and what came in the second in which GNU parallel may not look.
	[ "$(lines calls)" -le $((900 + 4 * 50 + 200)) ]
}

# task I N [argument]...: the body of task I of N.
task() {
	local i=$1 n=$2
	shift 2
	SLURM_ARRAY_TASK_ID=$i SLURM_ARRAY_TASK_COUNT=$n call sh "$RECIPES/slurm-array" "$@"
}

@test "slurm-array: the tasks together answer each request once, and each keeps to its part of the quota" {
	requests 300 >in.jsonl
	provider
	local i
	for i in 0 1 2; do
		RPM=36000 task $i 3 in.jsonl results
		status_is 0
		[ "$(lines results/$i.jsonl)" -eq 100 ]
	done
	cat results/?.jsonl >all
	answered all 300
	# One of them again, alone.
	rm results/1.jsonl
	task 1 1 in.jsonl results
	status_is 0
	cat results/?.jsonl >all
	answered all 300
	[ "$(lines calls)" -eq 300 ]
	# Its part is 100 a minute, and two at once: this takes more than two seconds.
	requests 12 >in.jsonl
	RPM=300 task 0 3 in.jsonl slow
	status_is 0
	jq -r .t calls | tail -n 4 | sed -n '1p;$p' | xargs | awk '{ exit !($2 - $1 > 1) }'
}

@test "slurm-array: told to end it writes what is in flight, status 3; run again it goes on" {
	requests 300 >in.jsonl
	provider --latency 100ms
	export SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_COUNT=1 RPM=1200
	setsid sh "$RECIPES/slurm-array" in.jsonl results >out 2>err 3>&- &
	JOB=$!
	begun() { [ "$(lines results/0.log)" -ge 20 ]; }
	until_true begun
	# To the script alone, as Slurm does.
	kill -TERM "$JOB"
	status=0
	wait "$JOB" || status=$?
	JOB=
	status_is 3
	[ "$(lines calls)" -lt 200 ]
	holds results/0.jsonl '.error == null or .error.code == "cancelled"'
	[ "$(jq -c 'select(.error == null)' results/0.jsonl | wc -l)" -eq "$(lines calls)" ]
	RPM=60000 task 0 1 in.jsonl results
	status_is 0
	answered results/0.jsonl 300
	[ "$(lines calls)" -eq 300 ]
}

@test "slurm-array: outside of Slurm it is misuse; its head is what sbatch reads" {
	unset SLURM_ARRAY_TASK_ID
	call sh "$RECIPES/slurm-array" in.jsonl results
	status_is 2
	[ "$(head -n 2 "$RECIPES/slurm-array" | tail -n 1 | cut -c1-8)" = '#SBATCH ' ]
}

@test "stream-map: a line for each line, with or without a key before it, and failures are no failure" {
	requests 100 >in.plain
	awk '{ printf "%d\t%s\n", NR * 700, $0 }' in.plain >in.keyed
	provider --fail 400:10%
	export RPM=60000
	local input
	for input in in.plain in.keyed; do
		call "$RECIPES/stream-map" <$input
		status_is 0
		[ "$(lines out)" -eq 100 ]
		jq -r .custom_id out | sort >got
		jq -r .custom_id in.plain | sort >want
		same want got
		[ "$(jq -c 'select(.error)' out | wc -l)" -ge 1 ]
	done
	# Hadoop puts a tab behind each line.
	sed 's/$/\t/' out | lbchunk -u >again || [ $? -eq 1 ]
	[ "$(lines again)" -eq 100 ]
}

@test "stream-map: what is more than a failed record is a status, and a key may come in a file" {
	requests 10 >in.jsonl
	provider --key sk-file
	unset OPENAI_API_KEY
	echo sk-file >key
	export RPM=60000
	KEY_FILE=key call "$RECIPES/stream-map" <in.jsonl
	status_is 0
	answered out 10
	RPM=nonsense call "$RECIPES/stream-map" <in.jsonl
	status_is 2
	stop_mock
	provider --quota 3
	RPM=60000 call "$RECIPES/stream-map" <in.jsonl
	status_is 3
	[ "$(lines out)" -eq 10 ]
}
