// Lets blocks import as bundlers let them: without an extension, and Prisma's client as it is generated from the schema on the page.
import { registerHooks } from "node:module";

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === "@prisma/client" && !context.parentURL?.endsWith("/prisma-client.ts")) return next("./prisma-client.ts", context);
    return next(/^\.\.?\/.*[^.]{4}$/.test(specifier) && !/\.[cm]?[jt]s$/.test(specifier) ? `${specifier}.ts` : specifier, context);
  },
});
