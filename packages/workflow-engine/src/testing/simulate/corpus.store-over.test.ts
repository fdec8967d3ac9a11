// The corpus on the door derived from CRUD adapters: see the fixture.
import { describeCorpus } from "./corpus.test-fixture.ts";

describeCorpus("storeOver", { full: 2_000, reduced: 80 });
