# tap.awk: what one job came to. Reads its TAP, then the reports of sanitizers; prints a line with its
# counts, below it whatever belongs to a failure, and writes "passed failed skipped" to the file counts.
# Variables: name, status and seconds of the job; counts.

FILENAME == ARGV[2] {
	reports = reports $0 "\n"
	next
}

/^(not )?ok( |$)/ {
	ended++
	if (/# [Ss][Kk][Ii][Pp]/) {
		skipped++
		failing = 0
	} else if (/^ok/) {
		passed++
		failing = 0
	} else {
		failed++
		failing = 1
		shown = shown $0 "\n"
	}
	last = $0
	next
}

/^1\.\.[0-9]+/ {
	plan = substr($1, 4) + 0
	planned = 1
	next
}

# What follows a failed check belongs to it; anything that is not TAP is shown if the job died.
{
	if (failing)
		shown = shown $0 "\n"
	else if ($0 !~ /^#/ || /^# bats warning/)
		stray = stray $0 "\n"
}

END {
	if (!planned || plan != ended || (status != 0 && failed == 0)) {
		failed++
		shown = shown sprintf("not ok - %s ended with status %d", name, status)
		if (status == 124 || status == 137)
			shown = shown " (too slow?)"
		shown = shown sprintf(", %d of %s checks done; the last: %s\n", ended, planned ? plan : "?", last)
		shown = shown stray
	}
	if (reports != "") {
		failed++
		shown = shown "not ok - " name " left reports:\n" reports
	}
	printf "%-4s %-36s %5d passed", (failed > 0 ? "FAIL" : "ok"), name, passed
	if (failed > 0)
		printf ", %d failed", failed
	if (skipped > 0)
		printf ", %d skipped", skipped
	printf (seconds >= 2 ? "  %d s\n" : "\n"), seconds
	printf "%s", shown
	print passed + 0, failed + 0, skipped + 0 > counts
}
