// The id under which a request travels: the batch's key, its position, and, where it fits into Anthropic's 64 characters of
// [a-zA-Z0-9_-], its own id. By the key a batch is known to be ours; by the position its results are put in order.

const longest = 64;
const fits = /^[a-zA-Z0-9_-]+$/;
const shape = /^([0-9a-z]+)-(\d+)(?:-([a-zA-Z0-9_-]+))?$/;

/** The id of one request on the wire. */
export function wireIdOf(key: string, index: number, customId?: string): string {
  const bare = `${key}-${index}`;
  const full = `${bare}-${customId}`;
  return customId !== undefined && fits.test(customId) && full.length <= longest ? full : bare;
}

/** What an id of ours says; null for somebody else's. */
export function readWireId(wireId: string): { key: string; index: number; customId: string | undefined } | null {
  const match = shape.exec(wireId);
  return match ? { key: match[1] as string, index: Number(match[2]), customId: match[3] } : null;
}

/** True when a wire id survives the trip with this custom id in it. */
export function carriesCustomId(key: string, index: number, customId: string | undefined): boolean {
  return customId === undefined || wireIdOf(key, index, customId) !== wireIdOf(key, index);
}

/** The key of a batch, of a fresh id: short enough for every wire. */
export function keyOf(freshId: string): string {
  return freshId
    .toLowerCase()
    .replaceAll(/[^0-9a-z]/g, "")
    .slice(0, 32);
}
