// The corpus on the memory store: see the fixture.
import { describeCorpus } from "./corpus.test-fixture.ts";

describeCorpus("memory", { full: 20_000, reduced: 1_000 });
