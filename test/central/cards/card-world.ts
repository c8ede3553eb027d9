/** Bundles of cards: the specimen of Utopia as it is shipped, and archives of one's own making. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeZip, type ZipFile } from '../../../central/cards/write-zip.ts';

const FOLDER = fileURLToPath(new URL('../../../examples/cards/uto/', import.meta.url));

/** `cards.json` and the images of the specimen. */
export const specimenFiles = (): ZipFile[] => [
  { name: 'cards.json', bytes: readFileSync(join(FOLDER, 'cards.json')) },
  ...readdirSync(join(FOLDER, 'images')).map((name) => ({
    name: `images/${name}`,
    bytes: readFileSync(join(FOLDER, 'images', name)),
  })),
];

/** What the specimen says; a copy that may be changed. */
export const specimenCard = () =>
  (JSON.parse(readFileSync(join(FOLDER, 'cards.json'), 'utf8')) as { cards: SpecimenCard[] })
    .cards[0]!;

interface SpecimenCard {
  id?: string;
  issuingState: string;
  documentClass: string;
  series?: object;
  issuedTo?: string;
  texts: Record<string, { title: string; lookAt: string[]; forgeries: string[] }>;
  images: { sha256: string; captions: object }[];
}

/** `cards.json` with these cards. */
export const cardsJson = (...cards: object[]) => ({ format: 'sltd-cards', version: 1, cards });

/** A bundle of these cards with files beside it. */
export const bundleOf = (cards: object[], ...files: ZipFile[]): Uint8Array<ArrayBuffer> =>
  writeZip([
    { name: 'cards.json', bytes: Buffer.from(JSON.stringify(cardsJson(...cards))) },
    ...files,
  ]);
