import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SQS } from '@aws-sdk/client-sqs';
import { expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { describeWithElasticmq, startElasticmq, testCredentials } from '../../mesh/testing/servers/elasticmq.ts';
import { startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';

const page = new URL('../../docs/operating.md', import.meta.url);
const slowly = { timeoutMs: 60_000, intervalMs: 100 };

/** The settings of the command in the docs, for a server at this endpoint. */
async function settingsOfDocs(endpoint: string): Promise<Record<string, string>> {
  const command = /^AWS_ACCESS_KEY_ID=.*TASKS_URL='sqs:.* make start$/m.exec(await readFile(page, 'utf8'))?.[0] ?? '';
  const settings = [...command.matchAll(/([A-Z_]+)='?([^' ]+)'?/g)].map(([, name = '', value = '']) => [
    name,
    value.replace('http://localhost:9324', endpoint),
  ]);
  return Object.fromEntries(settings);
}

describeWithElasticmq('a mesh with tasks on SQS, started as docs/operating.md shows it', () => {
  it('sends the mail that a program without the mesh queued, and keeps what it cannot read', async () => {
    await using server = await startElasticmq();
    await using folder = await tempFolder();
    const settings = await settingsOfDocs(server.endpoint);
    expect(settings.TASKS_URL).toBe(`sqs://eu-central-1?endpoint=${server.endpoint}`);
    await using mesh = await startProcess({ dataDir: folder.path, environment: settings });
    Object.assign(process.env, testCredentials);
    const client = new SQS({ region: 'eu-central-1', endpoint: server.endpoint });
    const queue = await eventually(() => client.getQueueUrl({ QueueName: 'email-jobs' }), slowly);
    const send = (MessageBody: string) => client.sendMessage({ QueueUrl: queue.QueueUrl, MessageBody });
    await send('this is no job');
    await send(JSON.stringify({ to: 'user@example.com', template: 'welcome' }));
    const mails = join(folder.path, 'mail');
    await eventually(async () => {
      const files = await readdir(mails);
      const texts = await Promise.all(files.map((file) => readFile(join(mails, file), 'utf8')));
      expect(texts.join('\n')).toContain('To: user@example.com');
    }, slowly);
    client.destroy();
    expect(await mesh.stop()).toMatchObject({ code: 0 });
  }, 300_000);
});
