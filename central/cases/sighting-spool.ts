/**
 * The spool of sightings: hits that the database did not take in time, until it does.
 *
 * One file for each answer, in a folder beside the database, whole on the disk before the answer leaves and
 * removed once its rows are stored: a process that is killed between the two leaves the file to the next one.
 * What is read twice does no harm, since a sighting has one id. It holds what the row holds (record, agency,
 * desk, who asked, when; no document number), for its owner alone (600 in a folder of 700).
 */

import { mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { CATEGORIES } from '../../src/format/category.ts';
import { SltdError } from '../../src/errors.ts';
import { newId } from '../http/new-id.ts';
import type { NewSighting } from './tables.ts';

/** Answers; a list that takes a minute to be taken over, at some hundred hits a second. */
const SPOOLED_MAX = 20_000;
/** What is not whole by then is of a process that died before its answer left. */
const TORN_AFTER_MS = 60_000;
const NAME = /^[\w-]{22}\.json$/;

/** Where the files are. */
export interface SpoolStore {
  /** Made when it is first needed; one for each database. */
  folder: string;
}

const text = v.string();
const RowsSchema = v.array(
  v.strictObject({
    ...{ id: text, record_id: text, issuing_state: text, category: v.picklist(CATEGORIES) },
    ...{ tenant: text, site: text, subject: text, asking_state: v.nullable(text) },
    ...{ purpose: v.nullable(text), direction: v.nullable(text) },
    seen_at: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  }),
);

export class SightingSpool {
  readonly #folder: string;
  readonly #countMax: number;
  #count = 0;

  constructor({ folder }: SpoolStore, countMax = SPOOLED_MAX) {
    this.#folder = folder;
    this.#countMax = countMax;
  }

  /** Name under which the rows are safe on the disk; undefined if they are not, for whatever reason. */
  async keep(rows: readonly NewSighting[]): Promise<string | undefined> {
    if (this.#count >= this.#countMax) return undefined;
    this.#count++;
    const name = `${newId()}.json`;
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      const file = await open(join(this.#folder, name), 'wx', 0o600);
      try {
        await file.writeFile(JSON.stringify(rows));
        await file.sync();
      } finally {
        await file.close();
      }
      await this.#syncFolder();
      return name;
    } catch {
      await this.drop(name);
      return undefined;
    }
  }

  /** Remove what is stored; a file that stays is read, and stored in vain, at the next start. */
  async drop(name: string): Promise<void> {
    this.#count--;
    await rm(join(this.#folder, name), { force: true }).catch(() => {});
  }

  /**
   * What was kept and not dropped, by this process or an earlier one; a file that cannot be read or is not understood,
   * as of another version, has no rows and stays. 'config-invalid' if the folder cannot be read.
   */
  async *read(): AsyncGenerator<{ name: string; rows: readonly NewSighting[] | undefined }> {
    for (const name of (await this.#names()).filter((each) => NAME.test(each))) {
      const state = await this.#readOne(name);
      if (state === 'gone') continue;
      this.#count++;
      if (state === 'torn') await this.drop(name);
      else if (state !== 'open') yield { name, rows: state === 'strange' ? undefined : state };
    }
  }

  #names(): Promise<string[]> {
    return readdir(this.#folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      // The cause may hold what a file holds.
      throw new SltdError('config-invalid', { detail: 'SIGHTINGS_DIR cannot be read' });
    });
  }

  async #readOne(
    name: string,
  ): Promise<readonly NewSighting[] | 'gone' | 'torn' | 'open' | 'strange'> {
    const path = join(this.#folder, name);
    try {
      const { mtimeMs } = await stat(path);
      const value = parsed(await readFile(path, 'utf8'));
      // One that is being written is another service's.
      if (value === undefined) return Date.now() - mtimeMs >= TORN_AFTER_MS ? 'torn' : 'open';
      const result = v.safeParse(RowsSchema, value);
      return result.success ? result.output : 'strange';
    } catch (error) {
      // Another service over the folder has stored it meanwhile.
      return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'gone' : 'strange';
    }
  }

  /** So that the name of a new file outlives the machine as well. */
  async #syncFolder(): Promise<void> {
    const folder = await open(this.#folder, 'r');
    await folder.sync().finally(() => folder.close());
  }
}

/** Undefined if it is not whole. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
