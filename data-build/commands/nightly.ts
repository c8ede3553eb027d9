/** `sltd nightly`: the whole night by one settings file, for cron, systemd or a workflow. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, errorLine } from '../command.ts';
import { GateRefusal, quarantineText } from '../gates/quarantine.ts';
import { readConfig } from '../nightly/config.ts';
import { reportNight } from '../nightly/report-night.ts';
import { runNight } from '../nightly/run.ts';
import { withRunLock } from '../nightly/run-lock.ts';
import { SECRET_NAME, webhookSecret } from '../nightly/webhook.ts';
import { Progress } from '../progress.ts';

export const NIGHTLY: Command = {
  name: 'nightly',
  summary: 'fetches the exports, builds, verifies and publishes an edition, and tells about it',
  options: {
    config: { value: 'FILE', help: 'the settings (examples/nightly/sltd.toml)', required: true },
  },
  run: async ({ values, signal }) => {
    const config = readConfig(values.config!);
    const secret = webhookSecret(process.env[SECRET_NAME]);
    mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
    return withRunLock(join(config.stateDir, 'nightly.lock'), async () => {
      const startedAt = new Date();
      const progress = new Progress(process.stderr);
      const told = { config, startedAt, secret, times: progress.times };
      let summary: Awaited<ReturnType<typeof reportNight>>;
      try {
        const result = await runNight({ config, progress, signal });
        summary = await reportNight(told, { result });
        for (const { name, code, details = [] } of result.feeds) {
          if (code) process.stderr.write(`sltd: feed ${name}: ${code}: ${details.join('; ')}\n`);
        }
      } catch (error) {
        progress.finish();
        if (error instanceof GateRefusal) {
          process.stderr.write(`${quarantineText(error.quarantine)}\n`);
        }
        process.stderr.write(`sltd: ${errorLine(error)}\n`);
        summary = await reportNight(told, { error });
      }
      if (summary.notified === false) process.stderr.write('sltd: the webhook could not be told\n');
      process.stdout.write(`${JSON.stringify(summary)}\n`);
      return summary.exitCode;
    });
  },
};
