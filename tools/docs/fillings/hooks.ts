// Lets blocks import as bundlers let them: without an extension, from the folder of the fillings as from their own, and Prisma's client as
// it is generated from the schema on the page.
import { existsSync } from "node:fs";
import { registerHooks } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === "@prisma/client" && /\/block-\d+\.ts$/.test(context.parentURL ?? "")) return next(urlOf("prisma-client.ts"), context);
    if (!specifier.startsWith("./") || !/\/block-\d+\.ts$/.test(context.parentURL ?? "")) return next(specifier, context);
    const file = /\.[cm]?[jt]s$/.test(specifier) ? specifier : `${specifier}.ts`;
    return next(existsSync(path.join(import.meta.dirname, file)) ? urlOf(file) : file, context);
  },
});

function urlOf(file: string): string {
  return pathToFileURL(path.join(import.meta.dirname, file)).href;
}
