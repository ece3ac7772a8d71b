"""What a Python programmer would write: the rival "aiohttp" of wire.sh.

aiohttp_rival.py INPUT URL_IN_FRONT_OF_THE_ID IN_FLIGHT OUT
"""

import asyncio
import base64
import csv
import sys

import aiohttp


async def work(session, url, ids, out):
    for id in ids:
        async with session.delete(url + id) as answer:
            body = await answer.read()
            out.write(f"{id},{answer.status},{len(body)}\n")


async def main(input, url, in_flight, out):
    key = base64.b64encode(b"app_bench:secret").decode()
    headers = {"Authorization": f"Basic {key}"}
    connector = aiohttp.TCPConnector(limit=in_flight)
    with open(input, newline="") as rows, open(out, "w") as lines:
        ids = (row["id"] for row in csv.DictReader(rows))
        async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
            await asyncio.gather(*(work(session, url, ids, lines) for _ in range(in_flight)))


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]))
