# shellcheck shell=bash
# inject: one call of a program fails, each in turn. What the tests of that share; loaded after helper.
#
#     @test "writing fails: status 4, or all is there" {
#         seq 12 | sed 's/.*/{"custom_id":"r&","error":{"code":"x"}}/' >in
#         each_fails "4 done" write 10 lbretry cat
#     }
#
# A KIND is one that tests/inject/fail.c knows; or one of tests/inject/sqlite.c's behind "sqlite-". A file
# that wants more may define, behind the load:
#
#     setup       calls inject_setup first
#     fresh       makes the state as it is to be before each run
#     is_whole    is out all that a run without failures gives?

# One program tells whether all were built with a sanitizer.
setup_file() {
	export FAIL=$BATS_FILE_TMPDIR/fail.so FAIL_SQLITE=$BATS_FILE_TMPDIR/sqlite.so
	if grep -q __asan_init "$LB_BIN/lbcall"; then
		export FAIL=
	else
		inject_build fail.c "$FAIL" -ldl
		inject_build sqlite.c "$FAIL_SQLITE" -lsqlite3
	fi
}

inject_build() {
	${CC:-cc} -D_GNU_SOURCE -shared -fPIC -O1 -o "$2" "$BATS_TEST_DIRNAME/../inject/$1" "$3"
}

inject_setup() {
	[ -n "$FAIL" ] || skip "the sanitizer has its own malloc"
	cd "$BATS_TEST_TMPDIR" || return
}

setup() {
	inject_setup
}

fresh() {
	:
}

is_whole() {
	cmp -s out whole
}

# failing KIND N COMMAND...: one run on the file in, or the one that the variable input names, with one
# failure. Is there more to come?
failing() {
	local kind=$1 n=$2 library=$FAIL
	shift 2
	case $kind in sqlite-*) library=$FAIL_SQLITE kind=${kind#sqlite-} ;; esac
	rm -f hit
	fresh
	status=0
	timeout 20 env INJECT="$kind:$n" INJECT_HIT="$PWD/hit" LD_PRELOAD="$library" "$@" <"${input-in}" >out 2>err 3>&- ||
		status=$?
	[ -e hit ]
}

# is_sound OUTCOMES: the last run came to one of these: "done" (status 0, the whole output) or a status with
# a message.
is_sound() {
	if [ "$status" -eq 0 ]; then
		[[ " $1 " == *" done "* ]] && is_whole && return
	else
		[[ " $1 " == *" $status "* ]] && [ -s err ] && return
	fi
	echo "status $status, $(lines out) lines of $(lines whole); stderr:"
	head -n 5 err
	return 1
}

# each_fails OUTCOMES KIND GROWTH COMMAND...: the 1st, 2nd, ... call of the kind fails, until there is none;
# with a GROWTH above 10 they are sampled. Behind each the command that the variable check names is to hold.
each_fails() {
	local outcomes=$1 kind=$2 growth=$3 n=1 runs=0
	shift 3
	failing none 1 "$@" || status_is 0
	cp out whole
	while failing "$kind" "$n" "$@"; do
		if ! is_sound "$outcomes" || ! ${check-true}; then
			echo "call $n of kind $kind: $*"
			return 1
		fi
		runs=$((runs + 1))
		n=$((n * growth / 10 + 1))
	done
	status_is 0
	is_whole
	echo "$runs failures of kind $kind: $*"
	[ "$runs" -gt 0 ]
}
