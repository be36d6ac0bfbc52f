import { unlink } from 'node:fs/promises';
import { expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../config/config.ts';
import { createPrometheusMetrics } from '../../metrics/prometheus/prometheus-metrics.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { selfSigned } from '../../testing/certificates.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { openHttpIdentity } from './http-tls.ts';
import { tlsFolder } from './testing/tls-folder.ts';
import { createTlsStates, measureTlsFiles } from './tls-states.ts';

it('a file that cannot be used is a metric, and has its problem in the status', async () => {
  const { cert, key } = selfSigned({ names: ['localhost'], isCa: false });
  const folder = await tlsFolder({ HTTP_TLS_CERT: cert, HTTP_TLS_KEY: key });
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const { logger } = captureLog();
  const clock = createTestClock(Date.now());
  const identity = openHttpIdentity(readConfig(folder.settings), undefined, { clock, logger });
  if (identity === undefined) throw new Error('there is a certificate');
  onTestFinished(() => identity.close());
  const states = createTlsStates();
  states.add(identity);
  const metrics = createPrometheusMetrics({ clock, logger });
  measureTlsFiles(states, metrics);
  const shown = async (setting: string) =>
    new RegExp(`^ordermesh_tls_files_refused\\{setting="${setting}"\\} (\\d)$`, 'm').exec(
      (await metrics.scrape()).text,
    )?.[1];
  expect([await shown('HTTP_TLS_CERT'), await shown('HTTP_TLS_KEY')]).toEqual(['0', '0']);
  expect(states.refused()).toEqual([]);
  await unlink(folder.settings.HTTP_TLS_KEY ?? '');
  for (let looks = 0; looks < 3; looks += 1) {
    clock.advance(1_000);
    await eventually(() => expect(clock.pendingMs()).toHaveLength(1));
  }
  expect([await shown('HTTP_TLS_CERT'), await shown('HTTP_TLS_KEY')]).toEqual(['0', '1']);
  const problem = expect.stringMatching(/^HTTP_TLS_KEY names .*, which cannot be read/);
  expect(states.refused()).toEqual([{ setting: 'HTTP_TLS_KEY', problem }]);
});
