#!/usr/bin/env bats
# lbmock(1): files; and of the calls for files and batches what they have in common.

load helper
load lbmock_batches

@test "misuse names the option and what is wrong" {
	while IFS='|' read -r option value wrong; do
		call lbmock "$option" "$value"
		status_is 2
		[[ $(head -n 1 err) == "lbmock: $option $value: "*"$wrong"* ]]
	done <<-'END'
	--batch-time|soon|duration
	--batch-window|x|duration
	--batch-window|99999d|10 years
	--batch-size|0|size
	--batch-size|2G|size
	--batch-enqueued|0|number
	--batch-fail|flood:1%|unknown
	--batch-fail|hang:1%|--fail
	--batch-fail|500:x|share
	--batch-fail|poll-status:5%|as in poll-429:5%
	--batch-fail|500:60%,expire:50%|100%
	--batch-fail|file-late:x|number
	--batch-fail|poll-slow:1%|status
	--batch-fail|expire|KIND
	--fail|expire:1%|unknown
	END
}

@test "a file: uploaded, looked up, downloaded byte for byte, deleted" {
	begin
	head -c 300000 /dev/urandom >in
	send POST /v1/files -F purpose=batch -F file=@in
	is 200 '(.id | startswith("file-")) and .object == "file" and .bytes == 300000 and .filename == "in"
		and .purpose == "batch" and .status == "processed" and .expires_at == null and (now - .created_at | fabs) < 60'
	file=$(jq -r .id body)
	cp body first
	send GET "/v1/files/$file"
	same body first
	send GET "/v1/files/$file/content"
	[ "$code" = 200 ]
	same body in
	send DELETE "/v1/files/$file"
	is 200 ".id == \"$file\" and .deleted"
	for path in "/v1/files/$file" "/v1/files/$file/content" /files/file-x; do
		send GET "$path"
		is 404 '.error.message | startswith("No such File object")'
	done
	send PUT "/v1/files/$file" -D headers
	is 405
	grep -qi '^allow: GET, DELETE' headers
}

@test "an empty file, and one with no newline at its end and delimiters in it, arrive as they are" {
	begin
	: >empty
	printf -- '--x\r\n--y--\r\n\r\n-' >odd
	for name in empty odd; do
		upload "$name"
		is 200 ".bytes == $(wc -c <"$name")"
		send GET "/v1/files/$file/content"
		same body "$name"
	done
}

@test "uploads that are no good say what is wrong" {
	begin
	echo x >in
	send POST /v1/files -d x
	is 400 '.error.message | contains("multipart")'
	send POST /v1/files -F purpose=batch
	is 400 '.error.param == "file"'
	send POST /v1/files -F file=@in
	is 400 '.error.param == "purpose"'
	send POST /v1/files -F purpose=batch -F file=@in -F 'expires_after[anchor]=created_at' -F 'expires_after[seconds]=5'
	is 400 '.error.param == "expires_after"'
	send POST /v1/files -F purpose=batch -F file=@in -F 'expires_after[anchor]=now' -F 'expires_after[seconds]=7200'
	is 400 '.error.param == "expires_after"'
}

# upload_form FORM: a form in the words of printf, with the boundary x.
upload_form() {
	# shellcheck disable=SC2059
	printf -- "$1" >form
	send POST /v1/files -H 'content-type: multipart/form-data; boundary=x' --data-binary @form
}

@test "forms as the standards allow them, and not those that are broken off" {
	begin
	head='Content-Disposition: form-data; name='
	purpose="--x\r\n${head}purpose\r\n\r\nbatch\r\n"
	while IFS='|' read -r want form; do
		upload_form "$form"
		is "$want" "$([ "$want" = 400 ] || echo '.bytes == 3 and .filename == "a" and .purpose == "batch"')" || {
			echo "$form"
			return 1
		}
	done <<-END
	200|$purpose--x\r\n$head"file"; filename="a"\r\n\r\nabc\r\n--x--
	200|$purpose--x\r\n${head}file; filename=a\r\n\r\nabc\r\n--x--\r\nbehind
	200|before\r\n$purpose--x\r\ncontent-disposition:form-data;filename="a";name="file"\r\n\r\nabc\r\n--x--
	200|$purpose--x \t\r\nX-More: 1\r\n$head"file"; filename="a"\r\n\r\nabc\r\n--x--
	400|$purpose--x\r\n$head"file"; filename="a"\r\n\r\nabc
	400|$purpose--x\r\n$head"file"; filename="a"\r\n\r\nabc\r\n--x
	400|$purpose--x\r\n$head"file"; filename="a"\r\n\r\nabc\r\n--x\r\n
	400|$purpose--x\r\n$head"file"; filename="a"
	400|--x
	400|--x--
	400|
	END
	upload_form "$purpose--x\r\nContent-Disposition: form-data; filename=\"b; name=c\"; name=\"file\"\r\n\r\nabc\r\n--x--"
	is 200 '.filename == "b; name=c"'
	[ "$(jq -s 'map(select(.status == 400)) | length' log)" -eq 7 ]
}

@test "an upload in chunks, and one that waits to be let go on" {
	begin
	head -c 2000000 /dev/urandom >in
	for header in 'Transfer-Encoding: chunked' 'Expect: 100-continue'; do
		send POST /v1/files -H "$header" -F purpose=batch -F file=@in
		is 200 '.bytes == 2000000'
		send GET "/v1/files/$(jq -r .id body)/content"
		same body in
	done
	# The bodies were longer than the file by the same form, however they came.
	jq -se 'map(select(.method == "POST").bytes) | length == 2 and .[0] == .[1] and .[0] > 2000000' log
}

@test "calls that come one behind the other without waiting are answered in turn" {
	begin
	exec 6<>"/dev/tcp/127.0.0.1/$MOCK_PORT"
	printf '%s\r\nHost: x\r\n%s\r\n%s' >&6 'GET /v1/batches HTTP/1.1' '' '' \
		'POST /v1/batches HTTP/1.1' "Content-Length: 2"$'\r\n' '{}' \
		'GET /v1/files/x HTTP/1.1' "Connection: close"$'\r\n' ''
	timeout 20 cat <&6 >answers
	exec 6>&-
	[ "$(grep -c '^HTTP/1.1 ' answers)" -ge 1 ]
	[ "$(grep -aoE 'HTTP/1.1 [0-9]{3}' answers | tr '\n' ' ')" = 'HTTP/1.1 200 HTTP/1.1 400 HTTP/1.1 404 ' ]
	[ "$(jq -r '"\(.method) \(.path)"' log | tr '\n' ' ')" = 'GET /v1/batches POST /v1/batches GET /v1/files/* ' ]
}

@test "a file with expires_after is gone by then" {
	begin
	echo x >in
	send POST /v1/files -F purpose=batch -F file=@in -F 'expires_after[anchor]=created_at' -F 'expires_after[seconds]=7200'
	is 200 '.expires_at - .created_at == 7200'
	file=$(jq -r .id body)
	advance 7000s
	send GET "/v1/files/$file"
	is 200
	[ "$(temporary_files)" -eq 1 ]
	advance 300s
	send GET "/v1/files/$file"
	is 404
	[ "$(temporary_files)" -eq 0 ]
}

# How many temporary files the server has open.
temporary_files() {
	find "/proc/$MOCK_PID/fd" -lname '*/lb.?????? (deleted)' | grep -c .
}

@test "a file may have 200 MiB, or what --batch-size says, and is refused with 413 above" {
	begin
	truncate -s 209715200 in
	upload in
	is 200 '.bytes == 209715200'
	truncate -s 209715201 in
	upload in
	is 413 '.error.code == "request_too_large"'
	stop_mock
	begin --batch-size 1k
	head -c 1024 /dev/zero >in
	upload in
	is 200
	head -c 1025 /dev/zero >in
	upload in
	is 413
}

@test "a file is not found at first" {
	begin --batch-fail file-late:2
	lines_of 1 >in
	upload in
	create
	is 404 '.error.message | startswith("No such File object")'
	send GET "/v1/files/$file"
	is 404
	create
	is 200
}

@test "the log tells uploads, creates with their metadata, cancels, and what came by batch" {
	begin --batch-time 1h
	lines_of 3 >in
	send POST /v1/files -H 'Authorization: Bearer k' -F purpose=batch -F file=@in
	file=$(jq -r .id body)
	create /v1/chat/completions '{"tag":"t-1"}'
	send POST "/v1/batches/$batch/cancel"
	messages_of 2 >in
	create_messages
	advance 2h
	until_true state_messages ended
	stop_mock
	jq -se --arg f "$file" '.[0] | .method == "POST" and .path == "/v1/files" and .status == 200 and .file == $f
		and .bytes > 300 and (.key | test("^[0-9a-f]{8}$"))' log
	jq -se 'map(select(.path == "/v1/batches")) | length == 1 and .[0].requests == 3 and .[0].metadata == {tag: "t-1"}
		and (.[0].batch | startswith("batch_"))' log
	jq -se 'map(select(.path == "/v1/batches/*/cancel")) | length == 1 and .[0].batch != null' log
	jq -se 'map(select(.path == "/v1/messages/batches")) | length == 1 and .[0].requests == 2 and .[0].metadata == null' log
	jq -se 'map(select(.prompt_tokens > 0)) | (map(.custom) | sort) == ["r1", "r2"]
		and all(.path == "/v1/messages" and (.batch | startswith("msgbatch_")) and .status == 200)' log
}

@test "the log tells how long a body was that was too large to be kept" {
	begin
	truncate -s 67108865 in
	send POST /v1/batches -H 'Expect:' --data-binary @in
	is 413 '.error.code == "request_too_large"'
	jq -e '.status == 413 and .bytes == 67108865' log
}

@test "equal bodies have equal hashes in the log, by call or by batch" {
	begin
	lines_of 2 >in
	head -n 1 in | jq -c .body | curl -sSf -d @- -o body "$MOCK/v1/chat/completions"
	upload in
	create
	until_true state completed
	jq -se 'map(select(.hash != null)) | (map(select(.batch == null))[0].hash) as $call
		| length == 3 and (map(select(.batch != null)) | all((.hash == $call) == (.custom == "r1")))' log
}

@test "--key guards files and batches; --rpm counts their calls in a bucket of their own" {
	begin --key sk-good
	for call in 'POST /v1/files' 'GET /v1/files/x' 'POST /v1/batches' 'GET /v1/batches' 'GET /v1/batches/x' \
		'POST /v1/messages/batches' 'GET /v1/messages/batches/x/results'; do
		# shellcheck disable=SC2086
		send $call
		is 401
		# shellcheck disable=SC2086
		send $call -H 'x-api-key: sk-good'
		[ "$code" != 401 ]
	done
	stop_mock
	begin --rpm 2
	body=$(lines_of 1 | jq -c .body)
	for want in 200 200 429; do
		send GET /v1/batches
		is "$want"
	done
	for want in 200 200 429; do
		send POST /v1/chat/completions -d "$body"
		is "$want"
	done
	send GET /v1/batches -D headers
	is 429
	grep -qi '^retry-after: ' headers
}

@test "--quota counts the requests of batches" {
	begin --quota 3
	run_batch 5
	is 200 '.request_counts == {total: 5, completed: 3, failed: 2}'
	holds errors '.response.status_code == 429 and .response.body.error.code == "insufficient_quota"'
	[ "$(paid | wc -l)" -eq 3 ]
	curl -sS "$MOCK/lbmock/stats" | jq -e '.batched == 5'
}

@test "POST /lbmock/advance wants a duration" {
	begin
	for query in '' '?by=' '?by=soon' '?by=99999999d'; do
		send POST "/lbmock/advance$query"
		is 400
	done
	send POST '/lbmock/advance?by=1h'
	is 200 '.time - now | . > 3590 and . < 3610'
}

@test "a temporary file that cannot be made ends it with a message, status 4" {
	TMPDIR=$PWD/nowhere begin
	lines_of 1 >in
	run upload in
	status=0
	wait "$MOCK_PID" || status=$?
	MOCK_PIDS=()
	[ "$status" -eq 4 ]
	grep -q "^lbmock: cannot make a temporary file in $PWD/nowhere: " mock.err
}
