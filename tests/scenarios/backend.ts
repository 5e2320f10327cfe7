/** A backend in a process of its own, so that it can be killed. Argument: its port, 0 for a free one. Prints the port. */
const LARGE = new Uint8Array(64 * 1024 * 1024);

const server = Bun.serve({
  port: Number(process.argv[2] ?? 0),
  hostname: "127.0.0.1",
  idleTimeout: 255,
  fetch(request, own) {
    if (own.upgrade(request)) return undefined;
    const { pathname } = new URL(request.url);
    if (pathname === "/large") return new Response(LARGE);
    return new Response("hello");
  },
  websocket: {
    message(socket, message) {
      // Answers far more than it is asked, for clients that do not read.
      if (message === "flood") for (let at = 0; at < 64; at++) socket.send(LARGE.subarray(0, 65_536));
      else socket.send(message);
    },
  },
});
console.log(server.port);
