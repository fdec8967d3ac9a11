// A bench on a SQLite file whose writes go through a thread, however few, as soon as it runs: virtual time waits for what is on its way there.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realEnvironment } from "../environment.ts";
import type { Environment } from "../ports/environment.ts";
import type { Session } from "../sql/db.ts";
import { SqliteDb } from "../sql/drivers/sqlite.ts";
import { ThreadConnection } from "../sql/drivers/sqlite-thread-connection.ts";
import { migrate } from "../sql/migrate.ts";
import { createSqlStore } from "../sql/whole-store.ts";
import type { BenchSource } from "./bench.ts";

/** Turns of the event loop without anything under way: what an answer sets off may be put off a few times before it asks again. */
const quietTurns = 5;
const methods = ["open", "run", "close"] as const;

/** What this process has under way in threads of SQLite files. */
class Traffic {
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #prototype = ThreadConnection.prototype as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  readonly #original = Object.fromEntries(methods.map((name) => [name, this.#prototype[name]!]));

  constructor() {
    const underWay = this.#underWay;
    for (const [name, method] of Object.entries(this.#original)) {
      this.#prototype[name] = function (...args) {
        const answer = method.apply(this, args);
        underWay.add(answer);
        const isOver = (): void => void underWay.delete(answer);
        answer.then(isOver, isOver);
        return answer;
      };
    }
  }

  /** Resolves once nothing is under way. */
  async quiet(): Promise<void> {
    for (let turns = 0; turns < quietTurns; turns++) {
      await new Promise<void>((resolve) => realEnvironment.defer(resolve));
      if (this.#underWay.size === 0) continue;
      await Promise.allSettled(this.#underWay);
      turns = -1;
    }
  }

  stop(): void {
    Object.assign(this.#prototype, this.#original);
  }
}

/** Where stores are opened, and what ends that. */
export interface ThreadSource extends BenchSource {
  stop(): void;
}

/** Stores on files of their own; `bend` changes the world of each. */
export function sqliteThreadSource(bend: (environment: Environment) => Environment): ThreadSource {
  const traffic = new Traffic();
  return {
    isRemote: true,
    createStore: (fake) => {
      const folder = mkdtempSync(join(tmpdir(), "suites-sqlite-"));
      const environment = bend(fake);
      const prepare = (session: Session): Promise<void> => migrate(session, environment.now());
      const options = { path: join(folder, "test.db"), synchronous: "OFF", threadFrom: 0, environment, prepare } as const;
      const open = () => ({ ...createSqlStore(new SqliteDb(options), environment), quiet: () => traffic.quiet() });
      return {
        store: open(),
        reopen: async () => open(),
        dispose: async () => rmSync(folder, { recursive: true, force: true }),
      };
    },
    stop: () => traffic.stop(),
  };
}
