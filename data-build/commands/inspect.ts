/** `sltd inspect`: shows what an edition directory, or one object of it, says. */

import { type Command, EXIT } from '../command.ts';
import { inspect, inspectionText } from '../edition/inspect.ts';

export const INSPECT: Command = {
  name: 'inspect',
  summary: 'shows what an edition directory or one of its objects says; needs no key',
  operands: 'PATH',
  operandCount: { min: 1, max: 1 },
  options: { json: { help: 'prints JSON' } },
  run: async ({ switches, operands }) => {
    const inspection = inspect(operands[0]!);
    const text = switches.has('json')
      ? JSON.stringify(inspection, null, 2)
      : inspectionText(inspection);
    process.stdout.write(`${text}\n`);
    return EXIT.ok;
  },
};
