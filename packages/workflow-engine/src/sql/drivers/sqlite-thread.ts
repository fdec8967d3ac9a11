// The thread that holds a connection to a SQLite file: runs what it is sent, in order, and answers.
import { parentPort, workerData } from "node:worker_threads";
import { LocalConnection, type SqliteFile } from "./sqlite-connection.ts";
import { unpackSteps } from "./sqlite-message.ts";
import type { ThreadAnswer, ThreadRequest } from "./sqlite-thread-connection.ts";

const connection = new LocalConnection(workerData as SqliteFile);
const port = parentPort!;

port.on("message", async ({ id, ask, packed }: ThreadRequest) => {
  let answer: ThreadAnswer;
  try {
    answer = { id, answers: packed ? await connection.run(unpackSteps(packed)) : ((await connection[ask as "open" | "close"]()) ?? []) };
  } catch (error) {
    // an error crosses without the fields that say what it is
    const { message, code, errcode, errstr } = error as Error & NonNullable<ThreadAnswer["error"]>;
    answer = { id, error: { message, code, errcode, errstr } };
  }
  port.postMessage(answer);
});
