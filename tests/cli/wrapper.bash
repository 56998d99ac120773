# shellcheck shell=bash
# wrapper: what the tests of the stage runner share; loaded after helper.

setup_file() {
	export WRAPPER=${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/cli/wrapper
}

# records N [PADDING]: requests r0 to r(N-1), with that many bytes of text.
records() {
	awk -v n="$1" -v padding="${2-10}" 'BEGIN {
		for (text = "x"; length(text) < padding; text = text text);
		text = substr(text, 1, padding)
		for (i = 0; i < n; i++)
			printf "{\"custom_id\":\"r%d\",\"body\":{\"n\":%d,\"text\":\"%s\"}}\n", i, i, text
	}'
}

# wrapper [argument]...: call it on the file in.
wrapper() {
	call "$WRAPPER" "$@" <in
}

# start [argument]...: run it in the background on a fifo that the test writes to through descriptor 8.
start() {
	mkfifo stdin
	timeout -k 5 60 "$WRAPPER" "$@" <stdin >out 2>err 3>&- &
	pid=$!
	exec 8>stdin
}

# The process id of the wrapper behind "timeout", once there is one.
wrapper_pid() {
	pgrep -P "$pid" -x wrapper
}

# Its exit status, when it has ended.
finish() {
	exec 8>&-
	status=0
	wait "$pid" || status=$?
}

# "${measured[@]}" COMMAND...: the most memory that it, or a command of it, took goes to the file peak, in KiB.
measured=(python3 -c '
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
open("peak", "w").write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))')

# peak_below KIB: a sanitizer takes more.
peak_below() {
	cat peak
	grep -q __asan_init "$WRAPPER" || [ "$(cat peak)" -lt "$1" ]
}

gone() {
	! kill -0 "$(cat "$1")" 2>/dev/null
}

# each_once: every record of in is in out, once, in whatever order and whatever became of it.
each_once() {
	jq -r .custom_id in | sort >want
	jq -r .custom_id out | sort >got
	same want got
}

# codes: how often each error code stands in out, as "2 command_died 3 none".
codes() {
	jq -r '.error.code // "none"' out | sort | uniq -c | xargs
}

