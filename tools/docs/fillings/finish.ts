// The end of a block that started something: what it created has a moment to go on, then it is stopped as a platform stops a process.
import { setTimeout as pause } from "node:timers/promises";

await pause(Number(process.env["DOCS_LINGER_MS"] ?? 300));
if (process.listenerCount("SIGTERM") > 0) process.kill(process.pid, "SIGTERM");
else process.exit(0);
