#!/usr/bin/env node
// The `workflow-engine-sync` command; everything is in src (or dist, in the published package).
import { existsSync } from "node:fs";

const source = new URL("../src/sync/sync-models.ts", import.meta.url);
const built = new URL("../dist/sync/sync-models.js", import.meta.url);
const { syncModels } = await import(!existsSync(source) && existsSync(built) ? built.href : source.href);
process.exitCode = await syncModels(process.argv.slice(2));
