// The corpus on functions that a platform's queue calls: see the fixture.
import { describeCorpus } from "./corpus.test-fixture.ts";

describeCorpus("functions", { full: 3_000, reduced: 120 });
