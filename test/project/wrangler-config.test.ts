/**
 * Wrangler hands bindings and variables down to no environment: one that lacks a binding deploys
 * without a word, and answers without what the binding is for. So all of them are held equal here.
 */

import { readFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { EDGE_SETTINGS } from '../../data-build/keys/key-settings.ts';

interface Settings {
  r2_buckets: { binding: string; bucket_name: string }[];
  durable_objects: { bindings: unknown[] };
  vars: Record<string, string>;
  secrets: { required: string[] };
  preview_urls: boolean;
  compatibility_date: string;
  observability: { logs: object };
}

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
const { env, ...local } = parse(read('wrangler.toml')) as unknown as Settings & {
  env: Record<string, Settings>;
};
/** Needed only where there is a central service, or tags. */
const OPTIONAL = ['CENTRAL_KEYS', 'EDGE_SIGNING_KEY', 'TAG_KEY'];

it('a bare workerd runs under the rules of the same day', () => {
  expect(read('host/workerd-config.ts')).toContain(`'${local.compatibility_date}'`);
});

it('there are a staging and a production environment, and no version has an address', () => {
  expect(Object.keys(env)).toEqual(['staging', 'production']);
  expect(local.preview_urls).toBe(false);
});

describe.each(Object.entries(env))('the environment %s', (name, settings) => {
  it('has every binding and variable of this machine, and a bucket of its own', () => {
    const bindings = ({ r2_buckets }: Settings) => r2_buckets.map(({ binding }) => binding);
    expect(bindings(settings)).toEqual(bindings(local));
    expect(settings.durable_objects).toEqual(local.durable_objects);
    expect(settings.vars).toEqual(local.vars);
    for (const { bucket_name } of settings.r2_buckets) {
      expect(bucket_name.endsWith(`-${name}`)).toBe(true);
    }
    expect(Object.keys(settings)).not.toContain('preview_urls');
  });

  it('needs every key without which no check is answered, and holds none of them', () => {
    const needed = Object.keys(EDGE_SETTINGS).filter((key) => !OPTIONAL.includes(key));
    expect([...settings.secrets.required].sort()).toEqual(needed.sort());
    for (const key of Object.keys(EDGE_SETTINGS)) expect(settings.vars).not.toHaveProperty(key);
  });

  it('keeps every line of the audit, and no address of a caller', () => {
    expect(settings.observability.logs).toEqual({
      ...{ enabled: true, invocation_logs: false, head_sampling_rate: 1 },
    });
  });
});

it('the page on deployment names every setting that is needed', () => {
  const page = read('docs/deployment.md');
  for (const name of [...env.production!.secrets.required, ...OPTIONAL]) {
    expect(page).toContain(name);
  }
});
