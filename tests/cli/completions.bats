#!/usr/bin/env bats
# Completion of command lines: what bash, zsh and fish make of them, with the files that are installed.

load helper

SHARE=${BUILD:-$TOP/build}/share

setup() {
	mkdir "$BATS_TEST_TMPDIR/here"
	cd "$BATS_TEST_TMPDIR/here" || return
	touch prompt.txt products.jsonl statement 'two words'
	mkdir state
}

programs() {
	local source
	for source in "$TOP"/tools/*.c; do
		basename "$source" .c
	done
	echo lbmock
}

# The options that a program says it has.
options_of() {
	"$1" --help | grep -oE '^  (-.,|   ) --[a-z-]+' | grep -oE -e '-[A-Za-z],|--[a-z-]+' | tr -d , | sort
}

needs() {
	command -v "$1" >/dev/null || skip "$1 is not installed"
	[ "$1" != bash ] || [ -e /usr/share/bash-completion/bash_completion ] || skip "bash-completion is not installed"
}

# typed SHELL LINE: the words of the line, completed in bash or zsh, one a line.
typed() {
	timeout 60 python3 "$TOP/tests/cli/type_line.py" "$1" "$SHARE" "$2" 3>&-
}

# completed SHELL LINE: the words that the last word of the line can become. Fish names those as well that
# have it in the middle, and newer ones do so beside those that begin with it.
completed() {
	local words
	if [ "$1" = fish ]; then
		HOME=$BATS_TEST_TMPDIR XDG_DATA_DIRS=$SHARE:/usr/share timeout 60 \
			fish -c 'complete -C $argv[1]' "$2" 3>&- | cut -f 1 | sed 's,/$,,' |
			awk -v word="${2##* }" 'index($0, word) == 1' | sort -u
		return
	fi
	words=$(tr -dc ' ' <<<"$2" | wc -c)
	typed "$1" "$2" | tail -n +$((words + 1)) | sort -u
}

# A line, and what its last word can become; one that can become nothing is itself what comes of it.
table() {
	cat <<-'EOT'
		lbcall --ti|--timeout
		lbcall --con|--concurrency --connect-timeout
		lbcall --auth |api-key bearer none x-api-key
		lbcall --auth=b|--auth=bearer
		lbcall -k --auth n|none
		lbcall -H @pro|@products.jsonl @prompt.txt
		lbchunk -m m -p @prom|@prompt.txt
		lbchunk -m m -vp @prom|@prompt.txt
		lbchunk -p abc|
		lbchunk --schema prom|prompt.txt
		lbcheckpoint --sync |always never
		lbmock --log prom|prompt.txt
		lbbatch -s sta|state
		lbchunk --split .text --by |chars lines paragraphs tokens
		lbcache prom|prompt.txt
		lbcache -e 24h --read-o|--read-only
		lbcheckpoint pro|products.jsonl prompt.txt
		lbcost -b 5 -l prom|prompt.txt
		lbretry lbcal|lbcall
		lbretry lbcall --con|--concurrency --connect-timeout
		lbretry --max-wait 5m lbthrottle -r 500 lbcall --time|--timeout
		lbretry lbcall -u http://x:80/v1 --time|--timeout
		lbcache answers.db lbretr|lbretry
		lbcache answers.db lbretry --fal|--fallback
		lbcheckpoint job.log lbcache answers.db lbcall --auth x|x-api-key
		lbcache answers.db --read-o|
		lbretry lbcall --fal|
	EOT
}

by_table() {
	local line want got
	needs "$1"
	while IFS='|' read -r line want; do
		got=$(completed "$1" "$line" | tr '\n' ' ')
		got=${got% }
		# Bash and zsh leave the word as it stands.
		[ "$1" = fish ] || [ -n "$want" ] || want=${line##* }
		[ "$got" = "$want" ] || { echo "$1: '$line' became '$got', not '$want'"; return 1; }
	done < <(table)
}

all_options() {
	local program
	needs "$1"
	for program in $(programs); do
		echo "$1: $program"
		options_of "$program" >want
		[ "$(lines want)" -ge 4 ]
		completed "$1" "$program -" >got
		rm -f "$1.got" && sort got >"$1.got"
		same "$1.got" want
	done
}

@test "bash: each option of each program, and no other" {
	all_options bash
}

@test "zsh: each option of each program, and no other" {
	all_options zsh
}

@test "fish: each option of each program, and no other" {
	all_options fish
}

@test "bash: options, what they take, operands, and the command with its own" {
	by_table bash
}

@test "zsh: options, what they take, operands, and the command with its own" {
	by_table zsh
}

@test "fish: options, what they take, operands, and the command with its own" {
	by_table fish
}

@test "files with blanks in their names are quoted" {
	for shell in bash zsh; do
		needs "$shell"
		[ "$(completed "$shell" 'lbcache two')" = 'two words' ]
		[ "$(completed "$shell" 'lbchunk -p @two')" = '@two words' ]
	done
}

@test "bash and zsh: a redirection is no operand, and takes a file" {
	for shell in bash zsh; do
		needs "$shell"
		# The shell takes the redirection away; were there no such file, it would say so instead.
		[ "$(typed "$shell" 'lbcall <prod')" = lbcall ]
		[ "$(typed "$shell" 'lbretry <prompt.txt lbcall --time')" = $'lbretry\nlbcall\n--timeout' ]
	done
}

@test "without the shells: each file has each option, and is made of the help" {
	for program in $(programs); do
		echo "$program"
		for option in $(options_of "$program"); do
			grep -qwF -e "$option" "$SHARE/bash-completion/completions/$program"
			grep -qF -e "$option" "$SHARE/zsh/site-functions/_$program"
			case $option in
			--*) grep -qF -e " -l ${option#--} " "$SHARE/fish/vendor_completions.d/$program.fish" ;;
			*) grep -qF -e " -s ${option#-} " "$SHARE/fish/vendor_completions.d/$program.fish" ;;
			esac
		done
		"$TOP/contrib/completions/generate" zsh "$LB_BIN/$program" >made
		same made "$SHARE/zsh/site-functions/_$program"
	done
}

@test "a program that does not answer --help, or a shell nobody knows: a failure, and no file" {
	printf '#!/bin/sh\nexit 4\n' >broken
	chmod +x broken
	call "$TOP/contrib/completions/generate" bash ./broken
	[ "$status" -ne 0 ]
	[ ! -s out ]
	call "$TOP/contrib/completions/generate" tcsh "$LB_BIN/lbcall"
	status_is 2
	[ ! -s out ]
	grep -q tcsh err
}
