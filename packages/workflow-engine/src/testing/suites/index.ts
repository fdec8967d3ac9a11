// Every suite of the promises, in their order.
import type { Suite } from "../suite.ts";
import { createSuite } from "./p01-create.ts";
import { exactlyOnceSuite } from "./p02-exactly-once.ts";
import { claimSuite } from "./p03-claim.ts";
import { transitionSuite } from "./p04-transition.ts";
import { retrySuite } from "./p05-retry.ts";
import { siblingsSuite } from "./p05-siblings.ts";
import { valuesSuite } from "./p06-values.ts";
import { payloadsSuite } from "./p07-payloads.ts";
import { cancelSuite } from "./p08-cancel.ts";
import { rerunSuite } from "./p09-rerun.ts";
import { pollingSuite } from "./p10-polling.ts";
import { resumingSuite } from "./p10-resuming.ts";
import { waitingSuite } from "./p11-waiting.ts";
import { fenceSuite } from "./p13-fence.ts";
import { crashSuite } from "./p14-crash.ts";
import { concurrencySuite, wakeSuite } from "./p15-concurrency.ts";
import { repairSuite } from "./p17-repair.ts";
import { consumersSuite } from "./p18-consumers.ts";
import { deliverySuite } from "./p18-delivery.ts";
import { progressSuite } from "./p19-progress.ts";
import { storeSuite } from "./p20-store.ts";
import { retentionSuite } from "./p22-retention.ts";

/** The promises P1 to P22. */
export const promiseSuites: readonly Suite[] = [
  createSuite,
  exactlyOnceSuite,
  claimSuite,
  transitionSuite,
  retrySuite,
  siblingsSuite,
  valuesSuite,
  payloadsSuite,
  cancelSuite,
  rerunSuite,
  pollingSuite,
  resumingSuite,
  waitingSuite,
  fenceSuite,
  crashSuite,
  concurrencySuite,
  wakeSuite,
  repairSuite,
  consumersSuite,
  deliverySuite,
  progressSuite,
  storeSuite,
  retentionSuite,
];
