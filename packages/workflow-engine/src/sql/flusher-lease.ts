// The lease of the outbox: one publisher at a time, in all processes (P18). Its row stays once it is there, for a row that is missing
// cannot be locked: A and B would both find nobody, therefore both would publish.
import type { Session } from "./db.ts";
import { ensureLease, loadLease, saveLease } from "./tables/instances.ts";

/** The task that this is the lease of. */
export const FLUSHER = "outbox";

/** Who publishes, and until when unless renewed; no token and 0 when nobody does. */
export interface FlusherLease {
  readonly token: string;
  readonly until: number;
}

/** Reads the lease and keeps everybody else from it until the transaction ends. */
export async function lockFlusher(session: Session): Promise<FlusherLease> {
  const row = await readLease(session);
  if (row) return row;
  // one of those who come at once inserts it, the others wait for that one's transaction to end
  await session.write(ensureLease, [[FLUSHER, "", 0]]);
  return (await readLease(session))!;
}

/** Gives the lease to `token`; the caller has locked it. */
export async function keepFlusher(session: Session, token: string, until: number): Promise<void> {
  await session.send(saveLease, [[FLUSHER, token, until]]);
}

/** Gives the lease back; the caller has locked it. */
export async function freeFlusher(session: Session): Promise<void> {
  await session.send(saveLease, [[FLUSHER, "", 0]]);
}

async function readLease(session: Session): Promise<FlusherLease | null> {
  const [row] = await session.read(loadLease, [[FLUSHER]]);
  return row ? { token: row[0] as string, until: row[1] as number } : null;
}
