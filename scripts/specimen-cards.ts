/** The specimen cards of Utopia, brought into a running central by two persons of its bureau. */

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { writeZip } from '../central/cards/write-zip.ts';
import { issueToken } from '../data-build/keys/token.ts';
import type { System } from './system.ts';

const FOLDER = fileURLToPath(new URL('../examples/cards/uto/', import.meta.url));

/** Proposes and publishes them; those that are published already stay as they are. */
export async function publishSpecimenCards({
  centralUrl,
  keys,
}: Pick<System, 'centralUrl' | 'keys'>): Promise<void> {
  const read = (name: string) => ({ name, bytes: readFileSync(`${FOLDER}${name}`) });
  const images = readdirSync(`${FOLDER}images`).map((name) => read(`images/${name}`));
  const post = async (subject: string, path: string, body?: Uint8Array<ArrayBuffer>) => {
    const about = { role: 'ncb', tenant: 'NCB-UTO', site: 'specimen' } as const;
    const token = await issueToken(keys, { ...about, audience: 'central', subject });
    return fetch(`${centralUrl}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/zip' },
      ...(body ? { body } : {}),
    });
  };
  const proposed = await post('author', '/v1/cards', writeZip([read('cards.json'), ...images]));
  if (!proposed.ok) throw new Error(`the specimen cards are refused: ${proposed.status}`);
  const { items } = (await proposed.json()) as { items: { id: string; version: number }[] };
  for (const { id, version } of items) {
    const approved = await post('approver', `/v1/cards/${id}/versions/${version}/approval`);
    // 409: published when it was started before.
    if (!approved.ok && approved.status !== 409) {
      throw new Error(`a specimen card is not published: ${approved.status}`);
    }
  }
}
