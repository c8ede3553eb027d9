/** `sltd token`: prints a caller token, signed with the token key. */

import type { StateCode } from '../../src/document/issuing-state.ts';
import { callerStateOf } from '../../src/format/caller-state.ts';
import { parseCollections } from '../../src/format/collection.ts';
import { ROLES } from '../../src/format/role.ts';
import { type Command, EXIT, KEYS_OPTION, oneOf, UsageError, wholeNumber } from '../command.ts';
import { readKeys } from '../keys/keys.ts';
import { issueToken, TOKEN_MINUTES_MAX } from '../keys/token.ts';

export const TOKEN: Command = {
  name: 'token',
  summary: 'prints a caller token for the edge or for central',
  options: {
    keys: KEYS_OPTION,
    role: { value: 'ROLE', help: ROLES.join(', '), required: true },
    tenant: { value: 'NAME', help: 'whom the caller works for', required: true },
    audience: { value: 'NAME', help: 'whom it is for: edge, central', default: 'edge' },
    site: { value: 'NAME', help: 'the post or the system', required: true },
    subject: { value: 'NAME', help: 'who it is within the site; the site if not given' },
    collections: { value: 'NAMES', help: 'what a check at the edge asks, such as sltd,tdawn' },
    state: { value: 'CODE', help: 'which state it works for; a bureau needs none' },
    minutes: { value: 'N', help: 'how long it is valid', default: '60' },
  },
  run: async (input) => {
    const { values } = input;
    const audience = oneOf(input, 'audience', ['edge', 'central'] as const);
    const token = await issueToken(readKeys(values.keys, ['token']), {
      role: oneOf(input, 'role', ROLES),
      tenant: values.tenant!,
      site: values.site!,
      audience,
      minutes: wholeNumber(input, 'minutes', { min: 1, max: TOKEN_MINUTES_MAX[audience] }),
      ...(values.collections === undefined ? {} : { collections: namesOf(values.collections) }),
      ...(values.state === undefined ? {} : { state: stateOf(values.state, values.tenant!) }),
      ...(values.subject === undefined ? {} : { subject: values.subject }),
    });
    process.stdout.write(`${token}\n`);
    return EXIT.ok;
  },
};

function stateOf(text: string, tenant: string): StateCode {
  const state = callerStateOf(text, tenant);
  if (state === undefined || state === 'invalid') {
    throw new UsageError('--state takes a code of Doc 9303-3, that of the bureau if it is one');
  }
  return state;
}

function namesOf(text: string): readonly string[] {
  const names = parseCollections(text.split(','));
  if (!names) throw new UsageError('--collections takes up to 4 different names');
  return names;
}
