import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readConfig } from '../../mesh/config/config.ts';
import { processSettings } from '../../mesh/config/process-settings.ts';
import { withSettingFiles } from '../../mesh/config/setting-files.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { planMesh } from './plan.ts';
import { readSecretFiles } from './secret-files.ts';

it('a process of a split mesh starts with secrets in files, and has none in its environment', async () => {
  await using folder = await tempFolder();
  const database = 'postgres://mesh:s3cret@127.0.0.1/<service>';
  const file = join(folder.path, 'database');
  await writeFile(file, database, { mode: 0o600 });
  const given = { DATABASE_URL_FILE: file, EVENTS_URL_FILE: join(folder.path, 'none') };
  const resolved = {
    ...withSettingFiles({ DATABASE_URL_FILE: file }, [processSettings.databaseUrl]),
    EVENTS_URL: 'kafka://a',
  };
  const [planned] = planMesh({
    services: ['user'],
    gatewayAddress: '127.0.0.1:50051',
    gatewayHttp: 'off',
    replicas: () => 1,
    dataDir: folder.path,
    servers: { database, events: 'kafka://127.0.0.1:9092', tasks: 'amqp://127.0.0.1' },
    environment: resolved,
  });
  if (!planned) throw new Error('nothing is planned');
  const { environment } = readSecretFiles(planned, given, resolved);
  expect(JSON.stringify(environment)).not.toContain('s3cret');
  const config = readConfig({ ...given, ...environment }, { settings: [], services: ['user'] });
  expect(config.databaseUrl).toContain('s3cret');
  expect(config.eventsUrl).toBe('kafka://127.0.0.1:9092');
});
