// The real world, twenty times as fast: leases, holds and waits of a minute pass in seconds, in every process alike, and a provider's batch
// of ten minutes too. Nothing in it is faked but the unit of time.
import { type Environment, realEnvironment } from "@bratsos/workflow-engine";

const speed = 20;
/** An instant before every test, the same in every process. */
const base = Date.UTC(2026, 0, 1);

/** Real time as the engine of these tests sees it. */
export const fastEnvironment: Environment = {
  ...realEnvironment,
  now: () => Math.floor(base + (realEnvironment.now() - base) * speed),
  setTimer: (ms, fire) => realEnvironment.setTimer(ms / speed, fire),
};
