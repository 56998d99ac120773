#!/usr/bin/env bats
# lbchunk --split and --join: long texts to pieces, and pieces to texts and answers.

load helper

# split STATUS EXPECTED [argument]...: of the file in; the output is, byte for byte, EXPECTED.
split_is() {
	local want=$1
	printf '%s\n' "$2" >want
	shift 2
	call lbchunk "$@" <in
	status_is "$want"
	same want out
}

# bats test_tags=valgrind
@test "a piece is the document with the piece in the text's place, and a chunk behind the others" {
	printf '%s\n' '{ "id":7,"text":"One two. Three\u00e9.", "n":[1.0,12345678901234567890] }' >in
	split_is 0 '{ "id":7,"text":"One two. ", "n":[1.0,12345678901234567890],"chunk":{"id":"7-1","doc":"7","i":1,"of":2,"start":0,"end":9,"path":".text"} }
{ "id":7,"text":"Three\u00e9.", "n":[1.0,12345678901234567890],"chunk":{"id":"7-2","doc":"7","i":2,"of":2,"start":9,"end":16,"path":".text"} }' \
		--split .text --size 10 --by chars
	# A text that fits, and one of nothing, are one piece.
	printf '%s\n' '{"text":"x","id":"a"}' '{"text":"","id":"b"}' >in
	split_is 0 '{"text":"x","id":"a","chunk":{"id":"a-1","doc":"a","i":1,"of":1,"start":0,"end":1,"path":".text"}}
{"text":"","id":"b","chunk":{"id":"b-1","doc":"b","i":1,"of":1,"start":0,"end":0,"path":".text"}}' \
		--split .text --size 10
	# A member "error" of the document's own stays.
	printf '%s\n' '{"error":"own","text":"x","id":"b"}' '{"error":{"code":5},"text":"x","id":"c"}' >in
	split_is 0 '{"error":"own","text":"x","id":"b","chunk":{"id":"b-1","doc":"b","i":1,"of":1,"start":0,"end":1,"path":".text"}}
{"error":{"code":5},"text":"x","id":"c","chunk":{"id":"c-1","doc":"c","i":1,"of":1,"start":0,"end":1,"path":".text"}}' \
		--split .text --size 10
	# A chunk of the document's own is kept in it.
	echo '{"chunk": 5 ,"id":"a","text":"x"}' >in
	split_is 0 '{"chunk": {"id":"a-1","doc":"a","i":1,"of":1,"start":0,"end":1,"path":".text","chunk":5} ,"id":"a","text":"x"}' \
		--split .text --size 10
}

# bats test_tags=valgrind
@test "where the text is, and where its pieces go" {
	local expression document piece
	while IFS='|' read -r expression document piece; do
		echo "$expression $document"
		printf '%s\n' "$document" >in
		call lbchunk --split "$expression" --size 2 --by chars <in
		status_is 0
		head -n 1 out | jq -c 'del(.chunk.id, .chunk.doc, .chunk.of)' >got
		printf '%s\n' "$piece" >want
		same want got
	done <<-'EOT'
		.a.b|{"a":{"b":"xyz","c":1}}|{"a":{"b":"xy","c":1},"chunk":{"i":1,"start":0,"end":2,"path":".a.b"}}
		 .a[-1] |{"a":[0,"xyz"]}|{"a":[0,"xy"],"chunk":{"i":1,"start":0,"end":2,"path":".a[-1]"}}
		.["odd name"]|{"odd name":"xyz"}|{"odd name":"xy","chunk":{"i":1,"start":0,"end":2,"path":".[\"odd name\"]"}}
		.|"xyz"|{"item":"xy","chunk":{"i":1,"start":0,"end":2,"path":".item"}}
		.[1]|[1,"xyz"]|{"item":[1,"xy"],"chunk":{"i":1,"start":0,"end":2,"path":".item[1]"}}
		.a + .b|{"a":"x","b":"yz"}|{"a":"x","b":"yz","text":"xy","chunk":{"i":1,"start":0,"end":2,"path":".text"}}
		ascii_upcase|"xyz"|{"item":"xyz","text":"XY","chunk":{"i":1,"start":0,"end":2,"path":".text"}}
	EOT
	echo '{"a":"x","b":"yz"}' >in
	call lbchunk --split '.a + .b' --size 2 --by chars --into piece <in
	[ "$(jq -c '[.text, .piece, .chunk.path]' out | head -n 1)" = '[null,"xy",".piece"]' ]
	# Places are in code points, as jq slices.
	jq -nc '{t: "é😀e\u0301 中文。👨‍👩‍👧 end"}' >in
	for size in 1 2 3 5; do
		lbchunk --split .t --size $size --by chars <in >out
		jq -c --slurpfile doc in '.t == $doc[0].t[.chunk.start:.chunk.end]' out | sort -u >got
		[ "$(cat got)" = true ]
	done
}

@test "ids of pieces: the document's and a number, in requests, too; no two documents are one" {
	printf '%s\n' '{"id":"a","text":"x y"}' '{"custom_id":"c","id":"a","text":"x y"}' '{"id":"a","text":"x y"}' '{"text":"x y"}' >in
	call lbchunk --split .text --size 2 --by chars <in
	status_is 0
	hash=$(printf '{"text":"x y"}' | sha256sum | cut -c1-16)
	[ "$(jq -r .chunk.id out | xargs)" = "a-1 a-2 c-1 c-2 a-2-1 a-2-2 $hash-1 $hash-2" ]
	[ "$(jq -r .chunk.doc out | uniq | xargs)" = "a c a-2 $hash" ]
	lbchunk -m m -p '\(.text)' <out >requests
	[ "$(jq -r .custom_id requests | xargs)" = "a-1 a-2 c-1 c-2 a-2-1 a-2-2 $hash-1 $hash-2" ]
	[ "$(jq -r '.body.messages[0].content' requests | head -n 2 | tr '\n' '|')" = 'x |y|' ]
	call lbchunk --split .text --size 2 --by chars --id '.text + "!"' <in
	[ "$(jq -r .chunk.doc out | uniq | tr '\n' '|')" = 'x y!|x y!-2|x y!-3|x y!-4|' ]
	# A piece may be split again; its pieces lead back to it.
	jq -nc '{id: "a", text: "aaa bbb ccc ddd"}' >in
	call lbchunk --split .text --size 8 --by chars <in
	mv out pieces
	lbchunk --split .text --size 4 --by chars <pieces >smaller
	[ "$(jq -r '.chunk.id' smaller | xargs)" = "a-1-1 a-1-2 a-2-1 a-2-2" ]
	lbchunk --join .text <smaller >got
	same pieces got
}

# bats test_tags=valgrind
@test "a document without text: a failed result that carries it, which goes past packing and calls" {
	printf '%s\n' '{"id":"a"}' '{"id":"b","text":5}' '"s"' '{"id":"d","text":"good"}' >in
	call lbchunk --split .text --size 10 <in
	status_is 1
	[ "$(jq -c 'select(.error) | [.custom_id, .error.code, .response, .lb.items]' out | tr '\n' ' ' | sed "s/$(printf '"s"' | sha256sum | cut -c1-16)/hash/")" = \
		'["a","bad_item",null,[{"id":"a"}]] ["b","bad_item",null,[{"id":"b","text":5}]] ["hash","bad_item",null,["s"]] ' ]
	holds out '.error == null or (.error.message | contains("--split .text"))'
	holds out '.lb.items != ["s"] or (.error.message | contains("Cannot index string"))'
	mv out pieces
	cat >model.sh <<-'EOT'
		jq -c --unbuffered '. + {response: {status_code: 200, body: {choices: [{message: {content: "yes"}, finish_reason: "stop"}]}}, error: null}'
	EOT
	# In wrap form and in pipe form.
	call lbchunk -m m -p '\(.text)' sh -c 'tee asked | sh model.sh' <pieces
	status_is 1
	[ "$(lines asked)" -eq 1 ]
	sort out >wrapped
	call lbchunk -m m -p '\(.text)' <pieces
	status_is 1
	jq -c 'select(.body)' out | sh model.sh >results
	jq -c 'select(.body | not)' out >>results
	call lbchunk -u <results
	status_is 1
	sort out >piped
	same wrapped piped
	call lbchunk --join .answer <piped
	status_is 1
	[ "$(jq -c '[.id // .item, .answer, .error.code]' out | sort | tr '\n' ' ')" = \
		'["a",null,"bad_item"] ["b",null,"bad_item"] ["d","yes",null] ["s",null,"bad_item"] ' ]
}

@test "a document that has failed before is not cut: it passes, also past packing, calls and joining" {
	printf '%s\n' '{"id":"a","error":{"code":"pieces_failed","pieces":[]},"text":"x" }' '{"id":"b","text":"y"}' >in
	split_is 1 '{"id":"a","error":{"code":"pieces_failed","pieces":[]},"text":"x" }
{"id":"b","text":"y","chunk":{"id":"b-1","doc":"b","i":1,"of":1,"start":0,"end":1,"path":".text"}}' \
		--split .text --size 10
	start_mock
	mv out pieces
	call lbchunk -m m -p '\(.text)' lbcall -u "$MOCK" --auth none <pieces
	status_is 1
	mv out answered
	call lbchunk --join .answer <answered
	status_is 1
	head -n 1 in >want
	jq -c 'select(.id == "b") | .answer |= type' out >got
	echo '{"id":"b","text":"y","answer":"string"}' | cat want - | sort >both
	grep pieces_failed out | cat - got | sort >got.both
	same both got.both
}

# bats test_tags=valgrind
@test "--join: an error without a code that is text is the piece's own, and no failure" {
	echo '{"id":"a","error":{"code":5},"text":"1 2 "}' >in
	lbchunk --split .text --size 2 --by chars <in | jq -c '.answer = "x"' >pieces
	call lbchunk --join .answer <pieces
	[ "$(cat out)" = '{"id":"a","error":{"code":5},"text":"1 2 ","answer":"x\nx"}' ]
}

# bats test_tags=valgrind
@test "what is no document, or no piece, passes untouched" {
	printf '%s\n' '{"custom_id":"r","body":{} }' '{"custom_id":"s","response":{"body":1},"error":null}' >in
	split_is 0 "$(cat in)" --split .text --size 10
	printf '%s\n' '{"any": "item"}' '7' '{"chunk":{"i":1,"of":1}}' '{"chunk":{"doc":"d","path":".t","i":3,"of":2,"start":0,"end":1}}' \
		'{"chunk":{"doc":"d","path":".t","i":1,"of":1,"start":2,"end":1}}' '{"chunk":{"doc":1,"path":".t","i":1,"of":1,"start":0,"end":1}}' >>in
	split_is 0 "$(cat in)" --join .text
}

# documents SEED COUNT: with texts of all kinds, in all kinds of JSON.
documents() {
	cat >documents.py <<-'EOT'
		import json, random, sys
		r = random.Random(int(sys.argv[1]))
		parts = ["word", " ", "  ", ". ", "! ", "\n", "\n\n", "\n \n", "\r\n", "。", "中文", "、", "한국어", "e\u0301", "👨\u200d👩\u200d👧", "🇩🇪",
		    "👍🏽", "\u0000", "\t", "\"", "\\", "/", "12345678901", "x" * 70, "हिन्दी।", "\u2028"]
		def quoted(text):
		    kind = r.randrange(3)
		    if kind == 0: return json.dumps(text)
		    if kind == 1: return json.dumps(text, ensure_ascii=False)
		    return '"' + "".join("\\u%04X" % ord(c) if ord(c) < 65536 and r.random() < .3 else json.dumps(c, ensure_ascii=False)[1:-1] for c in text) + \
		        r.choice(["", "\\ud83d\\ude00", "\\ud800", "\\/"]) + '"'
		space = lambda: r.choice(["", "", " ", "\t"])
		for i in range(int(sys.argv[2])):
		    text = quoted("".join(r.choice(parts) for _ in range(r.randrange(60))))
		    members = ['"id":%d' % (i // 2), '"text"' + space() + ":" + space() + text]
		    members += [r.choice(['"n":12345678901234567890', '"x":1e400', '"chunk":[1]', '"text2":"t"', '"n":1.0', '"error":"own"']) for _ in range(r.randrange(4))]
		    r.shuffle(members)
		    print("{" + space() + ("," + space()).join(m + space() for m in members) + "}")
	EOT
	python3 documents.py "$1" "$2"
}

@test "split and joined again, each document is what it was, byte for byte (seeded)" {
	local seed=$RANDOM by size overlap
	echo "seed: $seed"
	documents "$seed" 200 >in
	sort in >want
	while read -r by size overlap; do
		echo "$by $size $overlap"
		lbchunk --split .text --by "$by" --size "$size" --overlap "$overlap" <in >pieces
		[ "$(lines pieces)" -gt 200 ]
		sort -R pieces | lbchunk --join .text >out
		sort out >got
		same want got
		# No piece is larger than it may be, and those that should overlap do. (jq 1.6 takes no lone surrogates.)
		grep -o '"chunk":{"id"[^}]*}' pieces | sed 's/^"chunk"://' >chunks
		[ "$by" != chars ] || holds chunks '.end - .start <= $size' --argjson size "$size"
		jq -c -s --argjson overlap "$overlap" 'group_by(.doc)[] | sort_by(.i) | . as $p | range(1; length)
			| $p[. - 1].end - $p[.].start | if $overlap > 0 then . > 0 else . == 0 end' chunks | sort -u >overlaps
		[ "$(cat overlaps)" = true ]
	done <<-'EOT'
		tokens 6 0
		tokens 12 4
		tokens 40 10
		chars 1 0
		chars 9 8
		chars 60 20
		lines 1 0
		lines 3 1
		paragraphs 1 0
		paragraphs 3 2
	EOT
}

# bats test_tags=valgrind
@test "--join: values that are strings by newlines, others in an array, where they are wanted" {
	jq -nc '("a", "b") as $d | {id: $d, text: "One. Two. Three.", n: 12345678901234567890}' | sed 's/4567000/4567890/' >in
	lbchunk --split .text --size 6 --by chars <in >pieces
	[ "$(lines pieces)" -eq 6 ]
	# Interleaved and out of order.
	jq -c '. + {answer: "\(.id)\(.chunk.i)"}' pieces | sort -R >answered
	local arguments want
	while IFS='|' read -r arguments want; do
		echo "$arguments"
		eval call lbchunk "$arguments" <answered
		status_is 0
		jq -S -c 'select(.id == "b") | del(.n)' out >got
		printf '%s\n' "$want" | jq -S -c . >want
		same want got
	done <<-'EOT'
		--join .answer|{"id":"b","text":"One. Two. Three.","answer":"b1\nb2\nb3"}
		--join .answer --into all|{"id":"b","text":"One. Two. Three.","all":"b1\nb2\nb3"}
		--join '.answer + ";"'|{"id":"b","text":"One. Two. Three.","answer":"b1;\nb2;\nb3;"}
		--join .chunk.i|{"id":"b","text":"One. Two. Three.","answer":[1,2,3]}
		--join '[.chunk.i, .id]' --into l|{"id":"b","text":"One. Two. Three.","answer":"b1","l":[[1,"b"],[2,"b"],[3,"b"]]}
		--join .text --into t|{"id":"b","text":"One. Two. Three.","answer":"b1","t":"One. Two. Three."}
	EOT
	# Texts that were worked on in their place are no longer cut to measure, and are joined.
	jq -c '.text = "<\(.text)>"' pieces >in
	call lbchunk --join .text <in
	status_is 0
	holds out '.text == "<One. >\n<Two. >\n<Three.>" and (has("chunk") | not)'
	# ...and if it is not they that are wanted, the document's text is not known.
	jq -c '. + {text: "", answer: "x"}' pieces >in
	call lbchunk --join .answer <in
	holds out '.text == null and .answer == "x\nx\nx"'
	jq -c 'del(.text) + {answer: "x"}' pieces >in
	call lbchunk --join .answer <in
	holds out '(has("text") | not) and .answer == "x\nx\nx"'
}

# bats test_tags=valgrind
@test "--join: documents with failed or missing pieces fail, with all that there is of them" {
	jq -nc '("a", "b", "c", "d") as $d | {id: $d, text: "1 2 3 "}' >in
	lbchunk --split .text --size 2 --by chars <in >pieces
	# One is whole, one has a failure, one a gap, one both.
	jq -c '. + if .id != "a" and .chunk.i == 2 and .id != "c" then {error: {code: "http_500", message: "m"}} else {answer: "x\(.chunk.i)"} end
		| select((.id == "c" and .chunk.i == 1 or .id == "d" and .chunk.i == 3) | not)' pieces | sort -R >answered
	call lbchunk --join .answer <answered
	status_is 1
	[ "$(lines out)" -eq 4 ]
	jq -c '[.id, .text, .answer, .error.code, .error.message]' out | sort >got
	cat >want <<-'EOT'
		["a","1 2 3 ","x1\nx2\nx3",null,null]
		["b","1 2 3 ",null,"pieces_failed","of 3 pieces these failed: 2"]
		["c",null,null,"pieces_missing","of 3 pieces these are missing: 1"]
		["d",null,null,"pieces_missing","of 3 pieces these failed: 2; these are missing: 3"]
	EOT
	same want got
	jq -c '.error.pieces[]?' out | sort >kept
	jq -c 'select(.id != "a")' answered | sort >want
	same want kept
	# The documents that failed are tried again: their good pieces are kept.
	jq -c '.error.pieces[]? | select(.error) | del(.error) + {answer: "y"}' out >again
	jq -c 'select(.id == "c" and .chunk.i == 1 or .id == "d" and .chunk.i == 3) + {answer: "z"}' pieces >>again
	cat answered again >in
	call lbchunk --join .answer <in
	status_is 0
	jq -c '[.id, .text, .answer, has("error")]' out | sort >got
	cat >want <<-'EOT'
		["a","1 2 3 ","x1\nx2\nx3",false]
		["b","1 2 3 ","x1\ny\nx3",false]
		["c","1 2 3 ","z\nx2\nx3",false]
		["d","1 2 3 ","x1\ny\nz",false]
	EOT
	same want got
	# A value that is not there is a failure, too.
	jq -c 'select(.id == "a") | if .chunk.i == 2 then . else .answer = "x" end' pieces >in
	call lbchunk --join .answer <in
	status_is 1
	holds out '.error.code == "pieces_failed" and .error.message == "piece 2 of 3: --join .answer yields nothing" and (has("answer") | not)'
	jq -c 'select(.id == "a") | .answer = {}' pieces >in
	call lbchunk --join '.answer + 1' <in
	status_is 1
	holds out '.error.code == "pieces_failed" and (.error.message | contains("cannot be added"))'
}

@test "--join: a piece that comes again fails by itself; lists of numbers end" {
	jq -nc '{id: "a", text: "1 2 3 "}' >in
	lbchunk --split .text --size 2 --by chars <in | jq -c '.answer = "x"' >pieces
	{ sed -n 1p pieces; sed -n 1p pieces; cat pieces; } | sed '$d' | cat - <(sed -n 3p pieces) >twice
	call lbchunk --join .answer <twice
	status_is 1
	[ "$(jq -c 'select(.error) | [.error.code, .chunk.i]' out | tr '\n' ' ')" = '["piece_repeated",1] ["piece_repeated",1] ' ]
	[ "$(jq -c 'select(.error | not) | [.text, .answer]' out)" = '["1 2 3 ","x\nx\nx"]' ]
	# As many good ones as there are pieces, but not of each.
	{ sed -n 3p pieces | jq -c 'del(.answer) + {error: {code: "http_500"}}'; sed -n '1p;1p;2p' pieces; } >in
	call lbchunk --join .answer <in
	status_is 1
	[ "$(jq -c '[.error.code, .error.message]' out | tail -n 1)" = '["pieces_failed","of 3 pieces these failed: 3"]' ]
	[ "$(jq -r .error.code out | head -n 1)" = piece_repeated ]
	[ "$(lines out)" -eq 2 ]
	echo '{"t":"","chunk":{"id":"a-5","doc":"a","i":5,"of":1000000000000,"start":0,"end":0,"path":".t"}}' >in
	call lbchunk --join .t <in
	status_is 1
	holds out '.error.message == "of 1000000000000 pieces these are missing: 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21 and 999999999979 more"'
}

# bats test_tags=valgrind
@test "--join: a chunk that no splitter wrote harms nobody: a record in, a record out" {
	local chunk want
	while IFS='|' read -r chunk want; do
		echo "$chunk"
		printf '{"t":"abc","a":"x","chunk":%s}\n' "$chunk" >in
		call lbchunk --join .a <in
		[ "$(jq -c 'del(.chunk) | .error |= .code' out)" = "$want" ]
	done <<-'EOT'
		{"doc":"d","i":1,"of":1,"start":0,"end":3,"path":"."}|{"t":"abc","a":"x","error":null}
		{"doc":"d","i":1,"of":1,"start":0,"end":3,"path":".chunk.i"}|{"t":"abc","a":"x","error":null}
		{"doc":"d","i":1,"of":1,"start":0,"end":3,"path":"t t"}|{"t":"abc","a":"x","error":null}
		{"doc":"d","i":1,"of":1,"start":0,"end":3,"path":""}|{"t":"abc","a":"x","error":null}
		{"doc":"d","i":1,"of":1,"start":0,"end":9223372036854775807,"path":".t"}|{"t":null,"a":"x","error":null}
		{"doc":"d","i":1,"of":1099511627776,"start":0,"end":3,"path":".t"}|{"t":null,"error":"pieces_missing"}
		{"doc":"d","i":1099511627776,"of":1099511627776,"start":0,"end":3,"path":".t"}|{"t":null,"error":"pieces_missing"}
		{"doc":"d","i":9223372036854775807,"of":9223372036854775807,"start":0,"end":3,"path":".t"}|{"t":"abc","a":"x","error":null}
		{"doc":"d","i":1,"of":1e0,"start":0,"end":3,"path":".t"}|{"t":"abc","a":"x","error":null}
		{"doc":"d","i":-1,"of":1,"start":0,"end":3,"path":".t"}|{"t":"abc","a":"x","error":null}
		{"doc":"d","i":1,"of":1,"start":-1,"end":3,"path":".t"}|{"t":"abc","a":"x","error":null}
	EOT
}

@test "--join: pieces that come again cost no more than others" {
	# All but one of them, twice, with none of which the document is whole.
	jq -nc 'range(2; 20001), range(2; 20001) | {t: "", a: "x", chunk: {doc: "d", i: ., of: 20000, start: 0, end: 0, path: ".t"}}' >in
	status=0
	timeout 10 lbchunk --join .a <in >out || status=$?
	[ "$status" -eq 1 ]
	[ "$(jq -r .error.code out | sort | uniq -c | xargs)" = '19999 piece_repeated 1 pieces_missing' ]
}

@test "summarising by map and reduce: split, call, join, call" {
	start_mock --latency 5ms±5ms
	export OPENAI_BASE_URL=$MOCK OPENAI_API_KEY=dummy
	local i
	for i in 1 2 3; do
		for n in $(seq 30); do printf 'Part %d of book %d is about things. ' "$n" "$i"; done |
			jq -Rsc --arg id "book $i" '{id: $id, text: .}'
	done >in
	lbchunk --split .text --size 60 --overlap 10 <in |
		lbchunk -m m -p 'Summarise: \(.text)' lbcall -c 8 |
		lbchunk --join .answer >parts
	[ "$(lines parts)" -eq 3 ]
	jq -c '{id, text}' parts | sort >got
	same in got
	# An answer for each piece, in their order.
	for i in 1 2 3; do
		jq -c --arg id "book $i" 'select(.id == $id)' in | lbchunk --split .text --size 60 --overlap 10 | lbchunk -k -m m -p 'Summarise: \(.text)' lbcall |
			jq -s 'map(.answer) | join("\n")' >want
		jq --arg id "book $i" 'select(.id == $id).answer' parts >got
		same want got
		[ "$(jq -r . got | wc -l)" -gt 3 ]
	done
	call lbchunk -m m -p 'Make one summary of these: \(.answer)' --into summary lbcall <parts
	status_is 0
	[ "$(jq -r .id out | sort | tr '\n' ' ')" = 'book 1 book 2 book 3 ' ]
	holds out '.summary | type == "string"'
}

@test "--join: results whose items were not unpacked pass, and it is said what was forgotten" {
	start_mock
	export OPENAI_BASE_URL=$MOCK OPENAI_API_KEY=dummy
	echo '{"id":"a","text":"One. Two. Three."}' | lbchunk --split .text --size 6 --by chars >pieces
	lbchunk -m m -p '\(.text)' <pieces | lbcall >results
	call lbchunk --join .answer <results
	status_is 0
	same results out
	grep -q "still packed .*: $(lines results); put  lbchunk -u " err
	call lbchunk --join .answer < <(lbchunk -u <results)
	status_is 0
	[ "$(lines out)" -eq 1 ]
	[ ! -s err ]
}

@test "a pipeline that calls fail in: each document is answered or fails, none is lost" {
	start_mock --seed 3 --fail 500:20%
	export OPENAI_BASE_URL=$MOCK OPENAI_API_KEY=dummy
	jq -nc 'range(60) | {id: ., text: ([range(.) | "Sentence \(.) of it. "] | add // "None.")}' >in
	lbchunk --split .text --size 12 <in | lbchunk -m m -n 3 -p '\(.text)' lbcall -c 8 >answered || [ $? -eq 1 ]
	call lbchunk --join .answer <answered
	status_is 1
	[ "$(jq .id out | sort -n | uniq | wc -l)" -eq 60 ]
	[ "$(lines out)" -eq 60 ]
	jq -c '{id, text}' out | sort >got
	sort in >want
	same want got
	holds out 'if .error then .error.code == "pieces_failed" and (.error.pieces | length > 0) else has("answer") end'
}

@test "--join: after a signal it goes on for as long as pieces come" {
	jq -nc '{id: "a", text: "1 2 3 "}' >in
	lbchunk --split .text --size 2 --by chars <in | jq -c '.answer = "x"' >pieces
	mkfifo stdin
	timeout -k 5 60 lbchunk -v --join .answer <stdin >out 2>err 3>&- &
	pid=$!
	exec 8>stdin
	head -n 1 pieces >&8
	until_true pgrep -P "$pid" -x lbchunk
	until_true sh -c "[ ! -s /proc/$(pgrep -P "$pid" -x lbchunk)/none ] && grep -q '^State:.S' /proc/$(pgrep -P "$pid" -x lbchunk)/status"
	kill -INT "$(pgrep -P "$pid" -x lbchunk)"
	tail -n 2 pieces >&8
	exec 8>&-
	status=0
	wait "$pid" || status=$?
	status_is 3
	holds out '.answer == "x\nx\nx"'
}

# peak IN OUT COMMAND...: sets kib to its largest resident size.
peak() {
	cat >peak.py <<-'EOT'
		import os, subprocess, sys
		process = subprocess.Popen(sys.argv[3:], stdin=open(sys.argv[1]), stdout=open(sys.argv[2], "w"))
		_, status, usage = os.wait4(process.pid, 0)
		print(usage.ru_maxrss)
		sys.exit(status != 0)
	EOT
	kib=$(python3 peak.py "$@")
	echo "$*: $kib KiB"
}

# at_most N: kib is, unless a sanitizer has its memory there, too.
at_most() {
	grep -q __asan_init "$LB_BIN/lbchunk" || [ "$kib" -le "$1" ]
}

@test "memory does not grow with the number of documents; what waits is spilled" {
	local few
	jq -nc '{id: 1, text: ("Some words of text. " * 20)}' >line
	for _ in $(seq 200); do cat line; done >few
	for _ in $(seq 100); do cat few; done >many
	peak few few.pieces lbchunk --split .text --size 20
	few=$kib
	peak many many.pieces lbchunk --split .text --size 20
	[ "$(lines many.pieces)" -eq $((100 * $(lines few.pieces))) ]
	# Ids take a file, not memory.
	at_most $((few + few / 10))
	peak few.pieces out lbchunk --join .text
	few=$kib
	peak many.pieces out lbchunk --join .text
	[ "$(lines out)" -eq 20000 ]
	at_most $((few + few / 10))
	# All documents open at once: beyond 16 MiB their pieces are on disk.
	jq -nc 'range(8000) | {id: "d\(.)", text: ("abcd " * 2000)}' >in
	lbchunk --split .text --size 5000 --by chars <in >pieces
	jq -c 'select(.chunk.i == 1)' pieces >by_number
	jq -c 'select(.chunk.i == 2)' pieces >>by_number
	mkdir spill
	export TMPDIR=$PWD/spill
	peak by_number out lbchunk --join .text
	sort out >got
	sort in >want
	same want got
	at_most 40000
	[ -z "$(ls spill)" ]
}

@test "a document whose pieces would be more than memory fails; the others go on" {
	jq -nc '{id: "a", text: ("x" * 1200), rest: ("y" * 1000000)}, {id: "b", text: "xy"}' >in
	call lbchunk --split .text --size 1 --by chars <in
	status_is 1
	[ "$(jq -c '[.custom_id, .error.code, .chunk.id]' out | tr '\n' ' ')" = '["a","item_too_large",null] [null,null,"b-1"] [null,null,"b-2"] ' ]
}

@test "misuse: status 2, and the first line names the option" {
	local text arguments
	while IFS='|' read -r text arguments; do
		echo "lbchunk $arguments"
		eval call lbchunk "$arguments" </dev/null
		status_is 2
		[ ! -s out ]
		[[ $(head -n 1 err) == "lbchunk: "*"$text"* ]]
	done <<-'EOT'
		--size|--split .text
		--size|--split .text --size 0
		--size|--split .text --size many
		--size|--split .text --size 5
		--overlap|--split .text --size 10 --overlap 10 --by chars
		--overlap|--split .text --size 10 --overlap 1
		--overlap|--split .text --size 10 --overlap 8
		--by|--split .text --size 10 --by words
		--split: |--split '.a |' --size 10
		--join: |--join '.a |'
		--split and --join|--split .a --size 10 --join .b
		-u, --split|-u --join .b
		-m |--split .text --size 10 -m m
		-p |--join .a -p x
		-k |--join .a -k
		--size |--join .a --size 10
		--size |-m m -p x --size 10
		--answer |--join .a --answer .b
		--id |--join .a --id .b
		--split |--split .text --size 10 cat
		--join |--join .text cat
		--into|--split .text --size 10 --into chunk
		--into|--split .text --size 10 --into piece
	EOT
}
