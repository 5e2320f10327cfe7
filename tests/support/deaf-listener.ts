/** Listens on a free port, which it prints, and accepts nothing once it is stopped: for whom connects are in vain. */
import { createServer } from "node:net";

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(typeof address === "object" && address !== null ? address.port : 0);
});
