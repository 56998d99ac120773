# shellcheck shell=bash
# lbretry: what its tests share; loaded after helper and wrapper.

# make_fake: write fake.py, a command that answers as the records say. body.plan lists the outcomes of
# a record's attempts, one after another: a status, or an object with status, code, message, type, and
# entries of lb; "behind" lets it be answered behind the next success. Behind the list, and without one, it succeeds. What comes in is appended to the file sent, as
# "SECONDS LINE"; the answer is the line with members behind it, so all of its bytes stay.
make_fake() {
	cat >fake.py <<-'EOT'
		import json, sys, time
		seen = {}
		behind = []
		log = open("sent", "a", buffering=1)
		for line in sys.stdin:
		    line = line.rstrip("\n")
		    log.write("%.6f %s\n" % (time.monotonic(), line))
		    r = json.loads(line)
		    body = r.get("body") or r.get("params") or {}
		    seen[r["custom_id"]] = n = seen.get(r["custom_id"], 0) + 1
		    plan = body.get("plan", [])
		    p = plan[n - 1] if n <= len(plan) else {"status": 200}
		    if isinstance(p, int):
		        p = {"status": p}
		    answer = {"model": body.get("model"), "try": n}
		    error = None
		    if p.get("status") != 200 or p.get("code"):
		        error = {"code": p.get("code") or "http_%d" % p["status"], "message": p.get("message", "no")}
		        answer = {"error": {"code": p.get("code"), "type": p.get("type"), "message": error["message"]}}
		    if "body" in p:
		        answer = p["body"]
		    response = {"status_code": p["status"], "body": answer} if p.get("status") else None
		    members = '"response":%s,"error":%s' % (json.dumps(response), json.dumps(error))
		    if "lb" in p:
		        members += ',"lb":' + json.dumps(p["lb"])
		    line = line[:-1] + "," + members + "}"
		    if "behind" in p:
		        behind.append(line)
		        continue
		    print(line, flush=True)
		    if error is None and behind:
		        print(behind.pop(0), flush=True)
	EOT
}

# retry [argument]...: lbretry around the fake, on the file in; in "sent" is what went to it.
retry() {
	rm -f sent
	call lbretry -b 1ms -m 2ms "$@" python3 fake.py <in
}

# planned ID PLAN: a request with that plan.
planned() {
	printf '{"custom_id":"%s","body":{"model":"m","plan":%s}}\n' "$1" "$2"
}

# sent_ids: what was sent, in order.
sent_ids() {
	sed 's/^[^ ]* //' sent | jq -r .custom_id | xargs
}

# gaps ID: seconds between the attempts of a record, one a line.
gaps() {
	grep -F "\"custom_id\":\"$1\"" sent | awk '{ if (NR > 1) print $1 - last; last = $1 }'
}

# waits ID SECONDS...: its attempts came at least so far apart, one after another.
waits() {
	local id=$1
	shift
	gaps "$id" >gaps
	[ "$(lines gaps)" -eq $# ]
	printf '%s\n' "$@" | paste -d' ' gaps - | awk '$1 < $2 { print "waited " $1 " instead of " $2; bad = 1 } END { exit bad }'
}

# came_to ID EXPRESSION: the record is in out, once, and the jq expression is true of it.
came_to() {
	jq -es --arg id "$1" "map(select(.custom_id == \$id)) | length == 1 and (.[0] | $2)" out >/dev/null && return
	echo "not so: $2"
	grep -F "\"custom_id\":\"$1\"" out | cut -c1-500
	return 1
}
