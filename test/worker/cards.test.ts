/** Cards that central's signed answer names: who is shown them, and for which documents. */

import { beforeEach, describe, expect, it } from 'vitest';
import type { CardLink } from '../../src/format/confirmation.ts';
import { Edge, SPECIMEN_FIELDS, SPECIMEN_KEY } from './edge.ts';

const card = (id: string, href: string | undefined = `https://central.example/cards/${id}`) => ({
  id,
  titles: { en: `Card ${id}`, fr: `Carte ${id}`, es: `Ficha ${id}`, ar: `بطاقة ${id}` },
  href,
});
/** With I for 1 it is a look-alike of what is listed. */
const LOOK_ALIKE = { ...SPECIMEN_FIELDS, number: '1898902C3' };
const LOOK_ALIKE_KEY = 'PUTO1898902C3';

describe('cards', () => {
  let edge: Edge;
  beforeEach(async () => {
    edge = await Edge.start();
    edge.central.list(SPECIMEN_KEY);
  });

  /** Central names these cards, by the keys that they fit. */
  const name = (byKey: Record<string, CardLink[]>) => {
    edge.central.change = (answer) => {
      const { keys } = edge.central.asked.at(-1)!.question;
      const cards = Object.values(byKey).flat();
      const results = answer.results.map((result, i) => ({
        ...result,
        cards: byKey[keys[i]!]?.map((one) => cards.indexOf(one)),
      }));
      return { ...answer, results, cards };
    };
  };

  it.each(['officer', 'ncb'])('of the kind of a hit are shown to an %s', async (role) => {
    const fitting = card('fits');
    name({ [SPECIMEN_KEY]: [fitting] });
    const { answer } = await edge.ask(SPECIMEN_FIELDS, { role });
    expect(answer).toMatchObject({ status: 'hit', cards: [fitting] });
    const batch = await edge.ask({ documents: [SPECIMEN_FIELDS] }, { role });
    expect(batch.answer.results).toMatchObject([{ status: 'hit', cards: [fitting] }]);
  });

  it.each(['carrier', 'integrator'])('are never shown to a %s', async (role) => {
    name({ [SPECIMEN_KEY]: [card('fits')] });
    const { answer } = await edge.ask(SPECIMEN_FIELDS, { role });
    expect(answer.status).toBe('candidate');
    expect(JSON.stringify(answer)).not.toMatch(/card|fits/i);
  });

  it('of what was read and of what is listed are shown with a confirmed candidate, each once', async () => {
    const both = card('both');
    const read = card('read');
    name({ [LOOK_ALIKE_KEY]: [both, read], [SPECIMEN_KEY]: [both] });
    const { http, answer } = await edge.ask(LOOK_ALIKE);
    expect([http, answer.status, answer.match.spelling]).toEqual([202, 'candidate', 'look-alike']);
    expect(answer.cards.map(({ id }: CardLink) => id)).toEqual(['both', 'read']);
  });

  it('come with a candidate once central has answered', async () => {
    edge.central.fault = async () => new Response('', { status: 500 });
    const first = await edge.check(SPECIMEN_FIELDS);
    expect(await first.json()).not.toHaveProperty('cards');
    edge.central.fault = undefined;
    name({ [SPECIMEN_KEY]: [card('fits')] });
    const again = await edge.get(first.headers.get('location')!);
    expect(await again.json()).toMatchObject({ status: 'hit', cards: [{ id: 'fits' }] });
  });

  it('without a page of their own are named, and a link of another kind proves nothing', async () => {
    name({ [SPECIMEN_KEY]: [{ ...card('fits'), href: undefined }] });
    const { answer } = await edge.ask(SPECIMEN_FIELDS);
    expect(answer.cards).toEqual([{ id: 'fits', titles: card('fits').titles }]);
    name({ [SPECIMEN_KEY]: [card('fits', 'javascript:alert(1)')] });
    expect((await edge.ask(SPECIMEN_FIELDS)).answer).toMatchObject({ status: 'candidate' });
  });
});
