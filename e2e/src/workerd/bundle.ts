// A Worker's bundle as Cloudflare's own tools make it: nothing of Node inside, its modules imported from the runtime by the names that
// `nodejs_compat` provides, also for packages that `require` them.
import { builtinModules } from "node:module";
import { build, type Plugin } from "esbuild";

const builtin = new RegExp(`^(?:node:)?(?:${builtinModules.join("|")})$`);

const nodeModules: Plugin = {
  name: "node-modules",
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: builtin }, ({ path, kind }) => {
      const name = path.startsWith("node:") ? path : `node:${path}`;
      return kind === "require-call" ? { path: name, namespace: "required" } : { path: name, external: true };
    });
    onLoad({ filter: /./, namespace: "required" }, ({ path }) => ({ contents: `import all from "${path}"; module.exports = all;` }));
  },
};

/** The text of one module: the worker of `entry` as its default export. */
export async function bundleWorker(entry: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: `export { worker as default } from "${entry}";`, resolveDir: import.meta.dirname, loader: "ts" },
    ...{ bundle: true, write: false, format: "esm", platform: "browser", target: "es2024", logLevel: "silent" },
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "pg-native"],
    plugins: [nodeModules],
  });
  return outputFiles[0]?.text ?? "";
}
