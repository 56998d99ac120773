#!/usr/bin/env bats
# One call fails under lbbatch, each in turn, or it is killed behind each write: status 4 and a message, or
# all of the output; and the next run has all results, with no batch made twice and nothing paid twice.

load helper
load inject
load batch

setup() {
	inject_setup
	provider
	requests 12 >in
	lbbatch=(lbbatch -s job --poll 5ms --max-requests 6)
}

fresh() {
	rm -rf job
	: >calls
}

is_whole() {
	each_once out 12
}

# resumes: the next run has all, and the provider has made and billed no more than it had to.
resumes() {
	call "${lbbatch[@]}" <in
	status_is 0 && each_once out 12 && made 2 && paid 12
}

# fetches: the same, if at most one of the two batches need not have been made: it was, when its files were
# found unfit.
fetches() {
	call "${lbbatch[@]}" <in
	status_is 0 && each_once out 12
}

@test "killed behind each write: nothing is lost, no batch is made twice, nothing is paid twice" {
	local n=1
	while failing write-kill "$n" "${lbbatch[@]}"; do
		status_is 137
		resumes || { echo "killed behind write $n"; cat job/journal; return 1; }
		n=$((n + 1))
	done
	status_is 0
	echo "killed $n times"
	[ "$n" -gt 20 ]
}

@test "killed behind each write, with message batches" {
	local n=1
	anthropic <in >in2
	mv in2 in
	while failing write-kill "$n" "${lbbatch[@]}"; do
		status_is 137
		call "${lbbatch[@]}" <in
		status_is 0
		[ "$(jq -r 'select(.error == null).custom_id' out | sort -u | wc -l)" -eq 12 ]
		[ "$(lines out)" -eq 12 ]
		made 2
		paid 12
		n=$((n + 1))
	done
	[ "$n" -gt 15 ]
}

@test "writing fails, to the journal, a part or stdout: status 4, nothing lost" {
	check=resumes each_fails 4 write 10 "${lbbatch[@]}"
}

@test "writes are interrupted or short: all is there" {
	each_fails "done" write-eintr 13 "${lbbatch[@]}"
	each_fails "done" write-short 10 "${lbbatch[@]}"
}

@test "synchronising fails: status 4, nothing lost" {
	check=resumes each_fails 4 fdatasync 10 "${lbbatch[@]}"
	check=resumes each_fails 4 fsync 10 "${lbbatch[@]}"
}

@test "reading fails, or is interrupted or short" {
	check=fetches each_fails "4 done" read 10 "${lbbatch[@]}"
	check=fetches each_fails "4 done" pread 13 "${lbbatch[@]}"
	each_fails "done" pread-eintr 14 "${lbbatch[@]}"
	each_fails "done" pread-short 14 "${lbbatch[@]}"
	each_fails "done" read-short 10 "${lbbatch[@]}"
}

@test "opening, closing, and memory fail: status 4, or all is there; the next run has it" {
	check=fetches each_fails "4 done" open 10 "${lbbatch[@]}"
	check=fetches each_fails "4 done" close 10 "${lbbatch[@]}"
	# libcurl's own lack of memory, in a call that it leaves by a jump, looks like a bad URL.
	check=resumes each_fails "2 4" malloc 13 "${lbbatch[@]}"
}

# again: a run on a state that has all, with one failure; then a whole one.
@test "running again fails: status 4, and the run after it has all" {
	"${lbbatch[@]}" <in >first
	cp -r job made
	fresh() {
		rm -rf job
		cp -r made job
	}
	resumes() {
		call "${lbbatch[@]}" <in
		status_is 0 && each_once out 12 && made 2
	}
	for kind in write read pread open; do
		check=resumes each_fails "4 done" $kind 10 "${lbbatch[@]}"
	done
	check=resumes each_fails "2 4" malloc 13 "${lbbatch[@]}"
}
