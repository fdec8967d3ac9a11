// Trouble for workers on one PostgreSQL: processes killed and frozen, the server crashed and started again, connections cut. All by the
// clock, side by side, while runs are created. Trouble that hits nobody proves nothing, so each waits until there is somebody: at work, or
// connected.
import type { PostgresServer } from "../../tools/postgres/server.ts";
import { type Cut, type CutProxy, cuts } from "./cut-proxy.ts";
import { pause, until } from "./mixed-runs.ts";
import type { Workers } from "./workers.ts";

/** How much trouble. */
export interface StormCounts {
  runs: number;
  kills: number;
  /** Milliseconds between two kills, on average. */
  everyMs: number;
  freezes: number;
  restarts: number;
  /** Cuts of every connection through the proxy, ways in turn. */
  cuts: number;
}

/** What trouble is made for. */
export interface StormTargets {
  server: PostgresServer;
  proxy: CutProxy;
  workers: Workers;
  /** Creates one run more, for when nobody is at work. */
  moreWork: () => void;
  /** How long nothing arrives after a cut that leaves connections half-open. Milliseconds. */
  deadMs: number;
  /** How long a worker is stopped: past its lease. Milliseconds. */
  frozenMs: number;
}

/** Milliseconds that a storm lasts. */
export const lengthOf = ({ kills, everyMs }: StormCounts): number => kills * everyMs;

/** How long nobody is at work before there is more of it. */
const idleMs = 500;

/** Makes all of it; resolves when it is over. Answers for how long the server was away in all, in milliseconds. */
export async function storm(counts: StormCounts, targets: StormTargets): Promise<number> {
  const { server, proxy, workers, moreWork, deadMs, frozenMs } = targets;
  const lengthMs = lengthOf(counts);
  let awayMs = 0;
  const evenly = async (count: number, work: (i: number) => Promise<void> | void): Promise<void> => {
    const startedAt = Date.now();
    for (let i = 0; i < count; i++) {
      await pause(Math.max(0, startedAt + ((i + 0.5) / count) * lengthMs - Date.now()));
      await work(i);
    }
  };
  const hit = async (trouble: () => Promise<boolean> | boolean): Promise<void> => {
    let moreAt = Date.now() + idleMs;
    const isHit = async (): Promise<boolean> => {
      if (await trouble()) return true;
      if (Date.now() < moreAt) return false;
      moreAt = Date.now() + idleMs;
      moreWork();
      return false;
    };
    await until(isHit, "a worker was at work");
  };
  await Promise.all([
    evenly(counts.kills, async (i) => {
      // now and then two at once, now and then twice the time in between
      await pause((counts.everyMs * ((i * 7) % 10)) / 10);
      await hit(() => workers.replaceAtWork(((i * 5) % 8) / 8));
    }),
    evenly(counts.freezes, (i) => hit(() => workers.freezeAtWork(((i * 3) % 8) / 8, frozenMs))),
    evenly(counts.cuts, (i) => proxy.cutLive(cuts[i % cuts.length] as Cut, deadMs)),
    evenly(counts.restarts, async (i) => {
      const stoppedAt = Date.now();
      await server.crash();
      await pause(200 + (i % 3) * 1_000);
      await server.start();
      awayMs += Date.now() - stoppedAt;
    }),
  ]);
  return awayMs;
}
