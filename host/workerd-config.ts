/**
 * The config of a bare workerd process that runs the bundled Worker, without Cloudflare.
 *
 * Settings are read from the environment of the process, none stands in the file. One that is not
 * there is null to the Worker, as good as absent.
 */

import { readdirSync } from 'node:fs';

/** As `wrangler.toml` has it. */
const COMPATIBILITY_DATE = '2026-10-01';
/** Where the floor is kept; `workerd serve --directory-path floors=DIR` says another place. */
const FLOORS_SERVICE = 'floors';

export interface WorkerdOptions {
  /** A bundle of `wrangler deploy --dry-run --outdir`; the config belongs beside its files. */
  bundleDir: string;
  /** Names of settings. */
  settings: readonly string[];
  /** Such as 127.0.0.1:8787. */
  address: string;
  /** A folder that is there, for the Durable Object of the floor; without it there is none. */
  floorsDir?: string | undefined;
}

/** The text of the config. */
export function workerdConfig({ bundleDir, settings, address, floorsDir }: WorkerdOptions): string {
  const files = readdirSync(bundleDir);
  const modules = [
    // The first module is the one that answers.
    ...files
      .filter((name) => name.endsWith('.js'))
      .map((name) => `(name = "${name}", esModule = embed "${name}")`),
    ...files
      .filter((name) => name.endsWith('.wasm'))
      .map((name) => `(name = "./${name}", wasm = embed "${name}")`),
  ];
  const bindings = settings.map((name) => `(name = "${name}", fromEnvironment = "${name}")`);
  const services = [
    '(name = "main", worker = .edge)',
    // Central may be anywhere; the origin of the editions mostly is this machine.
    '(name = "internet", network = (allow = ["public", "private", "local"], tlsOptions = (trustBrowserCas = true)))',
  ];
  const floors = [];
  if (floorsDir !== undefined) {
    services.push(
      `(name = "${FLOORS_SERVICE}", disk = (path = ${JSON.stringify(floorsDir)}, writable = true))`,
    );
    bindings.push('(name = "FLOORS", durableObjectNamespace = "FloorObject")');
    floors.push(
      'durableObjectNamespaces = [(className = "FloorObject", uniqueKey = "sltd-floors", enableSql = true)],',
      `durableObjectStorage = (localDisk = "${FLOORS_SERVICE}"),`,
    );
  }
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = ${listOf(services)},
  sockets = [(name = "http", address = "${address}", http = (), service = "main")],
);
const edge :Workerd.Worker = (
  compatibilityDate = "${COMPATIBILITY_DATE}",
  modules = ${listOf(modules)},
  bindings = ${listOf(bindings)},
  ${floors.join('\n  ')}
);
`;
}

/** A list of Cap'n Proto, which takes no empty item: not one after a last comma either. */
const listOf = (items: readonly string[]) =>
  items.length === 0 ? '[]' : `[\n    ${items.join(',\n    ')}\n  ]`;
