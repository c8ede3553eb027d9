/**
 * One question to an edition directory: docs/format.md section 12, step 3.
 */

import { type ReadableStore, readObject } from '../../publish/read-object.ts';
import { type DocumentQuery, probesOf, type Spelling } from '../../src/document/query.ts';
import { SltdError } from '../../src/errors.ts';
import { type Category, categoryOf } from '../../src/format/category.ts';
import type { Coverage } from '../../src/format/manifest.ts';
import { decodePage, type PageKind } from '../../src/format/page.ts';
import { WasmMatcher } from '../../src/matcher/wasm-matcher.ts';
import type { OpenEdition } from './open-edition.ts';

export interface EditionAnswer {
  verdict: 'absent' | 'candidate';
  category?: Category;
  /** Whether the number matched as asked, or a spelling that looks like it. */
  spelling?: Spelling;
  /** An overlay says that the record is being withdrawn; only central can take it away. */
  withdrawalPending?: boolean;
  coverage: Coverage;
}

interface AskOptions {
  store: ReadableStore;
  edition: OpenEdition;
  module: WebAssembly.Module;
  query: DocumentQuery;
}

/** The first probe that is a candidate decides; throws 'state-unknown' for a state without a row. */
export async function askEdition(options: AskOptions): Promise<EditionAnswer> {
  const { edition, query } = options;
  const state = edition.manifest.state(query.state);
  if (!state) throw new SltdError('state-unknown');
  const matcher = new WasmMatcher(options.module);
  for (const { key, state: probeState, spelling } of probesOf(query)) {
    const digests = matcher.digests([key], edition.epochKey);
    const [d0, d1, d2, d3] = digests as unknown as [number, number, number, number];
    const operation = edition.overlay?.find(d0, d1, d2, d3);
    const found =
      operation && operation.kind !== 'withdrawn'
        ? 1 + operation.category
        : await askPages(options, matcher, digests, probeState);
    if (found === 0) continue;
    return {
      ...{ verdict: 'candidate', category: categoryOf(found - 1), spelling },
      ...(operation && operation.kind !== 'added' ? { withdrawalPending: true } : {}),
      coverage: state.coverage,
    };
  }
  return { verdict: 'absent', coverage: state.coverage };
}

/** 0 if the state's pages do not have the digest, else 1 + its category. */
async function askPages(
  { store, edition: { manifest } }: AskOptions,
  matcher: WasmMatcher,
  digests: Uint32Array,
  code: string,
): Promise<number> {
  const state = manifest.state(code);
  if (!state) throw new SltdError('state-unknown');
  const shardIndex = Math.floor((digests[3]! * state.shardCount) / 2 ** 32);
  const read = async (kind: PageKind): Promise<Uint8Array> => {
    const reference = manifest.page(kind, state.firstShard + shardIndex);
    const page = await readObject(store, 'pages', reference);
    decodePage(page, {
      ...{ kind, state: state.state, shardIndex, shardCount: state.shardCount },
      epochKeyId: manifest.epochKeyId,
    });
    return page;
  };
  if (matcher.mayContain(await read('filter'), digests)[0] === 0) return 0;
  return matcher.match(await read('match'), digests)[0]!;
}
