#!/usr/bin/env bats
# The main job: items in, thousands of calls with failures among them, every item out again. And
# contrib/demo, which shows it.

load helper

# Ten thousand items, some of them with what is hard to keep.
make_items() {
	awk 'BEGIN {
		split("library tool server game font", word, " ")
		for (i = 1; i <= 10000; i++) {
			extra = i % 100 ? "" : ",\"big\":123456789012345678901,\"x\":1.0"
			printf "{\"id\":%d,\"text\":\"a %s, \\u00e9 \\\"%d\\\"\"%s}\n", i, word[i % 5 + 1], i, extra
		}
	}'
}

# items_of FILE: the items of the output without what was added to them.
items_of() {
	sed -E 's/,"answer":"([^"\\]|\\.)*"\}$/}/; s/,"error":\{"code":.*\}\}$/}/' "$1"
}

@test "10,000 items, 2 % of the calls failing in many ways: every item once, failures with error, status 1" {
	start_mock --seed 7 --log calls --latency 10ms \
		--fail 429:0.3%,500:0.3%,503:0.3%,cut:0.4%,garbage:0.3%,error200:0.1%,refuse:0.2%,truncate:0.1%
	make_items >items
	[ "$(lines items)" -eq 10000 ]
	set -o pipefail
	status=0
	lbchunk -m m -p 'Classify as one of: library, tool, server, game, font. \(.text)' <items 2>pack.err |
		lbcall -u "$MOCK" -c 100 2>call.err |
		lbchunk -u >out 2>err || status=$?
	set +o pipefail
	status_is 1
	[ ! -s pack.err ]
	[ ! -s call.err ]
	[ "$(lines out)" -eq 10000 ]

	# Every item is there once, byte for byte.
	jq -c 'select(.error != null)' out >failed
	jq -c 'select(.error == null)' out >good
	items_of out | sort >got
	sort items >want
	same got want

	# What failed says why and has no answer; all else has one; a failure for each fault that was made.
	holds failed '(.error.code | type == "string" and . != "") and (.error.message | type == "string")'
	holds failed 'has("answer") | not'
	holds good '.answer | IN("library", "tool", "server", "game", "font")'
	[ "$(lines calls)" -eq 10000 ]
	jq -c 'select(.fault != null)' calls >faults
	[ "$(lines failed)" -eq "$(lines faults)" ]
	[ "$(lines failed)" -gt 100 ]
	[ "$(jq -r .error.code failed | sort -u | wc -l)" -ge 6 ]
}

@test "the same in wrap form, ten items to a request, with answers that leave items out" {
	start_mock --seed 8 --log calls --latency 10ms \
		--fail 429:0.5%,500:0.5%,reset:0.5%,missing:5%,repeat:2%,surplus:2%,malformed:2%,refuse:1%,truncate:1%
	make_items >items
	call lbchunk -m m -n 10 -s 'Classify each as one of: library, tool, server, game, font.' -p '\(.text)' \
		lbcall -u "$MOCK" -c 100 <items
	status_is 1
	[ ! -s err ]
	[ "$(lines out)" -eq 10000 ]
	items_of out | sort >got
	sort items >want
	same got want
	jq -c 'select(.error != null)' out >failed
	jq -c 'select(.error == null)' out >good
	holds good '.answer | IN("library", "tool", "server", "game", "font")'
	holds failed 'has("answer") | not'
	# Only requests that failed as such, and single items that failed again, are left: about 1.5 % of them.
	[ "$(lines failed)" -lt 600 ]
	# More was asked than once, and not much more.
	[ "$(lines calls)" -gt 1000 ]
	[ "$(lines calls)" -lt 2000 ]
}

# A machine with these packages, whose descriptions hold what JSON or a shell might stumble over.
fake_packages() {
	mkdir -p fake
	cat >fake/packages <<-'EOT'
		ii 	zlib1g:amd64	compression library - runtime
		ii 	quotes	a "quoted" summary with a \ in it, $HOME and `true`
		rc 	gone	removed, but for its configuration
		ii 	accents	éditeur de texte, 文字, ±
		hi 	held	web server, "label":"x"}
	EOT
	printf 'ii \tblank\t\n' >>fake/packages
	printf 'ii \ttabs\tone\ttwo \033[31mred\033[0m \001\n' >>fake/packages
	printf '#!/bin/sh\ncat "%s/fake/packages"\n' "$PWD" >fake/dpkg-query
	chmod +x fake/dpkg-query
	PATH=$PWD/fake:$PATH
}

# A directory with as few programs as there are on a small machine: no jq, no dpkg-query.
few_programs() {
	local program
	mkdir few
	for program in sh awk cat cut date dirname grep head mkdir mkfifo mktemp rm sed sort tail tr uniq wc; do
		ln -s "$(command -v "$program")" "few/$program"
	done
}

# The programs that the demo runs are those beside it.
needs_own_build() {
	[ "$LB_BIN" = "$TOP/build/bin" ] || skip "the demo runs build/bin"
}

@test "the demo labels the packages of the machine, and each is in the file once" {
	needs_own_build
	fake_packages
	call "$TOP/contrib/demo"
	status_is 0
	[ "$(lines demo.labels.ndjson)" -eq 6 ]
	jq -r .name demo.labels.ndjson | sort | tr '\n' ' ' >names
	[ "$(cat names)" = "accents blank held quotes tabs zlib1g:amd64 " ]
	holds demo.labels.ndjson 'has("label") != (.error != null)'
	[ "$(jq -r 'select(.name == "quotes").summary' demo.labels.ndjson)" = "a \"quoted\" summary with a \\ in it, \$HOME and \`true\`" ]
	[ "$(jq -r 'select(.name == "accents").summary' demo.labels.ndjson)" = 'éditeur de texte, 文字, ±' ]
	[ "$(jq -r 'select(.name == "tabs").summary' demo.labels.ndjson)" = 'one two  [31mred [0m  ' ]
	grep -qE '^6 in, [0-6] labelled, [0-6] failed; [0-9.]+ seconds, [0-9]+ requests a second\.$' out
	grep -q '6/6 done' err
	# Nothing is left running, and nothing lies about.
	[ "$(find . -name '*.ndjson' | wc -l)" -eq 1 ]
	lacks out "No such file"
}

@test "the demo does without jq, and takes the manual's pages where there is no dpkg-query" {
	needs_own_build
	mkdir fake
	printf '#!%s\nprintf "%%s\\n" "ls (1)               - list directory contents" "a, b (8) - two - dashes"\n' \
		"$(command -v sh)" >fake/man
	chmod +x fake/man
	few_programs
	call env PATH="$PWD/few:$PWD/fake" "$TOP/contrib/demo"
	status_is 0
	[ "$(lines demo.labels.ndjson)" -eq 2 ]
	[ "$(jq -r .name demo.labels.ndjson | sort | tr '\n' ';')" = 'a, b (8);ls (1);' ]
	[ "$(jq -r 'select(.name == "a, b (8)").summary' demo.labels.ndjson)" = 'two - dashes' ]
}

@test "with DEMO_LIVE=1 and a key the demo asks the real API about 20; without either, never" {
	needs_own_build
	fake_packages
	awk 'BEGIN { for (i = 1; i <= 30; i++) printf "ii \tp%d\ta library\n", i }' >fake/packages
	start_mock --key sk-real --log calls
	OPENAI_BASE_URL=$MOCK OPENAI_API_KEY=sk-real DEMO_LIVE=1 call "$TOP/contrib/demo"
	status_is 0
	[ "$(lines demo.labels.ndjson)" -eq 20 ]
	[ "$(lines calls)" -eq 20 ]
	holds calls '.status == 200'
	holds demo.labels.ndjson '.error == null'

	OPENAI_BASE_URL=$MOCK OPENAI_API_KEY=sk-real call "$TOP/contrib/demo"
	status_is 0
	[ "$(lines demo.labels.ndjson)" -eq 30 ]
	[ "$(lines calls)" -eq 20 ]
	OPENAI_BASE_URL=$MOCK DEMO_LIVE=1 call "$TOP/contrib/demo"
	status_is 0
	grep -q OPENAI_API_KEY err
	[ "$(lines calls)" -eq 20 ]
}

@test "the demo says so when there is nothing to label, or nothing is built" {
	needs_own_build
	fake_packages
	: >fake/packages
	call "$TOP/contrib/demo"
	status_is 1
	[ -s err ]
	mkdir -p elsewhere/contrib
	cp "$TOP/contrib/demo" elsewhere/contrib
	call elsewhere/contrib/demo
	status_is 2
	grep -q make err
}
