/**
 * A training beside the whole system: its edition, its central, and bureaus that are played.
 *
 * The documents are those of the sample export. Here it has the keys of the system; a real one has its
 * own (docs/operations.md, "Training").
 */

import { join } from 'node:path';
import { CENTRAL_SETTINGS, settingValues } from '../data-build/keys/key-settings.ts';
import { issueToken } from '../data-build/keys/token.ts';
import { TRAINING } from '../src/format/training.ts';
import type { System } from './system.ts';

/** Bureaus that are played: of the specimen state, and of the trainee's agency. */
const STATES = ['UTO', 'D'];

export interface TrainingPorts {
  central: number;
  origin: number;
}

/** The edge's setting for it. */
export const trainingCollection = ({ central, origin }: TrainingPorts): string =>
  JSON.stringify({
    [TRAINING]: {
      EDITIONS_ORIGIN: `http://127.0.0.1:${origin}`,
      CENTRAL_URL: `http://127.0.0.1:${central}`,
    },
  });

/** Builds, loads and starts it within the system, which stops it; a trainee's token for the edge. */
export async function startTraining(
  { keys, parts }: System,
  options: { stateDir: string; exportFiles: readonly string[]; ports: TrainingPorts },
): Promise<string> {
  const { stateDir, exportFiles, ports } = options;
  const folder = (name: string) => join(stateDir, `training-${name}`);
  const keysFile = join(stateDir, 'keys.json');
  const input = ['--profile', 'sltd', '--collection', TRAINING];
  const centralUrl = `http://127.0.0.1:${ports.central}`;
  const centralEnv = {
    ...settingValues(CENTRAL_SETTINGS, keys),
    ...{ COLLECTION: TRAINING, WEBHOOK_LOOPBACK: 'allow', DATABASE_URL: '' },
    DATABASE_FILE: folder('central.sqlite'),
    ATTACHMENTS_DIR: folder('attachments'),
    CARD_STORE: folder('cards'),
    PORT: String(ports.central),
    PUBLIC_URL: centralUrl,
  };
  await parts.run('training-build', [
    ...['data-build/cli.ts', 'build', ...input, '--keys', keysFile, '--out', folder('editions')],
    ...exportFiles,
  ]);
  await parts.run(
    'training-load',
    ['central/main.ts', 'load', ...input, ...exportFiles],
    centralEnv,
  );
  parts.serve('training-origin', [
    ...['data-build/cli.ts', 'origin', folder('editions'), '--port', String(ports.origin)],
    ...['--heartbeat', '--keys', keysFile],
  ]);
  parts.serve('training-central', ['central/main.ts', 'serve'], centralEnv);
  await parts.untilReady(`${centralUrl}/readyz`, 'training-central');
  parts.serve('training-bureaus', ['central/main.ts', 'simulate-bureaus', ...STATES], {
    CENTRAL_URL: centralUrl,
    TOKEN_SIGNING_KEY: JSON.stringify(keys.token),
  });
  return issueToken(keys, {
    ...{ role: 'officer', tenant: 'BORDER-D', site: 'FRA/7', minutes: 720 },
    collections: [TRAINING],
  });
}
