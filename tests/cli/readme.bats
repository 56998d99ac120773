#!/usr/bin/env bats
# README.md: each command block in it runs, in its order, and comes to what it says.
#
# A block of "sh" is run, all in one directory. What it must come to stands in a comment before it:
#
#     <!-- test: STATUS FILE LINES EXPRESSION -->   FILE has LINES lines; the jq expression is true of each
#     <!-- test: STATUS FILE LINES ~ PATTERN -->    ... the extended regular expression matches one
#
# FILE "-" is the standard output, LINES "-" any number. A block behind <!-- output: FILE --> is, but for
# the order of its lines, what the block before left in the file.

load helper

# Each block in blocks/N.KIND, the comment before it in blocks/N.note.
extract() {
	mkdir blocks
	awk '
		/^```/ && inside { close(file); inside = 0; next }
		/^```/ {
			inside = 1
			file = sprintf("blocks/%02d.%s", ++n, length($0) > 3 ? substr($0, 4) : "text")
			print note > sprintf("blocks/%02d.note", n)
			printf "" > file
			note = ""
			next
		}
		inside { print > file }
		/^<!-- / { note = substr($0, 6); sub(/ -->$/, "", note) }
	' "$TOP/README.md"
}

# For "sudo make install" and "make install": into a directory of the test's, from the build that is tested.
make_stubs() {
	mkdir stubs
	printf '#!/bin/sh\nexec "$@"\n' >stubs/sudo
	printf '#!/bin/sh\nexec %q -C %q MAKEFLAGS= BUILD=%q DESTDIR=%q "$@"\n' "$(command -v make)" "$TOP" \
		"${BUILD:-$TOP/build}" "$PWD/root" >stubs/make
	chmod +x stubs/*
	PATH=$PWD/stubs:$PATH
}

# check NOTE
check() {
	local want file count expression
	read -r _ want file count expression <<<"$1"
	status_is "$want"
	[ "$file" != - ] || file=out
	[ "$count" = - ] || [ "$(lines "$file")" -eq "$count" ]
	case $expression in
	'~ '*) grep -qE -e "${expression#\~ }" "$file" ;;
	*) holds "$file" "$expression" ;;
	esac
}

# A block that starts a server in another terminal: it does start.
run_server() {
	local options
	read -r -a options <"$1"
	start_mock "${options[@]:1}"
	stop_mock
}

run_block() {
	local note
	note=$(cat "${1%.sh}.note")
	echo "$note"
	cat "$1"
	if [ "$(head -c 7 "$1")" = 'lbmock ' ]; then
		run_server "$1"
		return
	fi
	# The reader has a failed item by then.
	if [[ $(cat "$1") == *"select(.error"* ]]; then
		echo '{"id":5,"name":"Ball","text":"Red","error":{"code":"http_500","message":"HTTP status 500"}}' >>labels.jsonl
	fi
	call bash -e -o pipefail "$1"
	case $note in
	test:*) check "$note" ;;
	*) status_is 0 ;;
	esac
}

same_output() {
	local file=${1#output: }
	[ "$file" != - ] || file=out
	sort "$2" >want
	sort "$file" >got
	same got want
}

@test "the commands of the README run and come to what it shows" {
	local block
	make_stubs
	start_mock
	export OPENAI_BASE_URL=$MOCK ANTHROPIC_BASE_URL=$MOCK OPENAI_API_KEY=dummy ANTHROPIC_API_KEY=dummy
	extract
	[ "$(find blocks -name '*.sh' | wc -l)" -ge 10 ]
	for block in blocks/*; do
		case $block in
		*.sh) run_block "$block" ;;
		*.json) same_output "$(cat "${block%.json}.note")" "$block" ;;
		esac
	done
}

@test "its installation puts programs and pages where they belong" {
	make_stubs
	call make install PREFIX=/opt/lb
	status_is 0
	for name in lbcall lbchunk lbmock; do
		[ -x "root/opt/lb/bin/$name" ]
		[ -f "root/opt/lb/share/man/man1/$name.1" ]
	done
	[ -f root/opt/lb/share/man/man5/lb-record.5 ]
	[ -f root/opt/lb/share/man/man7/lb.7 ]
	call make uninstall PREFIX=/opt/lb
	status_is 0
	[ "$(find root -type f | wc -l)" -eq 0 ]
}

@test "the targets it names are there" {
	for target in demo check deps; do
		grep -q "make $target" "$TOP/README.md"
		grep -q "^$target:" "$TOP/Makefile"
	done
}

@test "the files it links to are there, and each program is in its table" {
	grep -oE '\]\([^)]*\)' "$TOP/README.md" | tr -d ']()' >links
	[ "$(lines links)" -ge 5 ]
	while read -r file; do
		[ -e "$TOP/$file" ]
	done <links
	for page in "$TOP"/man/*.[157]; do
		grep -qxF "man/${page##*/}" links
	done
}
