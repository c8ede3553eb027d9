/**
 * Audit chain: that no event of a tenant was changed, left out or put in later.
 *
 * Every event is a link: its hash is over the hash before it and its entry. Central signs the last
 * link of each chain as a checkpoint; who keeps checkpoints elsewhere can show that a database was
 * rewritten, signing key and all. docs/operations.md, "Audit".
 */

import { CompactSign, compactVerify } from 'jose';
import type { SigningKey, VerifyKey } from '../../src/format/signature.ts';
import type { CentralDatabase } from '../database/schema.ts';
import { isoTime } from '../http/iso-time.ts';
import { CHAIN_START, linkHash } from './take-events.ts';

const CHECKPOINT_TYPE = 'sltd-audit-checkpoint+jwt';
const ROWS_PER_READ = 1_000;

/** Payload of a checkpoint. */
interface Checkpoint {
  tenant: string;
  number: number;
  hash: string;
  /** ISO 8601. */
  time: string;
}

/** Signs the last link of every chain that has grown since its last checkpoint; how many. */
export async function signCheckpoints(
  db: CentralDatabase,
  { signer, nowMs }: { signer: SigningKey; nowMs: number },
): Promise<number> {
  const grown = await db
    .selectFrom('audit_chains as chain')
    .selectAll()
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('audit_checkpoints as point')
            .select('point.tenant')
            .whereRef('point.tenant', '=', 'chain.tenant')
            .whereRef('point.tenant_number', '=', 'chain.last_number'),
        ),
      ),
    )
    .execute();
  for (const { tenant, last_number: number, last_hash: hash } of grown) {
    const checkpoint: Checkpoint = { tenant, number, hash, time: isoTime(nowMs) };
    const jws = await new CompactSign(new TextEncoder().encode(JSON.stringify(checkpoint)))
      .setProtectedHeader({ alg: 'EdDSA', typ: CHECKPOINT_TYPE })
      .sign(signer.key);
    await db
      .insertInto('audit_checkpoints')
      .values({ tenant, tenant_number: number, jws })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  return grown.length;
}

/** What a look along the chains has found. */
export interface ChainReport {
  tenants: number;
  events: number;
  checkpoints: number;
  /** The first link of each chain that does not hold, and why. */
  broken: { tenant: string; number: number; reason: 'missing' | 'changed' | 'checkpoint' }[];
}

/** Goes along every chain and compares it with its checkpoints, signed by one of `keys`. */
export async function verifyChains(
  db: CentralDatabase,
  keys: readonly VerifyKey[],
): Promise<ChainReport> {
  const report: ChainReport = { tenants: 0, events: 0, checkpoints: 0, broken: [] };
  for (const chain of await db.selectFrom('audit_chains').selectAll().execute()) {
    report.tenants++;
    const fault = await walk(db, chain.tenant, chain, keys, report);
    if (fault) report.broken.push({ tenant: chain.tenant, ...fault });
  }
  return report;
}

type Fault = { number: number; reason: ChainReport['broken'][number]['reason'] } | undefined;

async function walk(
  db: CentralDatabase,
  tenant: string,
  end: { last_number: number; last_hash: string },
  keys: readonly VerifyKey[],
  report: ChainReport,
): Promise<Fault> {
  const points = await checkpointsOf(db, tenant, keys);
  let number = 0;
  let hash = CHAIN_START;
  for (;;) {
    const rows = await db
      .selectFrom('check_events')
      .select(['tenant_number', 'entry', 'hash'])
      .where('tenant', '=', tenant)
      .where('tenant_number', '>', number)
      .orderBy('tenant_number')
      .limit(ROWS_PER_READ)
      .execute();
    for (const row of rows) {
      number++;
      if (row.tenant_number !== number) return { number, reason: 'missing' };
      hash = linkHash(hash, row.entry);
      if (row.hash !== hash) return { number, reason: 'changed' };
      const point = points.get(number);
      if (point !== undefined && point !== hash) return { number, reason: 'checkpoint' };
      if (point !== undefined) report.checkpoints++;
      report.events++;
    }
    if (rows.length < ROWS_PER_READ) break;
  }
  const last = Math.max(end.last_number, ...points.keys());
  if (last > number) return { number: number + 1, reason: 'missing' };
  return end.last_hash === hash ? undefined : { number, reason: 'changed' };
}

/** Hash by number; an empty one, which no link has, where the signature is not good. */
async function checkpointsOf(
  db: CentralDatabase,
  tenant: string,
  keys: readonly VerifyKey[],
): Promise<Map<number, string>> {
  const rows = await db
    .selectFrom('audit_checkpoints')
    .selectAll()
    .where('tenant', '=', tenant)
    .execute();
  const points = new Map<number, string>();
  for (const { tenant_number: number, jws } of rows) {
    const point = await openCheckpoint(jws, keys);
    const isOurs = point?.tenant === tenant && point.number === number;
    points.set(number, isOurs ? point.hash : '');
  }
  return points;
}

async function openCheckpoint(
  jws: string,
  keys: readonly VerifyKey[],
): Promise<Checkpoint | undefined> {
  for (const { key } of keys) {
    try {
      const { payload, protectedHeader } = await compactVerify(jws, key, {
        algorithms: ['EdDSA'],
      });
      if (protectedHeader.typ !== CHECKPOINT_TYPE) return undefined;
      return JSON.parse(new TextDecoder().decode(payload)) as Checkpoint;
    } catch {
      // Not of this key; perhaps of the next.
    }
  }
  return undefined;
}
