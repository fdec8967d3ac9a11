// Every suite: those of the promises, in their order, and those of the ports.
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
import { faultPlansSuite } from "./p14-faults.ts";
import { concurrencySuite, wakeSuite } from "./p15-concurrency.ts";
import { repairSuite } from "./p17-repair.ts";
import { consumersSuite } from "./p18-consumers.ts";
import { deliverySuite } from "./p18-delivery.ts";
import { progressSuite } from "./p19-progress.ts";
import { storeSuite } from "./p20-store.ts";
import { retentionSuite } from "./p22-retention.ts";
import { budgetsSuite } from "./p23-budgets.ts";
import { ledgerSuite } from "./p23-ledger.ts";
import { raisedStagesSuite } from "./p23-raised-stages.ts";
import { stageCallsSuite } from "./p23-stage-calls.ts";
import { batchSuite } from "./p24-batches.ts";
import { aiCallLoggerSuite } from "./port-ai-call-logger.ts";
import { blobStoreSuite } from "./port-blob-store.ts";
import { jobTransportSuite } from "./port-job-transport.ts";
import { persistenceRecordsSuite } from "./port-persistence-records.ts";
import { persistenceRunsSuite } from "./port-persistence-runs.ts";
import { persistenceStagesSuite } from "./port-persistence-stages.ts";
import { readerSuite } from "./port-reader.ts";
import { readerFeedSuite } from "./port-reader-feed.ts";
import { runStoreDoorSuite } from "./port-run-store-door.ts";
import { runStoreEventsSuite } from "./port-run-store-events.ts";
import { runStoreWorkSuite } from "./port-run-store-work.ts";

/** The promises P1 to P24. */
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
  faultPlansSuite,
  concurrencySuite,
  wakeSuite,
  repairSuite,
  consumersSuite,
  deliverySuite,
  progressSuite,
  storeSuite,
  retentionSuite,
  ledgerSuite,
  raisedStagesSuite,
  stageCallsSuite,
  budgetsSuite,
  batchSuite,
];

/** What the ports themselves promise. */
export const portSuites: readonly Suite[] = [
  aiCallLoggerSuite,
  blobStoreSuite,
  jobTransportSuite,
  persistenceRecordsSuite,
  persistenceRunsSuite,
  persistenceStagesSuite,
  readerSuite,
  readerFeedSuite,
  runStoreDoorSuite,
  runStoreEventsSuite,
  runStoreWorkSuite,
];

/** Every suite. */
export const allSuites: readonly Suite[] = [...portSuites, ...promiseSuites];
