// Entry `@bratsos/workflow-engine-host-node`: a long-lived worker process, and running one workflow to its end.
export { createNodeHost, type HostStats, type NodeHost, type NodeHostConfig } from "./node-host.ts";
export { type RunAndWaitOptions, type RunResult, runAndWait, type StageSnapshot } from "./run-and-wait.ts";
