"""lbcall's job as a Python program does it: requests on stdin, results on stdout, over aiohttp.

usage: aiohttp_client.py CONCURRENCY BASE_URL < requests > results
"""

import asyncio
import json
import sys

import aiohttp


async def worker(session, base, lines):
    for line in lines:
        record = json.loads(line)
        async with session.post(base + record["url"], json=record["body"]) as response:
            record["response"] = {
                "status_code": response.status,
                "request_id": response.headers.get("x-request-id"),
                "body": await response.json(),
            }
        record["error"] = None
        sys.stdout.write(json.dumps(record) + "\n")


async def main(concurrency, base):
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector) as session:
        # The workers share one iterator: each takes the next line when it is free.
        lines = iter(sys.stdin)
        await asyncio.gather(*(worker(session, base, lines) for _ in range(concurrency)))


asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
