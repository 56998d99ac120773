#!/usr/bin/env bats
# What all tools share, and each must keep: each test goes over every tool there is.
# (Tests that close descriptors or count time are not for valgrind, which opens files of its own.)

load helper

# A result as lbcall writes it.
RESULT='{"custom_id":"a","response":{"status_code":200,"body":{}},"error":null}'

tools() {
	local source
	for source in "$TOP"/tools/*.c; do
		basename "$source" .c
	done
}

# The least that a tool must be told to do its work, in args and operands; and in good a record that it
# takes without calling anybody, which makes one line of output and status 0.
describe() {
	args=()
	operands=()
	case $1 in
	lbbatch)
		args=(-s job -u http://127.0.0.1:9)
		good=$RESULT
		;;
	lbcall)
		args=(-u http://127.0.0.1:9)
		good=$RESULT
		;;
	lbchunk)
		args=(-m m -p x)
		good='{"id":"a"}'
		;;
	lbretry)
		args=(-n 2)
		good=$RESULT
		export OPENAI_BASE_URL=http://127.0.0.1:9
		;;
	lbcost)
		args=(--price '1,1')
		good=$RESULT
		;;
	lbcache)
		operands=(cache.db)
		good=$RESULT
		;;
	lbcheckpoint)
		operands=(job.log)
		good=$RESULT
		;;
	lbthrottle)
		args=(-r 1000000)
		good=$RESULT
		;;
	*)
		echo "$1: contract.bats does not know what arguments it needs: add it to describe"
		return 1
		;;
	esac
}

# each FUNCTION: call it for every tool, with tool, args and good set.
each() {
	local tool args operands good
	for tool in $(tools); do
		echo "tool: $tool"
		describe "$tool"
		"$@"
	done
}

# The first line of stderr.
complaint() {
	head -n 1 err
}

built() {
	[ -x "$LB_BIN/$tool" ]
	[ -f "$TOP/man/$tool.1" ]
}

@test "each tool is built and has a man page" {
	[ -n "$(tools)" ]
	each built
}

help() {
	call "$tool" --help
	status_is 0
	[ "$(head -c $((7 + ${#tool})) out)" = "usage: $tool" ]
	[ ! -s err ]
	mv out long
	call "$tool" -h
	status_is 0
	same out long
	# Help is wanted whatever else is there.
	call "$tool" --help "${args[@]}" operand
	status_is 0
}

@test "--help and -h print the usage on stdout" {
	each help
}

version() {
	call "$tool" --version
	status_is 0
	[ "$(cat out)" = "$tool 0.1.0" ]
	[ ! -s err ]
	call "$tool" -V
	status_is 0
	[ "$(cat out)" = "$tool 0.1.0" ]
}

@test "--version and -V print name and version" {
	each version
}

# misuse TEXT ARGUMENT...: status 2, the text in the first line of stderr, the synopsis behind it, no output.
misuse() {
	local text=$1
	shift
	call "$tool" "$@" <<<"$good"
	status_is 2
	[ ! -s out ]
	[[ $(complaint) == "$tool: "*"$text"* ]]
	grep -q "usage: $tool" err
	[ "$(lines err)" -le 7 ]
}

bad_options() {
	misuse no-such-option "${args[@]}" --no-such-option
	misuse @ "${args[@]}" -@
	misuse max-line "${args[@]}" --max-line
	misuse max-line "${args[@]}" --max-line=
	misuse max-line "${args[@]}" --max-line 12x
	misuse max-line "${args[@]}" --max-line -1
	misuse max-line "${args[@]}" --max-line 99999999999999999999
}

# bats test_tags=valgrind
@test "a bad option or value: status 2, the first line names it, nothing on stdout" {
	each bad_options
}

shown_safely() {
	call "$tool" "${args[@]}" $'--no\033[31msuch' </dev/null
	status_is 2
	lacks err $'\033'
}

@test "control characters of a bad option do not reach the terminal" {
	each shown_safely
}

empty() {
	call "$tool" "${args[@]}" "${operands[@]}" </dev/null
	status_is 0
	[ ! -s out ]
	[ ! -s err ]
	printf '\n\r\n\n' >input
	call "$tool" "${args[@]}" "${operands[@]}" <input
	status_is 0
	[ ! -s out ]
}

# bats test_tags=valgrind
@test "empty input, or empty lines only: status 0 and empty output" {
	each empty
}

endings() {
	printf '%s\n' "$good" >input
	call "$tool" "${args[@]}" "${operands[@]}" <input
	status_is 0
	[ "$(lines out)" -eq 1 ]
	mv out want
	printf '%s' "$good" >input
	call "$tool" "${args[@]}" "${operands[@]}" <input
	status_is 0
	same out want
	printf '\357\273\277%s\r\n\r\n' "$good" >input
	call "$tool" "${args[@]}" "${operands[@]}" <input
	status_is 0
	same out want
}

# bats test_tags=valgrind
@test "a missing final newline, CR LF and a byte-order mark make no difference" {
	each endings
}

# The lines of out that are failures, into failures.
failures() {
	jq -c 'select(.error != null)' out >failures
}

over_long() {
	{
		printf '%s\n' "$good"
		printf '{"id":"%02000d"}\n' 0
		printf '%s' "$good"
	} >input
	call "$tool" "${args[@]}" --max-line 1k "${operands[@]}" <input
	status_is 1
	[ "$(lines out)" -eq 3 ]
	failures
	[ "$(lines failures)" -eq 1 ]
	holds failures '.custom_id == null and .error.code == "bad_record" and .error.line == 2'
	holds failures '.error.raw | startswith("{\"id\":\"000")'
	# At the limit is not over it.
	printf '{"id":"%01014d"}\n' 0 >input
	[ "$(wc -c <input)" -eq 1024 ]
	call "$tool" "${args[@]}" --max-line 1k "${operands[@]}" <input
	[ "$(jq -r '.error.code' out)" != bad_record ] || [[ $tool = lbcall || $tool = lbbatch ]]
}

# bats test_tags=valgrind
@test "an over-long line is a bad_record, and the rest goes on" {
	each over_long
}

# Lines that are no JSON: text for printf.
BAD_LINES=('{"custom_id":"x",}' '{"a":1' 'nonsense' '"a' '{"a":01}' '[1,2' $'{"a":"\t"}' '{"a":1}{"b":2}' '{"a":NaN}')

bad_json() {
	local bad
	for bad in "${BAD_LINES[@]}"; do
		echo "line: $bad"
		printf '%s\n\n%s\n%s\n' "$good" "$bad" "$good" >input
		call "$tool" "${args[@]}" "${operands[@]}" <input
		status_is 1
		[ "$(lines out)" -eq 3 ]
		failures
		[ "$(lines failures)" -eq 1 ]
		holds failures '.custom_id == null and .error.code == "bad_record" and .error.line == 3'
		holds failures '.error.message | startswith("line 3: ")'
		# shellcheck disable=SC2016 # jq's variable
		holds failures '.error.raw == $bad and (.error | has("raw_base64") | not)' --arg bad "$bad"
	done
}

@test "a line that is not JSON is a bad_record with its number and text" {
	each bad_json
}

bad_bytes() {
	printf '%s\n{"a":"\377\300\200z"}\n{"b":"\0"}\n' "$good" >input
	call "$tool" "${args[@]}" "${operands[@]}" <input
	status_is 1
	[ "$(lines out)" -eq 3 ]
	failures
	[ "$(lines failures)" -eq 2 ]
	sed -n 1p failures >first
	holds first '.error.raw == "{\"a\":\"\ufffd\ufffd\ufffdz\"}"'
	jq -r .error.raw_base64 first | base64 -d >decoded
	printf '{"a":"\377\300\200z"}' >want
	same decoded want
	sed -n 2p failures >second
	holds second '.error.code == "bad_record" and .error.line == 3'
}

# bats test_tags=valgrind
@test "invalid UTF-8 and NUL are bad records, whose bytes can be had back" {
	each bad_bytes
}

too_deep() {
	printf '{"id":"a","body":%s1%s}\n%s\n' "$(printf '%0600d' 0 | tr 0 '[')" "$(printf '%0600d' 0 | tr 0 ']')" \
		"$good" >input
	call "$tool" "${args[@]}" "${operands[@]}" <input
	status_is 1
	[ "$(lines out)" -eq 2 ]
	failures
	holds failures '.error.code == "bad_record" and .error.line == 1'
}

@test "a record nested too deep is a bad_record" {
	each too_deep
}

pretty_printed() {
	printf '%s\n' "$good" | jq . >input
	call "$tool" "${args[@]}" "${operands[@]}" <input
	[ "$status" -ne 0 ]
	grep -qF 'jq -c .' err
	lacks err "jq -c '.[]'"
	printf '%s\n' "$good" | jq -s . >input
	call "$tool" "${args[@]}" "${operands[@]}" <input
	[ "$status" -ne 0 ]
	grep -qF "jq -c '.[]'" err
	printf '[%s,\n%s]\n' "$good" "$good" >input
	call "$tool" "${args[@]}" "${operands[@]}" <input
	[ "$status" -ne 0 ]
	grep -qF "jq -c '.[]'" err
	# Hints are for the start: a bad line further on is only a bad line.
	printf '%s\n{\n' "$good" >input
	call "$tool" "${args[@]}" "${operands[@]}" <input
	lacks err 'jq -c'
}

@test "pretty-printed JSON and one big array are told what to do" {
	each pretty_printed
}

garbage() {
	# The same bytes on every machine: a linear congruential generator, without CR.
	awk 'BEGIN {
		x = 1
		for (i = 0; i < 60000; i++) {
			x = (x * 1103515245 + 12345) % 2147483648
			c = int(x / 65536) % 256
			printf "%c", c == 13 ? 10 : c
		}
	}' >input
	want=$(grep -acv '^$' input)
	[ "$want" -gt 100 ]
	call "$tool" "${args[@]}" "${operands[@]}" <input
	status_is 1
	[ "$(lines out)" -eq "$want" ]
	jq -e . out >/dev/null
	lacks err $'\033'
}

# bats test_tags=valgrind
@test "every line of binary garbage is accounted for" {
	each garbage
}

disk_full() {
	status=0
	printf '%s\n' "$good" | "$tool" "${args[@]}" "${operands[@]}" 2>err >/dev/full || status=$?
	: >out
	status_is 4
	[[ $(complaint) == "$tool: "* ]]
	status=0
	yes "$good" | head -n 20000 | "$tool" "${args[@]}" "${operands[@]}" 2>err >/dev/full || status=$?
	status_is 4
	[ "$(lines err)" -eq 1 ]
	status=0
	"$tool" --help 2>err >/dev/full || status=$?
	status_is 4
	status=0
	"$tool" --version 2>err >/dev/full || status=$?
	status_is 4
}

@test "a full disk: status 4 and a message, even for --help" {
	each disk_full
}

closed() {
	: >out
	status=0
	printf '%s\n' "$good" | "$tool" "${args[@]}" "${operands[@]}" 2>err >&- || status=$?
	status_is 4
	[ -s err ]
	status=0
	"$tool" "${args[@]}" "${operands[@]}" 2>err >out <&- || status=$?
	status_is 4
	[ -s err ]
	# There is nowhere to complain then; it must not write its messages into a state file either.
	status=0
	printf '%s\n' "$good" | "$tool" "${args[@]}" "${operands[@]}" 2>&- >out || status=$?
	status_is 0
	[ "$(lines out)" -eq 1 ]
}

@test "closed stdout or stdin: status 4; closed stderr does no harm" {
	each closed
}

unreadable() {
	call "$tool" "${args[@]}" "${operands[@]}" <.
	status_is 4
	[[ $(complaint) == "$tool: "* ]]
}

@test "input that cannot be read: status 4 and a message" {
	each unreadable
}

reader_gone() {
	local statuses
	yes "$good" | head -n 20000 >big
	"$tool" "${args[@]}" "${operands[@]}" <big 2>err | true
	statuses=("${PIPESTATUS[@]}")
	[ "${statuses[0]}" -eq 4 ]
	[ ! -s err ]
	"$tool" "${args[@]}" "${operands[@]}" <big 2>err | head -n 1 >out
	statuses=("${PIPESTATUS[@]}")
	[ "${statuses[0]}" -eq 4 ]
	[ ! -s err ]
	[ "$(lines out)" -eq 1 ]
	# With SIGPIPE ignored, as under some parents, write(2) fails instead.
	(
		trap '' PIPE
		"$tool" "${args[@]}" "${operands[@]}" <big 2>err || echo $? >status
	) | true
	[ "$(cat status)" -eq 4 ]
	[ ! -s err ]
}

@test "when the reader goes away: quietly status 4" {
	each reader_gone
}

# Records that a tool which reprinted them would change. Lines for a tool that passes results on.
hostile_results() {
	cat <<-'EOT'
		{"custom_id":"digits","response":{"status_code":200,"body":{"n":12345678901234567890,"m":-0}},"error":null}
		{"custom_id":"numbers","response":{"body":[1.0,1e400,-1E-400,0.10,1e2,100000000000000000000000001]},"error":null}
		{"custom_id":"escapes","response":{"body":"\u0041\/\ud83d\ude00\ud800\u0000 é € 😀"},"error":null}
		{"response":{"a":1,"a":2},"custom_id":"first","custom_id":"duplicates","error":null,"x":1,"x":1.0}
		{ "custom_id" : "space" ,	"response" : { "status_code" : 200 } , "error" : null }
		{"custom_id":null,"error":{"code":"http_500","message":"failed already"},"response":null}
		{"\u0063ustom_id":"key","\u0072esponse":{"status_code":200},"error":null,"":{"":[]}}
		{"custom_id":12345678901234567890,"response":{},"error":null,"lb":{"ms":1.50,"other":[ 1 ]}}
	EOT
}

results_unchanged() {
	case $tool in
	lbchunk) return ;; # results are what it unpacks
	esac
	hostile_results >input
	call "$tool" "${args[@]}" "${operands[@]}" <input
	[ "$status" -eq 0 ] || [ "$status" -eq 1 ]
	same out input
}

# bats test_tags=valgrind
@test "results pass byte for byte: digits, 1.0, 1e400, escapes, duplicates, space" {
	each results_unchanged
}

many() {
	yes "$good" | head -n 50000 >input
	call "$tool" "${args[@]}" "${operands[@]}" <input
	status_is 0
	[ "$(lines out)" -eq 50000 ]
}

@test "fifty thousand records make fifty thousand lines" {
	each many
}

flushed() {
	mkfifo in back
	"$tool" "${args[@]}" "${operands[@]}" <in >back 2>err 3>&- &
	exec 7>in 8<back
	printf '%s\n' "$good" >&7
	# The input stays open: a tool that waited for more before it wrote would be late here.
	read -r -t 30 line <&8
	[ -n "$line" ]
	exec 7>&-
	wait $!
	exec 8<&-
	rm in back
}

# bats test_tags=valgrind
@test "a record is not held back while the tool waits for more" {
	each flushed
}

# The long options in --help, and those that the man page defines.
documented() {
	call "$tool" --help
	grep -oE '(^|[^a-z-])--[a-z][a-z-]*' out | grep -oE -e '--[a-z-]+' | sort -u >in_help
	sed -n 's/^\.It Fl //p' "$TOP/man/$tool.1" | grep -oE 'Fl -[a-z][a-z-]*|^-[a-z][a-z-]*' |
		sed 's/.*Fl //; s/^/-/' | sort -u >in_man
	[ -s in_help ]
	diff -u in_help in_man
}

@test "the options of --help are those of the man page" {
	each documented
}
