// The corpus on SQLite: see the fixture.
import { describeCorpus } from "./corpus.test-fixture.ts";

describeCorpus("sqlite", { full: 1_000, reduced: 40 });
