#!/usr/bin/env bats
# contrib/recipes: those that one process runs. Each comes to what its head says, its status is honest, and
# nothing is left lying about.

load helper

RECIPES=$TOP/contrib/recipes

provider() {
	start_mock --log calls "$@"
	export OPENAI_BASE_URL=$MOCK OPENAI_API_KEY=sk-test
}

# Requests with ids r1, r2 and so on.
requests() {
	awk -v n="$1" 'BEGIN {
		for (i = 1; i <= n; i++)
			printf "{\"custom_id\":\"r%d\",\"body\":{\"model\":\"gpt-4o-mini\",\"max_tokens\":20,\"messages\":[{\"role\":\"user\",\"content\":\"Question %d, big 123456789012345678901\"}]}}\n", i, i
	}'
}

# only FILE...: besides what the tests bring along, these are the files here.
only() {
	find . -type f ! -name '*calls' ! -name out ! -name err ! -name 'mock.*' ! -name 'in.*' | sort >../found
	printf './%s\n' "$@" | sort >../want
	same ../want ../found
}

@test "each recipe says at its head how it is used, and misuse is status 2 with that on stderr" {
	for recipe in "$RECIPES"/*; do
		case $recipe in *.service | *.timer) continue ;; esac
		name=${recipe##*/}
		echo "$name"
		[ -x "$recipe" ]
		grep -q "^# $name: " "$recipe"
		grep -q "^#   .*$name" "$recipe"
		call "$recipe" --help </dev/null
		status_is 2
		grep -q "^usage: .*$name" err
		[ ! -s out ]
	done
}

@test "the README's table has each recipe, and nothing else" {
	grep -oE '\]\(contrib/recipes/[^)]*\)' "$TOP/README.md" | sed 's/.*\///; s/)//' | sort >got
	(cd "$RECIPES" && printf '%s\n' *) | grep -v '\.' | sort >want
	same want got
}

make_csv() {
	cat >in.csv <<-'EOT'
		sku,error,"what ""it"" is"
		007,none,"A spade, for the garden"
		8,,"Kitchen knife
		with a ""Damascus"" blade"
		12345678901234567890,1.0,"Garden, hose: 20 m, é \ "
		8,,"Kitchen knife
		with a ""Damascus"" blade"
	EOT
}

@test "classify-csv: every row with its label, in order, its cells as they were" {
	make_csv
	provider
	call "$RECIPES/classify-csv" kitchen,garden in.csv labelled.csv
	status_is 0
	cat >in.want <<-'EOT'
		"sku","error","what ""it"" is","label","error"
		"007","none","A spade, for the garden","garden",
		"8","","Kitchen knife
		with a ""Damascus"" blade","kitchen",
		"12345678901234567890","1.0","Garden, hose: 20 m, é \ ","garden",
		"8","","Kitchen knife
		with a ""Damascus"" blade","kitchen",
	EOT
	same in.want labelled.csv
	only labelled.csv labelled.csv.log
	# One request asks about all, and another run about none.
	[ "$(lines calls)" -eq 1 ]
	call "$RECIPES/classify-csv" kitchen,garden in.csv labelled.csv
	status_is 0
	same in.want labelled.csv
	[ "$(lines calls)" -eq 1 ]
}

@test "classify-csv: rows that failed have the reason, status 1; the same command again mends them" {
	make_csv
	provider --fail 400:100%
	call "$RECIPES/classify-csv" kitchen,garden in.csv labelled.csv
	status_is 1
	[ "$(grep -c ',,"' labelled.csv)" -ge 3 ]
	stop_mock
	provider
	call "$RECIPES/classify-csv" kitchen,garden in.csv labelled.csv
	status_is 0
	grep -q '"garden",$' labelled.csv
	call "$RECIPES/classify-csv" kitchen,garden absent.csv other.csv
	status_is 4
	[ ! -e other.csv ]
}

make_schema() {
	cat >in.schema <<-'EOT'
		{"type": "object", "additionalProperties": false, "required": ["room", "fragile"],
		 "properties": {"room": {"enum": ["kitchen", "garden"]}, "fragile": {"type": "boolean"}}}
	EOT
}

@test "extract-schema: each text with its facts, in order, its own bytes as they were" {
	make_schema
	printf '%s\n' '{"n":123456789012345678901,"text":"A glass for the kitchen"}' '{"text":"Garden hose","x":1.0}' '"bare"' >in.jsonl
	provider
	call "$RECIPES/extract-schema" in.schema in.jsonl facts.jsonl
	status_is 1
	sed -E 's/,"(facts|error)":.*/}/' facts.jsonl >got
	printf '%s\n' '{"n":123456789012345678901,"text":"A glass for the kitchen"}' '{"text":"Garden hose","x":1.0}' '{"item":"bare"}' >want
	same want got
	[ "$(jq -r .facts.room facts.jsonl | head -n 2 | xargs)" = "kitchen garden" ]
	holds facts.jsonl 'if .item then .error.code == "bad_item" else (.facts.fragile | type) == "boolean" end'
	rm got want
	only facts.jsonl facts.jsonl.log
	[ "$(lines calls)" -eq 2 ]
	PROMPT='\(.)' call "$RECIPES/extract-schema" in.schema in.jsonl all.jsonl
	status_is 0
	holds all.jsonl '.facts.room | IN("kitchen", "garden")'
	echo '{"type":' >in.schema
	call "$RECIPES/extract-schema" in.schema in.jsonl none.jsonl
	status_is 2
	[ ! -e none.jsonl ]
}

@test "embed-sqlite: items and vectors in the table, byte for byte; the same again pays nothing" {
	awk 'BEGIN {
		for (i = 1; i <= 250; i++)
			printf "{\"id\":%d,\"text\":\"A text, it'"'"'s number %d\",\"big\":123456789012345678901}\n", i, i % 100
	}' >in.jsonl
	provider
	call "$RECIPES/embed-sqlite" in.jsonl vectors.db
	status_is 0
	[ "$(lines calls)" -eq 3 ]
	[ "$(sqlite3 vectors.db 'SELECT count(*) FROM items')" -eq 250 ]
	sqlite3 vectors.db 'SELECT item FROM items' | sort >got
	sort in.jsonl >want
	same want got
	# As lbmock's are: of 8 dimensions, and of length 1.
	[ "$(sqlite3 vectors.db 'SELECT count(*) FROM items WHERE json_array_length(vector) = 8')" -eq 250 ]
	rm got want
	only vectors.db vectors.db.log
	# The query at its head finds the texts that are the same as item 7's.
	sed -n '/^#   SELECT/,/LIMIT/s/^#//p' "$RECIPES/embed-sqlite" >in.query
	[ "$(sqlite3 vectors.db <in.query | head -n 2 | cut -d '|' -f 1 | sort | xargs)" = "107 207" ]
	sqlite3 vectors.db <in.query | head -n 2 | awk -F '|' '$2 < 0.999 || $2 > 1.001 { exit 1 }'
	call "$RECIPES/embed-sqlite" in.jsonl vectors.db
	status_is 0
	[ "$(lines calls)" -eq 3 ]
	[ "$(sqlite3 vectors.db 'SELECT count(*) FROM items')" -eq 250 ]
	# What is new is asked alone, though it stands before the rest.
	{ echo '{"id":0,"text":"new","lb":{"own":1}}' && cat in.jsonl; } >in.more
	call "$RECIPES/embed-sqlite" in.more vectors.db
	status_is 0
	[ "$(lines calls)" -eq 4 ]
	[ "$(jq -s '.[3].prompt_tokens < .[0].prompt_tokens / 10' calls)" = true ]
	call "$RECIPES/embed-sqlite" in.more vectors.db
	status_is 0
	[ "$(lines calls)" -eq 4 ]
	sqlite3 vectors.db 'SELECT item FROM items' | sort >got
	sort in.more >want
	same want got
}

@test "embed-sqlite: what failed is not in the table, status 1; a database that is none, status 4" {
	printf '{"id":%d,"text":"x"}\n' 1 2 3 >in.jsonl
	provider --fail 400:100%
	call "$RECIPES/embed-sqlite" in.jsonl vectors.db
	status_is 1
	grep -q '3 failed' err
	[ "$(sqlite3 vectors.db 'SELECT count(*) FROM items')" -eq 0 ]
	stop_mock
	provider
	head -c 4096 /dev/zero | tr '\0' x >broken.db
	call "$RECIPES/embed-sqlite" in.jsonl broken.db
	status_is 4
}

# Two long texts of many paragraphs, and a short one.
make_texts() {
	awk 'BEGIN {
		for (n = 1; n <= 2; n++) {
			text = ""
			for (i = 1; i <= 60; i++)
				text = text "Paragraph " i " of text " n " tells of ships, and of nothing else at all.\\n\\n"
			printf "{\"id\":\"t%d\",\"big\":123456789012345678901,\"text\":\"%s\"}\n", n, text
		}
		print "{\"id\":\"t3\",\"text\":\"A note.\",\"x\":1.0}"
	}'
}

@test "summarise-long: each text with a summary of the summaries of its parts, whole and as it was" {
	make_texts >in.jsonl
	provider
	SIZE=300 call "$RECIPES/summarise-long" in.jsonl summaries.jsonl
	status_is 0
	sed -E 's/,"parts":.*/}/' summaries.jsonl | sort >got
	same in.jsonl got
	holds summaries.jsonl '(.summary | type) == "string" and (.parts | type) == "string"'
	# A summary for each part, and one for each text.
	lbchunk --split .text --size 300 --overlap 100 <in.jsonl >in.parts
	[ "$(lines in.parts)" -ge 7 ]
	[ "$(lines calls)" -eq $(($(lines in.parts) + 3)) ]
	[ "$(jq -r 'select(.id == "t1").parts' summaries.jsonl | lines /dev/stdin)" -eq "$(jq -c 'select(.id == "t1")' in.parts | wc -l)" ]
	rm got
	only summaries.jsonl summaries.jsonl.log summaries.jsonl.parts.log
	SIZE=300 call "$RECIPES/summarise-long" in.jsonl summaries.jsonl
	status_is 0
	[ "$(lines calls)" -eq $(($(lines in.parts) + 3)) ]
}

@test "summarise-long: a text of which a part failed has an error, status 1; the same command again mends it" {
	make_texts >in.jsonl
	provider --fail 400:30% --seed 3
	SIZE=300 call "$RECIPES/summarise-long" in.jsonl summaries.jsonl
	status_is 1
	[ "$(lines summaries.jsonl)" -eq 3 ]
	[ "$(jq -c 'select(.error != null)' summaries.jsonl | wc -l)" -ge 1 ]
	holds summaries.jsonl '(.error != null) != has("summary")'
	stop_mock
	provider
	SIZE=300 call "$RECIPES/summarise-long" in.jsonl summaries.jsonl
	status_is 0
	holds summaries.jsonl '.error == null and .summary'
}

@test "several-keys: each is used, a quota for each; names that are not set are status 2" {
	requests 300 >in.jsonl
	provider --rpm 6000 --burst 140
	export KEY_A=sk-a KEY_B=sk-b
	RPM=6000 call "$RECIPES/several-keys" KEY_A,KEY_B <in.jsonl
	status_is 0
	[ "$(jq -r .custom_id out | sort -u | wc -l)" -eq 300 ]
	[ "$(jq -r .key calls | sort -u | wc -l)" -eq 2 ]
	[ "$(jq -r .key calls | sort | uniq -c | awk '{ print $1 }' | sort -n | head -n 1)" -ge 100 ]
	call "$RECIPES/several-keys" KEY_A,KEY_MISSING <in.jsonl
	status_is 2
	grep -q KEY_MISSING err
}

@test "several-keys: what a refused key was asked has failed, and goes through when sent again" {
	requests 100 >in.jsonl
	provider --key sk-good
	export KEY_A=sk-good KEY_B=sk-bad
	export RPM=60000
	call "$RECIPES/several-keys" KEY_A,KEY_B <in.jsonl
	status_is 1
	[ "$(lines out)" -eq 100 ]
	[ "$(jq -c 'select(.error != null)' out | wc -l)" -le 50 ]
	jq -c 'select(.error != null) | del(.response, .error, .id)' out >in.failed
	KEY_B=sk-good call "$RECIPES/several-keys" KEY_A,KEY_B <in.failed
	status_is 0
}

@test "fall-back-local: what the provider fails comes from the other server, without the key, the rest as it was" {
	requests 200 >in.jsonl
	start_mock --log local.calls
	local other=$MOCK
	provider --fail 400:20% --seed 5
	call env LOCAL_MODEL=org/llama "$RECIPES/fall-back-local" "$other" in.jsonl results.jsonl
	status_is 0
	[ "$(jq -r .custom_id results.jsonl | sort -u | wc -l)" -eq 200 ]
	holds results.jsonl '.error == null and (.response.body.choices | length) == 1'
	[ "$(jq -c 'select(.fault != null)' calls | wc -l)" -eq "$(lines local.calls)" ]
	[ "$(lines local.calls)" -ge 20 ]
	holds local.calls '.key == null and .model == "org/llama"'
	[ "$(jq -c 'select(.response.body.model == "org/llama")' results.jsonl | wc -l)" -eq "$(lines local.calls)" ]
	[ "$(grep -c 123456789012345678901 results.jsonl)" -eq 200 ]
	only results.jsonl results.jsonl.log
}

@test "fall-back-local: a provider that is down is given up; so is the other server, with status 3" {
	requests 150 >in.jsonl
	start_mock --log local.calls
	local other=$MOCK
	provider --fail 503:100%
	PATIENCE=10 call "$RECIPES/fall-back-local" "$other" in.jsonl results.jsonl
	status_is 0
	[ "$(lines local.calls)" -eq 150 ]
	holds local.calls '.model == "gpt-4o-mini"'
	stop_mock "${MOCK_PIDS[0]}"
	PATIENCE=10 call "$RECIPES/fall-back-local" http://127.0.0.1:9 in.jsonl others.jsonl
	status_is 3
	[ ! -e others.jsonl ]
}

@test "interrupted from the terminal the recipes write nothing, leave nothing, and are status 3" {
	requests 100 >in.jsonl
	provider --latency 300ms
	# In a group of its own, as from a terminal. (What a script starts with "&" ignores the signal.)
	setsid -w env --default-signal=INT sh -c 'echo $$ >../group && exec "$@"' sh \
		"$RECIPES/fall-back-local" "$MOCK" in.jsonl results.jsonl >first.out 2>first.err 3>&- &
	until_true test -s calls
	kill -INT -- "-$(cat ../group)"
	status=0
	wait $! || status=$?
	status_is 3
	rm first.out first.err
	only results.jsonl.log
	# The second server was not asked.
	[ "$(lines calls)" -le 100 ]
	[ "$(jq -c 'select(.error == null)' results.jsonl.log | wc -l)" -eq "$(lines calls)" ]
}

nights() {
	mkdir -p items state
	printf '{"id":"a%d","text":"A complaint about the weather"}\n' 1 2 3 >items/in.monday.jsonl
	printf '{"id":"b1","text":"Is this a question"}' >items/in.tuesday.jsonl
}

@test "nightly: labels what has come; the next night only what is new" {
	nights
	provider
	call "$RECIPES/nightly" items state
	status_is 0
	[ "$(lines state/labels.jsonl)" -eq 4 ]
	[ "$(jq -r .label state/labels.jsonl | sort | uniq -c | xargs)" = "3 complaint 1 question" ]
	printf '{"id":"c%d","text":"praise"}\n' 1 2 >items/in.wednesday.jsonl
	call "$RECIPES/nightly" items state
	status_is 0
	[ "$(lines state/labels.jsonl)" -eq 6 ]
	[ "$(lines calls)" -eq 6 ]
}

@test "nightly: two at a time do not hurt, nor does a night without items" {
	nights
	provider --latency 2s
	"$RECIPES/nightly" items state >first.out 2>first.err 3>&- &
	first=$!
	until_true sh -c 'lbcheckpoint --status state/items.log | grep "another process is writing"'
	call "$RECIPES/nightly" items state
	status_is 4
	wait "$first"
	[ "$(jq -r .label state/labels.jsonl | sort | uniq -c | xargs)" = "3 complaint 1 question" ]
	[ "$(lines calls)" -eq 4 ]
	[ -z "$(find state -name 'now.*')" ]
	mkdir none
	call "$RECIPES/nightly" none state
	status_is 0
	[ "$(lines state/labels.jsonl)" -eq 4 ]
}

@test "nightly: a budget that is spent is status 3, and what did not fit is done the next day" {
	nights
	provider
	# The most that a request can cost is 0.000043, and what it does cost 0.000007.
	USD=0.00006 call "$RECIPES/nightly" items state
	status_is 3
	[ "$(lines state/labels.jsonl)" -eq 4 ]
	grep -q budget_exceeded state/labels.jsonl
	[ "$(lines calls)" -ge 1 ]
	[ "$(lines calls)" -lt 4 ]
	# The same day has no more; the next one has.
	USD=0.00006 call "$RECIPES/nightly" items state
	status_is 3
	sqlite3 state/spend.ledger "UPDATE spends SET day = '2020-01-01'"
	USD=0.00006 call "$RECIPES/nightly" items state
	status_is 0
	holds state/labels.jsonl '.label'
	[ "$(lines calls)" -eq 4 ]
}

@test "nightly: the key may come as a credential of systemd's, and its units are sound" {
	nights
	provider --key sk-secret
	mkdir credentials
	echo sk-secret >credentials/openai.key
	unset OPENAI_API_KEY
	CREDENTIALS_DIRECTORY=$PWD/credentials call "$RECIPES/nightly" items state
	status_is 0
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
	for unit in nightly.service nightly.timer; do
		sed "s,/usr/local/share/lb/recipes/nightly,$RECIPES/nightly," "$RECIPES/$unit" >"$unit"
	done
	systemd-analyze verify ./nightly.service ./nightly.timer >verify.out 2>&1 || { cat verify.out; return 1; }
	lacks verify.out nightly
}
