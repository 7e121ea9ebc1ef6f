"""Forwards connections through an HTTP proxy to api.twilio.com, because wrk does not support proxies."""

import asyncio
import sys

import uvloop

_CONNECT = b"CONNECT api.twilio.com:443 HTTP/1.1\r\nHost: api.twilio.com:443\r\n\r\n"
_PIECE = 1 << 16


async def relay(proxy_port: int) -> None:
    """Serve on a free port until the process ends."""

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", proxy_port)
        far_writer.write(_CONNECT)
        await far_reader.readuntil(b"\r\n\r\n")
        await asyncio.gather(_pass(reader, far_writer), _pass(far_reader, writer), return_exceptions=True)

    server = await asyncio.start_server(join, "127.0.0.1", 0)
    print(f"ready http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_PIECE):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


if __name__ == "__main__":
    uvloop.run(relay(int(sys.argv[1])))
