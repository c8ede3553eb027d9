/**
 * What bounds a probe: the same question in other forms (bench/assembly/), round by round in turn, on pages
 * that fit into the caches and on pages that do not.
 *
 * Multiplications: without those of 64 bits. Branches: with some. Vectors: four keys at once. Mispredicted
 * branches of the form that ships: listed and unlisted digests mixed at random, against the mean of the two
 * apart. Bounds checks: a process that has them compiled in against one in which guard pages do their work.
 */

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { PageKind } from '../src/format/page.ts';
import type { Digests } from '../src/matcher/matcher.ts';
import { randomSource } from '../test/proofs/proof.ts';
import { compileWasm } from './compile-wasm.ts';
import { uniformDigests } from './digest-file.ts';
import { type BenchSize, type Finding, type Measurement, measured } from './measurement.ts';
import { buildPages, intoShards, type ProbeCore, ResidentSet } from './resident-set.ts';

interface Sizes {
  keyCounts: readonly number[];
  /** A round; a multiple of 4. */
  asked: number;
  rounds: number;
  processes: number;
}
const MINUTES: Sizes = { keyCounts: [1e5, 1e7], asked: 1_000_000, rounds: 15, processes: 7 };
const SIZES: Record<BenchSize, Sizes> = {
  test: { keyCounts: [4_000], asked: 4_000, rounds: 1, processes: 1 },
  small: MINUTES,
  full: MINUTES,
};

/** What bench/assembly/probe-variants.ts exports. */
interface VariantCore extends ProbeCore {
  probeFiltersAdding(count: number): void;
  probeFiltersEndingEarly(count: number): void;
  probeFiltersInFours(count: number): void;
  probeMatchesBranching(count: number): void;
  probeMatchesInFours(count: number): void;
  probeMatchesNarrow(count: number): void;
}

interface Variant {
  id: string;
  name: string;
  kind: PageKind;
  probe: (core: VariantCore) => (count: number) => void;
  /** Answers of its own: it only costs what it costs. */
  isWrong?: boolean;
}

const VARIANTS: readonly Variant[] = [
  {
    ...{ id: 'filter-adding', kind: 'filter', isWrong: true },
    name: 'filter probe without multiplications of 64 bits, and none for the bits',
    probe: (core) => core.probeFiltersAdding,
  },
  {
    ...{ id: 'filter-early', kind: 'filter' },
    name: 'filter probe that ends at the first bit that is not set',
    probe: (core) => core.probeFiltersEndingEarly,
  },
  {
    ...{ id: 'filter-fours', kind: 'filter' },
    name: 'filter probe of four keys at once in vectors',
    probe: (core) => core.probeFiltersInFours,
  },
  {
    ...{ id: 'match-narrow', kind: 'match', isWrong: true },
    name: 'match probe without multiplications of 64 bits',
    probe: (core) => core.probeMatchesNarrow,
  },
  {
    ...{ id: 'match-branching', kind: 'match' },
    name: 'match probe with branches',
    probe: (core) => core.probeMatchesBranching,
  },
  {
    ...{ id: 'match-fours', kind: 'match' },
    name: 'match probe of four keys at once in vectors',
    probe: (core) => core.probeMatchesInFours,
  },
];
const KINDS: readonly PageKind[] = ['filter', 'match'];

const PROCESS = fileURLToPath(new URL('./probe-process.ts', import.meta.url));
/** A flag of Node. */
const CHECKS_COMPILED_IN = '--disable-wasm-trap-handler';

/** Listed digests, others, and half of each in no order. */
function questions(digests: Digests, asked: number) {
  const listed = Uint32Array.from({ length: 4 * asked }, (_, i) => digests[i % digests.length]!);
  const unlisted = uniformDigests(2 ** 40, asked);
  const random = randomSource(1);
  const mixed = new Uint32Array(4 * asked);
  for (let i = 0; i < asked; i++) {
    const from = random.below(2) === 0 ? listed : unlisted;
    mixed.set(from.subarray(4 * i, 4 * i + 4), 4 * i);
  }
  return { listed, unlisted, mixed };
}

/** What the probes that ship take in this process, a key. */
export function shippedNanos(keyCount: number, asked: number): Record<PageKind, number> {
  const digests = uniformDigests(0, keyCount);
  const set = new ResidentSet(buildPages(intoShards(digests)));
  const { listed, unlisted } = questions(digests, asked);
  const least = (ask: () => { nanos: number }) =>
    Math.min(...Array.from({ length: 5 }, () => ask().nanos));
  return {
    filter: least(() => set.ask(unlisted, 'filter')),
    match: least(() => set.ask(listed, 'match')),
  };
}

function ofSize(keyCount: number, { asked, rounds }: Sizes, module: WebAssembly.Module) {
  const digests = uniformDigests(0, keyCount);
  const pages = buildPages(intoShards(digests));
  const { listed, unlisted, mixed } = questions(digests, asked);
  const start = () => new WebAssembly.Instance(module, {}).exports as unknown as VariantCore;
  const shipped = new ResidentSet(pages, start());
  const sets = VARIANTS.map(({ kind, probe }) => {
    const core = start();
    const own = { [kind === 'filter' ? 'probeFilters' : 'probeMatches']: probe(core) };
    return new ResidentSet(pages, { ...core, ...own });
  });
  const ratios = new Map<string, number[]>();
  const nanos = new Map<string, number[]>();
  for (let round = 0; round <= rounds; round++) {
    // The first one warms up.
    const note = (to: Map<string, number[]>, name: string, value: number) => {
      if (round > 0) to.set(name, [...(to.get(name) ?? []), value]);
    };
    const base = {
      filter: shipped.ask(unlisted, 'filter'),
      match: shipped.ask(listed, 'match'),
    };
    for (const kind of KINDS) note(nanos, kind, base[kind].nanos);
    VARIANTS.forEach(({ id, kind, isWrong }, index) => {
      const answer = sets[index]!.ask(kind === 'filter' ? unlisted : listed, kind);
      if (!isWrong && answer.found !== base[kind].found) throw new Error(`${id} answers otherwise`);
      note(ratios, id, answer.nanos / base[kind].nanos);
    });
    for (const kind of KINDS) {
      const apart = (shipped.ask(listed, kind).nanos + shipped.ask(unlisted, kind).nanos) / 2;
      note(ratios, `${kind}-mixed`, shipped.ask(mixed, kind).nanos / apart);
    }
  }
  return { ratios, nanos };
}

/** Of a process with bounds checks compiled in against one without, in turn. */
function checkRatios({ keyCounts, asked, processes }: Sizes): Record<PageKind, number[]> {
  const run = (...flags: string[]) =>
    JSON.parse(
      execFileSync(process.execPath, [...flags, PROCESS, String(keyCounts[0]), String(asked)], {
        encoding: 'utf8',
      }),
    ) as Record<PageKind, number>;
  const ratios: Record<PageKind, number[]> = { filter: [], match: [] };
  for (let i = 0; i < processes; i++) {
    const [without, checked] = [run(), run(CHECKS_COMPILED_IN)];
    for (const kind of KINDS) ratios[kind].push(checked[kind] / without[kind]);
  }
  return ratios;
}

export async function probeLimits(size: BenchSize): Promise<Finding[]> {
  const sizes = SIZES[size];
  const module = await compileWasm('probe-variants');
  const found = sizes.keyCounts.flatMap((keyCount): Measurement[] => {
    const { ratios, nanos } = ofSize(keyCount, sizes, module);
    const at = `${keyCount.toLocaleString('en-US')} keys`;
    const about = (id: string, question: string, unit: string) => ({
      ...{ id: `limits-${id}-${keyCount}`, question: `${at}: ${question}`, unit },
    });
    return [
      ...KINDS.map((kind) =>
        measured(about(kind, `${kind} probe as it ships`, 'ns'), nanos.get(kind)!),
      ),
      ...VARIANTS.map(({ id, name }) => measured(about(id, name, 'times'), ratios.get(id)!)),
      ...KINDS.map((kind) =>
        measured(
          about(`${kind}-mixed`, `${kind} probe, listed and others mixed, against apart`, 'times'),
          ratios.get(`${kind}-mixed`)!,
        ),
      ),
    ];
  });
  const checks = checkRatios(sizes);
  return [
    ...found,
    ...KINDS.map((kind) =>
      measured(
        {
          id: `limits-${kind}-checks`,
          question: `${kind} probe with bounds checks compiled in, against guard pages`,
          unit: 'times',
        },
        checks[kind],
      ),
    ),
  ];
}
