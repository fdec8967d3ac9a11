// Randomness that repeats: numbers that belong to a seed and a name, so that what happens under one name changes nothing under another.

/** Numbers in [0, 1) that repeat for one seed and one name. */
export function streamOf(name: string, seed: number): () => number {
  return mulberry32(hash(name, seed));
}

/** FNV-1a over the characters, begun at the seed, and stirred at the end. */
function hash(text: string, seed: number): number {
  let mixed = (0x811c9dc5 ^ Math.imul(seed, 0x9e3779b1)) >>> 0;
  for (let i = 0; i < text.length; i++) mixed = Math.imul(mixed ^ text.charCodeAt(i), 0x01000193);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

/** Numbers in [0, 1) that repeat for one seed; mulberry32 by Tommy Ettinger, public domain. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
