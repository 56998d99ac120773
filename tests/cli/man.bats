#!/usr/bin/env bats
# The man pages: their examples run, and they say what the programs do.
#
# An example is a literal display (.Bd -literal) or a .Dl line under EXAMPLES: a complete shell script. It
# runs in a directory with the input files that the pages name, with lbmock for the provider. What it must
# come to stands in a comment before it:
#
#     .\" test: STATUS FILE LINES EXPRESSION     FILE has LINES lines; the jq expression is true of each
#     .\" test: STATUS FILE LINES ~ PATTERN      ... the extended regular expression matches each
#
# FILE "-" is the standard output, LINES "-" any number, of which one must match. Without such a comment
# an example must end with status 0 and print something, unless it starts a server.

load helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	mkdir bin examples input
	: >started
}

teardown() {
	local pid
	while read -r pid; do
		kill "$pid" 2>/dev/null || true
	done <"$BATS_TEST_TMPDIR/started"
	stop_mocks
}

# extract PAGE: each example in examples/N.sh, its comment in examples/N.test.
extract() {
	awk -v folder=examples '
		# The bytes that a reader of the page sees and copies.
		function plain(text) {
			gsub(/\\\(aq/, "\047", text)
			gsub(/\\\(dq/, "\"", text)
			gsub(/\\\(ga/, "`", text)
			gsub(/\\\(ha/, "^", text)
			gsub(/\\\(ti/, "~", text)
			gsub(/\\\(\+-/, "\302\261", text)
			gsub(/\\&/, "", text)
			gsub(/\\-/, "-", text)
			gsub(/\\e/, "\\", text)
			return text
		}
		function begin() {
			n++
			script = sprintf("%s/%02d.sh", folder, n)
			print test > sprintf("%s/%02d.test", folder, n)
			test = ""
		}
		/^\.Sh / { inside = $2 == "EXAMPLES" }
		!inside { next }
		/^\.\\" test: / { test = substr($0, 11) }
		/^\.Dl / { begin(); print plain(substr($0, 5)) > script; close(script) }
		/^\.Ed/ { if (literal) close(script); literal = 0 }
		literal { print plain($0) > script }
		/^\.Bd .*-literal/ { literal = 1; begin() }
	' "$TOP/man/$1"
}

# The files that the examples read.
make_input() {
	cat >products.jsonl <<-'EOT'
		{"id":1,"name":"Teapot","text":"A stoneware teapot for the kitchen","picture":"https://example.com/1.png"}
		{"id":2,"name":"Trowel","text":"Garden trowel with an ash handle","picture":"https://example.com/2.png"}
		{"id":3,"name":"Chess set","text":"A game for two players","picture":"https://example.com/3.png"}
		{"id":4,"name":"Cable","text":"For electronics, 2 m","picture":"https://example.com/4.png"}
		{"id":5,"name":"Bowl","text":"Glass, for kitchen or table","picture":"https://example.com/5.png"}
		{"id":6,"name":"Hose","text":"20 m, for the garden","picture":"https://example.com/6.png"}
		{"id":7,"name":"Cards","text":"A card game","picture":"https://example.com/7.png"}
		{"id":8,"name":"Radio","text":"Small, \"old-fashioned\" electronics","picture":"https://example.com/8.png"}
	EOT
	printf '%s\n' 'Good morning.' 'It says "no".' 'Is it late?' >notes.txt
	echo 'A letter.' >letter.txt
	echo 'A poem.' >poem.txt
	lbchunk -m m -p 'Classify as one of: kitchen, garden, game, electronics. \(.text)' <products.jsonl >requests.jsonl
	jq -c '. + {id: "call_1", response: {status_code: 200, request_id: null, body: {
			choices: [{message: {content: "x"}, finish_reason: "stop"}],
			usage: {prompt_tokens: 9, completion_tokens: 1, total_tokens: 10}}}, error: null}
		| .lb.ms = 100
		| if .custom_id == "1" or .custom_id == "2" then
			.response.status_code = 429 | .error = {code: "rate_limit_exceeded", message: "Wait."}
		elif .custom_id == "3" then
			.response = null | .error = {code: "http_500", message: "HTTP status 500"}
		elif .custom_id == "4" then
			.response.status_code = 400 | .error = {code: "context_length_exceeded", message: "Too long."}
		else . end' requests.jsonl >results.jsonl
	jq -c '. + (if .id > 6 then {error: {code: "refusal", message: "No."}} else {answer: "x"} end)' \
		products.jsonl >labels.jsonl
	echo '{"prompt_tokens":9,"completion_tokens":1}' >calls.ndjson
}

# In the examples lbmock takes a free port instead of 8080 and says on the pipe when it listens; what it
# is told comes behind that and goes before it.
make_lbmock() {
	cat >bin/lbmock <<-EOT
		#!/bin/sh
		echo \$\$ >>"$PWD/started"
		exec "$LB_BIN/lbmock" --port 0 --ready-fd 6 "\$@" 6>"$PWD/ready"
	EOT
	chmod +x bin/lbmock
	mkfifo ready
	# Open at both ends, so that neither side waits for the other.
	exec 7<>ready
}

# An lbmock that the example started, if any, has come to listen.
mock_listens() {
	grep -q '^lbmock ' "$1" || return 0
	grep -q -e --ready-fd "$1" && return
	read -r -t 30 _ <&7
}

# check EXAMPLE: does the outcome agree with the comment?
check() {
	local want file count expression
	read -r want file count expression <"${1%.sh}.test"
	if [ -z "$want" ]; then
		status_is 0
		[ -s out ] || grep -q '^lbmock ' "$1"
		return
	fi
	status_is "$want"
	[ "$file" != - ] || file=out
	[ "$count" = - ] || [ "$(lines "$file")" -eq "$count" ]
	case $expression in
	'~ '*)
		grep -qE -e "${expression#\~ }" "$file"
		[ "$count" = - ] || [ "$(grep -cE -e "${expression#\~ }" "$file")" -eq "$count" ]
		;;
	*) holds "$file" "$expression" ;;
	esac
}

# The examples of a page, each in a directory of its own.
run_examples() {
	local example
	(cd input && make_input)
	make_lbmock
	start_mock
	export OPENAI_BASE_URL=$MOCK ANTHROPIC_BASE_URL=$MOCK OPENAI_API_KEY=dummy ANTHROPIC_API_KEY=dummy
	PATH=$PWD/bin:$PATH
	extract "$1"
	[ -e examples/01.sh ]
	for example in examples/*.sh; do
		example=$PWD/$example
		sed -i "s/\\(127\\.0\\.0\\.1\\|localhost\\):8080/127.0.0.1:$MOCK_PORT/g" "$example"
		echo "$1:"
		cat "$example"
		cp -r input "${example%.sh}"
		cd "${example%.sh}" || return
		call bash "$example" 7>&-
		mock_listens "$example"
		check "$example"
		cd "$BATS_TEST_TMPDIR" || return
	done
}

@test "the examples of lb(7) run" {
	run_examples lb.7
}

@test "the examples of lb-record(5) run" {
	run_examples lb-record.5
}

@test "the examples of lbbatch(1) run" {
	run_examples lbbatch.1
}

@test "the examples of lbcall(1) run" {
	run_examples lbcall.1
}

@test "the examples of lbchunk(1) run" {
	run_examples lbchunk.1
}

@test "the examples of lbcost(1) run" {
	run_examples lbcost.1
}

@test "the examples of lbcheckpoint(1) run" {
	run_examples lbcheckpoint.1
}

@test "the examples of lbcache(1) run" {
	run_examples lbcache.1
}

@test "the examples of lbmock(1) run" {
	run_examples lbmock.1
}

@test "the examples of lbthrottle(1) run" {
	run_examples lbthrottle.1
}

@test "the examples of lbretry(1) run" {
	run_examples lbretry.1
}

@test "no page is left out above" {
	local page
	for page in "$TOP"/man/*.[157]; do
		grep -qxF "	run_examples ${page##*/}" "$BATS_TEST_FILENAME"
	done
}

@test "each page has the sections that a reader looks for, in their order" {
	local page
	for page in "$TOP"/man/*.[157]; do
		echo "$page"
		grep '^\.Sh ' "$page" >sections
		printf '.Sh %s\n' NAME SYNOPSIS DESCRIPTION 'EXIT STATUS' EXAMPLES 'SEE ALSO' >want
		grep -xF -f want sections >found
		same found want
	done
}

@test "mandoc finds nothing to warn of" {
	mandoc -T lint -W warning "$TOP"/man/*.[157]
}

# Lint does not see that a word such as In or Ad, which names a macro, was taken for one.
@test "no word of a heading is taken for markup" {
	local page
	for page in "$TOP"/man/*.[157]; do
		mandoc -T utf8 -O indent=5 "$page" | col -bx | grep -E '^( {3})?[^ ]' >headings
		echo "${page##*/}"
		[ "$(lines headings)" -ge "$(grep -cE '^\.S[hs] ' "$page")" ]
		lacks headings '<'
		lacks headings '⟨'
		sed -nE 's/^\.S[hs] (\\&)?//p' "$page" >want
		while read -r heading; do
			grep -qxE " *$heading" headings
		done <want
	done
}

@test "an option of a SYNOPSIS is explained, and the other way round" {
	local page
	for page in "$TOP"/man/*.1; do
		echo "$page"
		# In the SYNOPSIS an option has one of its names.
		awk '/^\.Sh / { inside = $2 == "SYNOPSIS" } inside' "$page" |
			sed -n 's/^\.\(Op \)\{0,1\}Fl \([^ ]*\)\( | \([^ ]*\)\)\{0,1\}.*/\2 \4/p' | tr ' ' '\n' | grep . | sort -u >named
		sed -n 's/^\.It Fl //p' "$page" |
			awk '{ a = b = $1; for (i = 2; i < NF; i++) if ($i == "Fl") b = $(i + 1); print a, b }' >explained
		[ -s named ]
		[ -s explained ]
		while read -r name; do
			grep -qE -e "(^| )$name( |\$)" explained || { echo "not explained: $name"; return 1; }
		done <named
		# Help and version need not be there.
		while read -r short long; do
			[[ $short == [hV] ]] || grep -qxF -e "$short" -e "$long" named || { echo "not in the SYNOPSIS: $short $long"; return 1; }
		done <explained
	done
}

@test "lb-record(5) has each error code of the sources, and no other" {
	# The first word among the arguments of the functions that make failures, and what others return.
	cat "$TOP"/lib/*.c "$TOP"/tools/*.c | tr -s ' \t\n' ' ' >sources
	{
		grep -oE '\b(batch_flow_fail|batch_flow_give_up|fail|fail_all|fail_request|fail_item|fail_raw|fail_record|packer_fail|make_error|record_fail|refuse|set_error)\([^;{}]*;' sources |
			sed -n 's/^[^"]*"\([a-z_]*\)".*/\1/p'
		grep -oE '(code = |return |: |return .{20,40}[?] )"[a-z]+(_[a-z]+)*";' sources |
			grep -oE '"[a-z_]*"' | tr -d '"' | grep -E '_|^timeout$|^truncated$|^refusal$|^cancelled$'
		grep -oE '(#define [A-Z]+ |buf_adds\(&r->code, )"[a-z]+(_[a-z]+)+"' sources | cut -d '"' -f 2
		sed -n '/reasons\[\] = {/,/};/p' "$TOP/lib/provider.c" | sed -n 's/.*{"[^"]*", "\([a-z_]*\)"}.*/\1/p'
	} | sort -u >emitted
	sed -n 's/^\.It Li \([a-z_]*\) Ta .*/\1/p' "$TOP/man/lb-record.5" | grep -v '^http_$' | sort -u >listed
	[ "$(lines listed)" -gt 20 ]
	diff -u emitted listed
}
