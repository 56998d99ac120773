#!/usr/bin/env bats
# lbcall: records do not steer requests, and keys stay where they belong.

load helper
load recorder

KEY=sk-Secret0123456789

# call_url URL [argument]...: one record with this url as a JSON string's inside.
call_url() {
	local url=$1
	shift
	printf '{"custom_id":"a","url":"%s","body":{}}\n' "$url" >in
	OPENAI_API_KEY=$KEY ANTHROPIC_API_KEY=$KEY call lbcall --timeout 5s "$@" <in
}

@test "a record's url that is not a path on the base URL is refused, and nothing is sent" {
	start_recorder b
	answer_json b/default '{}'
	other=$RECORDER_PORT
	start_recorder a
	answer_json a/default '{}'
	while read -r url; do
		url=${url//OTHER/$other}
		url=${url//PORT/$RECORDER_PORT}
		echo "url $url"
		call_url "$url" -u "$RECORDER"
		status_is 1
		[ "$(lines out)" -eq 1 ]
		holds out '.error.code == "url_refused" and .response == null and (has("id") | not)'
	done <<-'EOT'
		http://127.0.0.1:OTHER/v1/chat/completions
		http://localhost:PORT/v1/chat/completions
		http://127.0.0.1/v1/chat/completions
		https://127.0.0.1:PORT/v1/chat/completions
		http://127.0.0.2:PORT/v1/chat/completions
		//127.0.0.1:OTHER/v1/chat/completions
		///127.0.0.1:OTHER/v1/chat/completions
		127.0.0.1:OTHER/v1/chat/completions
		v1/chat/completions
		file:///etc/passwd
		ftp://127.0.0.1:OTHER/x
		gopher://127.0.0.1:OTHER/_x
		unix:/tmp/x
		http://127.0.0.1:PORT@127.0.0.1:OTHER/v1/x
		http://user:pw@127.0.0.1:PORT/v1/x
		http://user@127.0.0.1:PORT/v1/x
		http://127.0.0.1:OTHER\\@127.0.0.1:PORT/v1/x
		http:\\\\127.0.0.1:OTHER/x
		\\\\127.0.0.1:OTHER/x
		http://127.0.0.1:OTHER#@127.0.0.1:PORT/v1/x
		http://127.0.0.1:OTHER?@127.0.0.1:PORT/v1/x
		http:/127.0.0.1:OTHER/x
		http://127.0.0.1%00.example:PORT/x
		javascript:alert(1)
		http://
		\u0000
		/v1/x\u0000
		/v1/x y
		/v1/x\r\nX-Evil:1
		/v1/\u00e9
		http://127.0.0.1:PORT\u3002example/x
		\uff0f\uff0f127.0.0.1:OTHER/x
		/.//127.0.0.1:OTHER
		/../x
		/v1/%2e%2E/x
		/v1/.%2e
		/v1/./x?y
		http://127.0.0.1:PORT/a/../x
		\u0009//127.0.0.1:OTHER/x
	EOT
	for url in '' 5 '{}' '["/v1/x"]' true; do
		OPENAI_API_KEY=$KEY call lbcall -u "$RECORDER" <<<"{\"url\":${url:-\"\"},\"body\":{}}"
		status_is 1
		holds out '.error.code == "url_refused"'
	done
	[ ! -s a/heads ]
	[ ! -s b/heads ]
}

@test "paths that look like hosts stay on the base URL" {
	start_recorder b
	other=$RECORDER_PORT
	start_recorder a
	answer_json a/default '{}'
	for path in "/@127.0.0.1:$other/x" "/\\\\127.0.0.1:$other/x" "/:$other" "/http://127.0.0.1:$other/x"; do
		call_url "$path" -u "$RECORDER"
		status_is 0
		call_url "$path" -u "$RECORDER/v1"
		status_is 0
	done
	[ "$(grep -c "^Host: 127.0.0.1:$RECORDER_PORT" a/heads)" -eq 8 ]
	[ ! -s b/heads ]
}

@test "an absolute URL of the base's origin or an allowed one is accepted, however it is spelt" {
	start_recorder b
	answer_json b/default '{}'
	other=$RECORDER_PORT
	start_recorder a
	answer_json a/default '{}'
	call_url "$RECORDER/v1/x" -u "$RECORDER/v1"
	status_is 0
	call_url "HTTP://127.0.0.1:$RECORDER_PORT/v1/x" -u "$RECORDER"
	status_is 0
	[ "$(grep -c '^POST /v1/x ' a/heads)" -eq 2 ]
	for origin in "http://127.0.0.1:$other" "http://127.0.0.1:$other/" "HTTP://127.0.0.1:$other"; do
		: >b/heads
		call_url "http://127.0.0.1:$other/v1/x" -u "$RECORDER" --allow-origin http://example.com --allow-origin "$origin"
		status_is 0
		grep -qF "Authorization: Bearer $KEY" b/heads
	done
	: >b/heads
	call_url "http://LOCALHOST:$other/v1/x" -u "$RECORDER" --allow-origin "http://localHOST:$other"
	status_is 0
	[ -s b/heads ]
	call_url "http://127.0.0.1:$RECORDER_PORT/v1/x" -u "unix:$PWD/none"
	status_is 1
	holds out '.error.code == "url_refused"'
}

@test "the key of one API does not go to the other's base URL" {
	start_recorder a
	answer_json a/default '{}'
	# An absolute URL has to be of the base of its own kind.
	printf '{"url":"%s/v1/messages","body":{}}\n' "$RECORDER" >in
	OPENAI_BASE_URL=$RECORDER/v1 OPENAI_API_KEY=$KEY ANTHROPIC_API_KEY=sk-ant call lbcall <in
	status_is 1
	holds out '.error.code == "url_refused"'
	[ ! -s a/heads ]
}

@test "base URLs and origins that are none: status 2" {
	while read -r option value; do
		echo "$option $value"
		call lbcall "$option" "$value" <<<'{"body":{}}'
		status_is 2
		[ ! -s out ]
	done <<-'EOT'
		-u ftp://example.com
		-u file:///tmp/x
		-u example.com
		-u http://
		-u http://user:pw@example.com/
		-u http://example.com/?a=b
		-u http://example.com/#a
		-u unix:
		-u unix:relative/path
		--allow-origin example.com
		--allow-origin http://example.com/path
		--allow-origin http://u:p@example.com
		--allow-origin ftp://example.com
	EOT
	OPENAI_BASE_URL=example.com call lbcall <<<'{"body":{}}'
	status_is 2
}

@test "nothing of a record enters a header" {
	start_recorder a
	answer_json a/default '{}'
	call_url /v1/x -u "$RECORDER"
	tr -d '\r' <a/heads | cut -d: -f1 | sort >plain
	: >a/heads
	# Injection through every member that might be thought to be one.
	printf '%s\n' '{"custom_id":"a\r\nX-Evil: 1","url":"/v1/x","method":"POST","id":"\r\nX-Evil: 2","headers":{"X-Evil":"3"},"header":"X-Evil: 4","auth":"none","lb":{"headers":{"X-Evil":"5"},"key":"X-Evil: 6"},"body":{"headers":{"X-Evil":"7"},"a":"\r\n\r\nX-Evil: 8"},"X-Evil":"9","api_key":"sk-evil","timeout":"1","stream":true}' >in
	OPENAI_API_KEY=$KEY call lbcall -u "$RECORDER" <in
	status_is 0
	tr -d '\r' <a/heads | cut -d: -f1 | sort >got
	same got plain
	lacks a/heads vil
}

@test "a header of -H that is none, or has control characters: status 2" {
	start_recorder a
	for header in 'no colon' ': empty' $'X-A: b\r\nX-Evil: 1' $'X-A: b\nX-Evil: 1' $'X-A: \001' $'X-A: \177' 'X A: b' \
		'X(A): b' $'X-\303\251: b' 'X-A : b'; do
		call lbcall -u "$RECORDER" -H "$header" <<<'{"body":{}}'
		status_is 2
		[ ! -s out ]
	done
	printf 'X-A: b\nbroken\n' >headers
	call lbcall -u "$RECORDER" -H @headers <<<'{"body":{}}'
	status_is 2
	call lbcall -u "$RECORDER" -H @no-such-file <<<'{"body":{}}'
	status_is 2
	[[ $(head -n 1 err) == *no-such-file* ]]
	[ ! -s a/heads ]
}

@test "a key with a newline or another control character: status 2, and it is not printed" {
	start_recorder a
	for bad in $'sk-Secret\nX-Evil: 1' $'sk-Secret\n' $'sk-Secret\r' $'sk-Sec\177ret' $'sk-Sec\033ret'; do
		OPENAI_API_KEY=$bad call lbcall -u "$RECORDER" <<<'{"body":{}}'
		status_is 2
		grep -qF OPENAI_API_KEY err
		lacks err Sec
		[ ! -s out ]
		A_KEY=$bad call lbcall -u "$RECORDER" -K A_KEY <<<'{"body":{}}'
		status_is 2
		grep -qF A_KEY err
		lacks err Sec
	done
	[ ! -s a/heads ]
}

# no_key: the key is in none of what the last call wrote.
no_key() {
	local file
	for file in out err; do
		lacks "$file" "$KEY"
		lacks "$file" "$(printf %s "$KEY" | base64)"
	done
}

@test "the key is in no output, whatever happens" {
	start_recorder a
	answer_json a/default '{}'
	answer_json a/err '{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}' 401
	printf '{"custom_id":"%s","url":"/v1/%s","body":{}}\n' a a b err c messages >in
	printf '{"custom_id":"d","url":"http://example.com/","body":{}}\nnonsense\n' >>in
	export OPENAI_API_KEY=$KEY ANTHROPIC_API_KEY=$KEY
	for args in -v --dry-run '--progress -v' '-c 0' --nonsense '-u nonsense' '-u http://127.0.0.1:9' '--auth none' '--auth nonsense'; do
		echo "args $args"
		# shellcheck disable=SC2086 # words
		call lbcall -u "$RECORDER" $args <in
		[ "$status" -ne 0 ] || [ "$args" = --dry-run ]
		[ -s out ] || [ -s err ]
		no_key
	done
	printf 'Authorization: Bearer %s\nX-Custom-Key: %s\n' "$KEY" "$KEY" >headers
	call lbcall -u "$RECORDER" -H @headers --dry-run <in
	no_key
	grep -qF 'X-Custom-Key: ***' out
	printf 'Authorization: Bearer %s\n\001' "$KEY" >headers
	call lbcall -u "$RECORDER" -H @headers <in
	status_is 2
	no_key
}

# Does the process run lbcall, with nothing of the key to be seen?
key_is_wiped() {
	[ "$(cat "/proc/$1/comm")" = lbcall ] && grep -qaF PATH= "/proc/$1/environ" && ! grep -qaF "$KEY" "/proc/$1/environ"
}

@test "the key does not stay in the environment, and is not in the arguments" {
	start_recorder a
	printf '@@WAIT@@HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}' >a/default
	mkfifo in
	export OPENAI_API_KEY=$KEY ANTHROPIC_API_KEY=$KEY-a
	for args in '' '-K MY_KEY' '-K MY_KEY,OPENAI_API_KEY'; do
		[ -z "$args" ] || export MY_KEY=$KEY-b
		rm -f a/go
		: >a/bodies
		: >a/heads
		# shellcheck disable=SC2086 # words
		lbcall -u "$RECORDER" $args <in >out 2>err 3>&- &
		pid=$!
		exec 7>in
		echo '{"body":{}}' >&7
		until_true has_lines 1 a/bodies
		until_true key_is_wiped "$pid"
		grep -qF "Bearer $KEY" a/heads
		[ "$(tr '\0' ' ' <"/proc/$pid/cmdline" | grep -cF "$KEY")" -eq 0 ]
		touch a/go
		exec 7>&-
		wait "$pid"
		grep -qF '"error":null' out
	done
}

@test ".netrc is not read" {
	start_recorder a
	answer_json a/default '{}'
	printf 'machine 127.0.0.1 login me password secret\ndefault login me password secret\n' >.netrc
	chmod 600 .netrc
	HOME=$PWD NETRC=$PWD/.netrc call lbcall -u "$RECORDER" <<<'{"body":{}}'
	status_is 0
	[ -s a/heads ]
	lacks a/heads uthorization
}

@test "a proxy from the environment: sees no key of an https request, and NO_PROXY goes around it" {
	start_recorder proxy
	answer_json proxy/default '{"proxied":true}'
	printf 'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n' >proxy/host_invalid:443
	via=$RECORDER
	export OPENAI_API_KEY=$KEY
	echo '{"custom_id":"a","body":{"b":1}}' >in
	http_proxy=$via call lbcall -u http://host.invalid/v1 <in
	status_is 0
	holds out '.response.body.proxied'
	[ "$(head -n 1 proxy/heads)" = $'POST http://host.invalid/v1/chat/completions HTTP/1.1\r' ] ||
		[ "$(head -n 1 proxy/heads)" = $'POST http://host.invalid:80/v1/chat/completions HTTP/1.1\r' ]
	for variable in HTTPS_PROXY https_proxy ALL_PROXY; do
		: >proxy/heads
		: >proxy/bodies
		export $variable="$via"
		call lbcall -u https://host.invalid/v1 -H 'X-Custom: 1' <in
		unset $variable
		status_is 1
		[ "$(lines out)" -eq 1 ]
		holds out '.response == null'
		[ "$(head -n 1 proxy/heads)" = $'CONNECT host.invalid:443 HTTP/1.1\r' ]
		lacks proxy/heads "$KEY"
		lacks proxy/heads uthorization
		lacks proxy/heads X-Custom
		[ "$(cat proxy/bodies)" = '' ]
	done
	start_recorder a
	answer_json a/default '{}'
	: >proxy/heads
	http_proxy=$via NO_PROXY=127.0.0.1 call lbcall -u "$RECORDER" <in
	status_is 0
	[ -s a/heads ]
	[ ! -s proxy/heads ]
}

@test "--dry-run shows the requests with masked keys and sends none" {
	start_mock --log log
	printf '%s\n' '{"url":"/v1/chat/completions","body":{"n":1.0}}' '{"url":"/v1/messages","body":{ }}' \
		'{"url":"http://example.com/v1/x","body":{}}' '{"custom_id":"x"}' 'nonsense' >in
	OPENAI_API_KEY=$KEY ANTHROPIC_API_KEY=$KEY call lbcall -n -u "$MOCK" -H 'X-A: b' -H 'anthropic-beta: c' <in
	status_is 1
	cat >want <<-EOT
		POST /v1/chat/completions HTTP/1.1
		Host: 127.0.0.1:$MOCK_PORT
		Content-Type: application/json
		User-Agent: lb
		Accept-Encoding: gzip
		Authorization: Bearer ***
		X-A: ***
		anthropic-beta: c
		Content-Length: 9

		{"n":1.0}

		POST /v1/messages HTTP/1.1
		Host: 127.0.0.1:$MOCK_PORT
		Content-Type: application/json
		User-Agent: lb
		Accept-Encoding: gzip
		anthropic-version: 2023-06-01
		x-api-key: ***
		X-A: ***
		anthropic-beta: c
		Content-Length: 3

		{ }

	EOT
	head -n 25 out >requests
	same requests want
	[ "$(tail -n 3 out | jq -r .error.code | tr '\n' ' ')" = 'url_refused not_a_request bad_record ' ]
	[ ! -s log ]
	# It needs no key, as nothing is sent, and no network.
	call lbcall -n <<<'{"body":{}}'
	status_is 0
	grep -qF '/v1/chat/completions' out
}
