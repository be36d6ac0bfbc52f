import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { loadSqsClient, sqsPackage } from './load-client.ts';

const project = new URL('../../../../', import.meta.url);
const jsonOf = async (file: string) => JSON.parse(await readFile(new URL(file, project), 'utf8'));

it('names the command that installs a missing client', async () => {
  const missing = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
  await expect(loadSqsClient(() => Promise.reject(missing))).rejects.toMatchObject({
    reason: 'TASKS_MISCONFIGURED',
    message: expect.stringContaining(`npm install --save-prod --save-exact --omit=dev ${sqsPackage}`),
  });
});

it('names the version that the tests use, which production does not install', async () => {
  const { dependencies, devDependencies } = await jsonOf('package.json');
  expect(`@aws-sdk/client-sqs@${devDependencies['@aws-sdk/client-sqs']}`).toBe(sqsPackage);
  expect(Object.keys(dependencies).filter((name) => name.startsWith('@aws-sdk/'))).toEqual([]);
  const { packages } = await jsonOf('package-lock.json');
  const ofAmazon = Object.entries<{ readonly dev?: boolean }>(packages).filter(([path]) =>
    /\/@(aws-sdk|smithy)\//.test(path),
  );
  expect(ofAmazon.length).toBeGreaterThan(0);
  expect(ofAmazon.filter(([, { dev }]) => dev !== true)).toEqual([]);
});
