import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tlsFolder } from '../../mesh/security/tls/testing/tls-folder.ts';
import { createTestCa } from '../../mesh/testing/certificates.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { userService } from '../../services/user/service.ts';

const program = fileURLToPath(new URL('../../deploy/health.ts', import.meta.url));

describe('deploy/health.ts, which probes pods with TLS', () => {
  let files: Awaited<ReturnType<typeof tlsFolder>>;
  let mesh: TestMesh;
  beforeAll(async () => {
    const ca = await createTestCa();
    const { cert, key } = ca.issueFor('user');
    files = await tlsFolder({ TLS_CERT: cert, TLS_KEY: key, TLS_CA: ca.cert });
    mesh = await startMesh([userService], { ...files.settings });
  });
  afterAll(async () => {
    await mesh.stop();
    await files[Symbol.asyncDispose]();
  });

  const askAt = (address: string, ...args: readonly string[]) =>
    promisify(execFile)(process.execPath, [program, ...args], {
      env: { ...process.env, ...files.settings, GRPC_LISTEN: address },
    });
  const ask = (...args: readonly string[]) => askAt(mesh.address, ...args);

  it.each([[[]], [['ordermesh.process']], [['user.v1.UserService']]])(
    'succeeds for names that serve: %j',
    async (names) => {
      await expect(ask(...names)).resolves.toMatchObject({ stderr: '' });
    },
  );

  it('asks at the address that the process listens at', async () => {
    const port = mesh.address.slice(mesh.address.lastIndexOf(':') + 1);
    await expect(askAt(`0.0.0.0:${port}`)).resolves.toMatchObject({ stderr: '' });
    await expect(askAt(`127.0.0.2:${port}`)).rejects.toMatchObject({ stderr: expect.stringContaining('127.0.0.2') });
  });

  it('fails, and says why, for a name that there is not, and when nobody listens', async () => {
    await expect(ask('user.v1.UserServices')).rejects.toMatchObject({
      code: 1,
      stderr: '"user.v1.UserServices" is not serving: the log of the container says why\n',
    });
    await mesh.stop();
    await expect(ask()).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^.*connect ECONNREFUSED .*\n$/),
    });
  });
});
