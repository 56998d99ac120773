# shellcheck shell=bash
# helper: what the bats files share. Each test runs in a directory of its own.
#
#     load helper
#
#     @test "an answer for each request" {
#         start_mock --latency 20ms
#         call lbcall -u "$MOCK" <<<'{"custom_id":"a","body":{"model":"m","messages":[]}}'
#         status_is 0
#         [ "$(lines out)" -eq 1 ]
#     }

bats_require_minimum_version 1.5.0

TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
LB_BIN=${LB_BIN:-$TOP/build/bin}
# For commands that a tool starts by name.
PATH=$LB_BIN:$PATH
export LC_ALL=C
unset OPENAI_API_KEY OPENAI_BASE_URL ANTHROPIC_API_KEY ANTHROPIC_BASE_URL \
	http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY

MOCK_PIDS=()

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
	stop_mocks
}

# start_mock [option]...: an lbmock on a free port of loopback, which listens when this returns. Sets
# MOCK, its base URL, MOCK_PORT and MOCK_PID; what it says on stderr goes to the file mock.err. May be
# called more than once.
start_mock() {
	local ready
	ready=$(mktemp -u ready.XXXXXX)
	mkfifo "$ready"
	# Descriptor 3 is bats's own: a process that kept it would keep bats waiting.
	"$LB_BIN/lbmock" --port 0 --ready-fd 5 "$@" 5>"$ready" 3>&- </dev/null >mock.out 2>>mock.err &
	MOCK_PID=$!
	MOCK_PIDS+=("$MOCK_PID")
	MOCK_PORT=
	read -r MOCK_PORT <"$ready" || true
	rm -f "$ready"
	if [ -z "$MOCK_PORT" ]; then
		echo "lbmock did not start:"
		cat mock.err
		return 1
	fi
	MOCK=http://127.0.0.1:$MOCK_PORT
}

# End one lbmock (the last one started, or the one with this process id), and wait for its end.
stop_mock() {
	kill "${1:-$MOCK_PID}" 2>/dev/null || true
	wait "${1:-$MOCK_PID}" 2>/dev/null || true
}

stop_mocks() {
	local pid
	for pid in "${MOCK_PIDS[@]}"; do
		stop_mock "$pid"
	done
	MOCK_PIDS=()
}

# requests N [MEMBERS [QUESTIONS]]: chat requests with the ids 1 to N, which ask as many questions, or so many in
# turn. Their bodies tell the mock which they are, and have more MEMBERS ('"max_tokens":5,').
requests() {
	awk -v n="$1" -v members="${2-}" -v questions="${3-$1}" 'BEGIN {
		for (i = 1; i <= n; i++)
			printf "{\"custom_id\":\"%d\",\"body\":{\"model\":\"m\",\"user\":\"%d\",%s\"messages\":[{\"role\":\"user\",\"content\":\"Say %d.\"}]}}\n", i, i, members, (i - 1) % questions + 1
	}'
}

# call PROGRAM [argument]...: run a tool on the stdin of this function. Its stdout is in the file out, byte
# for byte, its stderr in err, its exit status in status. Ends it after a minute.
call() {
	status=0
	timeout 60 "$@" >out 2>err 3>&- || status=$?
}

# status_is N: as the last call left with; shows what it said if not.
status_is() {
	[ "$status" -eq "$1" ] && return
	echo "the status is $status, not $1; stderr and the first lines of stdout:"
	cat err
	head -n 5 out | cut -c1-500
	return 1
}

# same FILE FILE: byte for byte; shows the difference if not.
same() {
	cmp "$1" "$2" && return
	diff -u <(cut -c1-500 "$1" | head -n 50) <(cut -c1-500 "$2" | head -n 50) || true
	return 1
}

# lacks FILE TEXT: it is nowhere in the file. (A "! grep" would never fail a test.)
lacks() {
	grep -nF -e "$2" "$1" || return 0
	return 1
}

# lines FILE: how many there are.
lines() {
	awk 'END { print NR }' "$1"
}

# holds FILE EXPRESSION [jq argument]...: the jq expression is true of each line, and there is a line.
holds() {
	local file=$1 expression=$2
	shift 2
	[ -s "$file" ] || { echo "$file is empty"; return 1; }
	jq -es "$@" "all(.[]; $expression)" "$file" >/dev/null && return
	echo "not all of $file: $expression"
	jq -c "$@" "select(($expression) | not)" "$file" | cut -c1-500 | head -n 5
	return 1
}

# until_true COMMAND [argument]...: for 20 seconds at most.
until_true() {
	local end=$((SECONDS + 20))
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "never true: $*"
			return 1
		fi
		sleep 0.01
	done
}

# has_lines N FILE: it is there, and has come to N lines.
has_lines() {
	[ -e "$2" ] && [ "$(wc -l <"$2")" -ge "$1" ]
}
