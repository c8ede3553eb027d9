/**
 * The zones of five public projects' test suites, read again by us.
 *
 * Provenance stands in the vectors: repository, commit, file, test and licence (all MIT).
 * `computed` is an independent reading of Doc 9303 that came with the collection; we agree with it
 * throughout. What the suites themselves state differs at times: DIFFERENCES names each case and
 * why.
 */
import { describe, expect, it } from 'vitest';
import { type Mrz, parseMrz } from '../../src/document/mrz.ts';
import file from '../vectors/mrz.public-suites.json' with { type: 'json' };

interface Vector {
  id: string;
  lines: string[];
  format: string;
  valid: boolean | null;
  issuer?: string | null;
  documentNumber?: string | null;
  documentCode?: string | null;
  nationality?: string | null;
  birthDate?: string | null;
  expiryDate?: string | null;
  sex?: string | null;
  computed: Record<string, unknown> & { format: string; checks?: Record<string, boolean> };
}

const vectors = file.vectors as unknown as Vector[];

const FORMATS: Record<string, string> = {
  FRENCH_ID_OLD: 'FRA-ID',
  FRENCH_NATIONAL_ID: 'FRA-ID',
};

const SPECIMEN = 'valid: the suite has no issuer UTO; all check digits fit';
const NAME = 'valid: the suite rejects the name, which we do not read';
const FRENCH =
  'nationality,expiryDate: the suite adds FRA and a computed date; the zone holds neither';

/** Every vector of which a suite states otherwise than we read: the fields, and the reason. */
const DIFFERENCES: Record<string, string> = {
  v006: SPECIMEN,
  v007: SPECIMEN,
  v008: SPECIMEN,
  v014: SPECIMEN,
  v016: SPECIMEN,
  v025: 'format: the suite repairs 1DFRA to IDFRA; we repair nothing and read a TD2',
  v039: 'nationality: the suite repairs UT0 to UTO; we repair nothing',
  v065: FRENCH,
  v066: FRENCH,
  v067: FRENCH,
  v068: FRENCH,
  v095: NAME,
  v098: NAME,
  v101: NAME,
};

const parsed = (vector: Vector): Mrz | undefined => {
  const mrz = parseMrz(vector.lines.join('\n'));
  return mrz.ok ? mrz : undefined;
};

/** Keys of the suite's statement that our reading does not bear out. */
function differencesOf(vector: Vector): string[] {
  const mrz = parsed(vector);
  if (mrz === undefined) return vector.format === 'REJECTED' ? [] : ['format'];
  const differs: string[] = [];
  const format = FORMATS[vector.format] ?? vector.format;
  if (format !== mrz.format) differs.push('format');
  const isValid = Object.values(mrz.checks).every((check) => check);
  if (vector.valid !== null && vector.valid !== isValid) differs.push('valid');
  const own: Record<string, string | undefined> = {
    issuer: mrz.issuingState,
    documentNumber: mrz.documentNumber,
    documentCode: mrz.documentCode,
    nationality: mrz.nationality,
    birthDate: mrz.birthDate,
    expiryDate: mrz.expiryDate?.replaceAll('<', ''),
    sex: mrz.sex,
  };
  for (const [key, value] of Object.entries(own)) {
    const stated = vector[key as keyof Vector];
    if (stated === undefined || stated === null || stated === value) continue;
    const isSameSex = key === 'sex' && String(stated).charAt(0).toUpperCase() === value;
    if (!isSameSex) differs.push(key);
  }
  return differs;
}

describe('vectors of public suites', () => {
  it('are all 115 and keep their provenance', () => {
    expect(vectors).toHaveLength(115);
    for (const vector of file.vectors) {
      expect(vector.source).toMatch(/^github\.com\//);
      expect(vector.commit).toMatch(/^[0-9a-f]{40}$/);
      expect(vector.licenceOfSuite).toBe('MIT');
    }
  });

  it.each(vectors.map((vector) => [vector.id, vector] as const))(
    '%s is read as the independent reading says',
    (_id, vector) => {
      const mrz = parsed(vector);
      const { computed } = vector;
      if (computed.format === 'UNKNOWN') {
        expect(mrz).toBeUndefined();
        return;
      }
      expect(mrz).toMatchObject({
        format: FORMATS[computed.format] ?? computed.format,
        documentCode: computed.documentCode,
        issuingState: computed.issuer,
        documentNumber: computed.documentNumber,
        checks: computed.checks,
      });
      expect(Object.keys(mrz!.checks).sort()).toEqual(Object.keys(computed.checks!).sort());
      expect(mrz!.numberCheck === 'valid').toBe(computed.checks!.documentNumber);
      for (const key of ['nationality', 'birthDate', 'expiryDate', 'sex'] as const) {
        if (computed[key] !== undefined) expect(mrz![key]).toBe(computed[key]);
      }
    },
  );

  it('every difference from a suite has a reason, and no reason is left over', () => {
    const found = vectors
      .map((vector) => [vector.id, differencesOf(vector).join()])
      .filter(([, fields]) => fields !== '');
    const reasons = Object.entries(DIFFERENCES).map(([id, why]) => [id, why.split(':')[0]]);
    expect(found).toEqual(reasons);
  });
});
