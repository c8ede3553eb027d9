/**
 * A National Central Bureau that is played: what it does about a case, as issuing or as asking bureau.
 *
 * It knows a case only by central's interface, as a real one does, and decides by what it sees there.
 * So it may be told twice, or late, and still does everything once. What it answers
 * goes by the category of the record, so that a trainer can choose the story by the document.
 */

import type { Category } from '../../src/format/category.ts';
import type { CaseOutcome, CaseState } from '../cases/tables.ts';

/** What the issuing bureau finds in its files, by the category of the record. */
const ANSWERS: Record<Category, { to: CaseState; reason: string }> = {
  stolen: { to: 'confirmed', reason: 'The report stands: reported stolen by its holder.' },
  'stolen-blank': { to: 'confirmed', reason: 'The report stands: stolen before it was issued.' },
  revoked: { to: 'confirmed', reason: 'The report stands: the document was revoked.' },
  lost: { to: 'recovered', reason: 'The holder has found it again and brought it back.' },
  invalid: {
    to: 'data-error',
    reason: 'The number was entered wrongly: another document is meant.',
  },
  unspecified: { to: 'not-confirmed', reason: 'There is no file to this report.' },
};
const OUTCOMES: Partial<Record<CaseState, CaseOutcome>> = {
  confirmed: 'seized',
  'not-confirmed': 'released',
  'data-error': 'released',
  recovered: 'referred',
};
const UNANSWERED: readonly CaseState[] = ['opened', 'notified', 'acknowledged'];

/** As much of a case as is looked at. */
interface SeenCase {
  id: string;
  state: CaseState;
  stateSince: string;
  record: { category: Category };
  you: readonly string[];
}

interface SeenMessages {
  items: { version: number; byTenant?: string }[];
  /** Cursor of the next page. */
  next?: string;
}

/** Asks central as the bureau; throws on anything but 2xx, with `status`. */
export type Ask = (
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: object,
  requestKey?: string,
) => Promise<unknown>;

export interface BureauOptions {
  tenant: string;
  ask: Ask;
  /** Tenants that are played here: they do not answer each other. */
  played: ReadonlySet<string>;
  /** From acknowledging to answering, and from the answer to closing, in milliseconds. */
  answerAfterMs: number;
  closeAfterMs: number;
  /** Looks at the case again after a time. */
  later(caseId: string, afterMs: number): void;
}

/** Looks at a case once and does what is due; a case that went on meanwhile is left to the next look. */
export async function attendCase(caseId: string, options: BureauOptions): Promise<void> {
  const { ask } = options;
  const seen = (await ask('GET', `/v1/cases/${caseId}`)) as SeenCase;
  await answerMessages(seen, options);
  const isIssuing = seen.you.includes('issuing');
  if (isIssuing && UNANSWERED.includes(seen.state)) await attendAsIssuing(seen, options);
  const outcome = OUTCOMES[seen.state];
  if (!seen.you.includes('asking') || outcome === undefined) return;
  const leftMs = leftOf(seen, options.closeAfterMs);
  if (leftMs > 0) return options.later(caseId, leftMs);
  const reason = `The issuing bureau has answered: ${seen.state}.`;
  await move(seen, { to: 'closed', outcome, reason }, options);
}

async function attendAsIssuing(seen: SeenCase, options: BureauOptions): Promise<void> {
  if (seen.state !== 'acknowledged') {
    await move(seen, { to: 'acknowledged' }, options);
    return options.later(seen.id, options.answerAfterMs);
  }
  const leftMs = leftOf(seen, options.answerAfterMs);
  if (leftMs > 0) return options.later(seen.id, leftMs);
  await move(seen, ANSWERS[seen.record.category], options);
}

/** Milliseconds until the case has been in its state for so long. */
const leftOf = ({ stateSince }: SeenCase, afterMs: number): number =>
  Date.parse(stateSince) + afterMs - Date.now();

const move = ({ id, state }: SeenCase, to: object, { ask, tenant }: BureauOptions) =>
  ask('POST', `/v1/cases/${id}/transitions`, to, `${tenant} from ${state}`);

/** One line to each message of a person; under one key each, so that it is written once. */
async function answerMessages(
  { id }: SeenCase,
  { ask, tenant, played }: BureauOptions,
): Promise<void> {
  const path = `/v1/cases/${id}/messages`;
  let cursor = '';
  do {
    const page = (await ask('GET', `${path}?limit=200${cursor}`)) as SeenMessages;
    for (const { version, byTenant } of page.items) {
      if (byTenant === undefined || played.has(byTenant)) continue;
      const text = `TRAINING: ${tenant}, which is played, has read your message ${version}.`;
      await ask('POST', path, { text }, `answer to ${version}`);
    }
    cursor = page.next === undefined ? '' : `&cursor=${page.next}`;
  } while (cursor !== '');
}
