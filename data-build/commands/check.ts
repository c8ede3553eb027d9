/** `sltd check`: asks an edition for one document, as the edge would. */

import { readFileSync } from 'node:fs';
import { openStore } from '../../publish/open-store.ts';
import { queryFromFields, queryFromMrz } from '../../src/document/query.ts';
import { SltdError } from '../../src/errors.ts';
import { owesReports } from '../../src/format/reports.ts';
import { type Command, EXIT, KEYS_OPTION, UsageError } from '../command.ts';
import { askEdition } from '../edition/ask-edition.ts';
import { openEdition } from '../edition/open-edition.ts';
import { readKeys } from '../keys/keys.ts';
import { readMatcherModule } from '../matcher-module.ts';

export const CHECK: Command = {
  name: 'check',
  summary: 'asks an edition for one document, offline: candidate, or absent',
  operands: 'STORE',
  operandCount: { min: 1, max: 1 },
  options: {
    keys: KEYS_OPTION,
    mrz: { value: 'TEXT', help: 'the machine readable zone; "-" reads it from stdin' },
    number: { value: 'NUMBER', help: 'the document number; "-" reads it from stdin' },
    state: { value: 'CODE', help: 'the issuing state' },
    class: { value: 'CLASS', help: 'passport, identity, visa, other; every class if not given' },
    json: { help: 'prints JSON' },
  },
  run: async ({ values, switches, operands }) => {
    const result = parse(values);
    if (!result.ok) throw new SltdError(result.code);
    const store = openStore(operands[0]!);
    const edition = await openEdition(
      store,
      readKeys(values.keys, ['epochKey', 'edition', 'overlay', 'head']),
    );
    const { head, manifest, overlay } = edition;
    if (Date.now() >= head.notAfter) throw new SltdError('edition-expired');
    if (owesReports(head, manifest, overlay)) throw new SltdError('reports-missing');
    const module = readMatcherModule();
    const answer = await askEdition({ store, edition, module, query: result.query });
    const asOf = new Date(head.asOf).toISOString();
    const edition64 = Buffer.from(head.manifestSha256).toString('hex');
    const listed = { edition: edition64, sequence: head.sequence, asOf };
    if (switches.has('json')) {
      process.stdout.write(`${JSON.stringify({ ...answer, ...listed })}\n`);
      return EXIT.ok;
    }
    const meaning =
      answer.verdict === 'candidate'
        ? 'The document may be listed: central has to confirm it. This is no hit.'
        : `Not reported as of ${asOf}. It does not say that the document is valid.`;
    const lines = [
      `verdict    ${answer.verdict}`,
      ...(answer.category ? [`category   ${answer.category}`] : []),
      ...(answer.spelling ? [`spelling   ${answer.spelling}`] : []),
      ...(answer.withdrawalPending ? ['withdrawal on its way: central decides'] : []),
      `coverage   ${answer.coverage}`,
      `edition    ${edition64}, sequence ${head.sequence}`,
      `as of      ${asOf}`,
      meaning,
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
    return EXIT.ok;
  },
};

function parse(values: Readonly<Record<string, string | undefined>>) {
  const { mrz, number, state, class: documentClass } = values;
  const isFields = number !== undefined && state !== undefined;
  if ((mrz !== undefined) === isFields || (mrz !== undefined && (number || state))) {
    throw new UsageError('give either --mrz, or --number and --state');
  }
  // What stands in a command line, other users of the machine can read: hence stdin.
  const given = (text: string): string => (text === '-' ? readFileSync(0, 'utf8').trim() : text);
  if (mrz !== undefined) return queryFromMrz(given(mrz), documentClass);
  return queryFromFields({
    ...{ number: given(number!), issuingState: state! },
    ...(documentClass === undefined ? {} : { documentClass }),
  });
}
